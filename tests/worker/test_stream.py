"""Feeds, queues and drains: nothing is lost between a provider that forgets and a worker that dies."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import structlog

from adapters.errors import Refused, Unreachable
from rules.statuses import Mark
from store.connections import Pool
from tests.worker.pretend import Provider, account, budget, desk, raising, record, statuses
from worker import writing
from worker.desk import Desk
from worker.poll import poll
from worker.reread import reread
from worker.sweep import sweep

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

HORIZON = timedelta(minutes=30)
LATER = timedelta(days=1)


class Killed(BaseException):
    """The process ends here."""


def feed() -> dict[str, Any]:
    return {"ids": 0, "feed": 3, "horizon": HORIZON}


async def again(at: Desk) -> None:
    """Read the stream once more."""
    await at.pool.execute("update landed.account set next_read_at = null, lease_until = null")
    await poll(at, "w", budget())


def ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


async def test_a_feed_is_read_to_its_end_and_young_events_count_at_once(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(**feed()))
    await record(at, ["a", "b"])
    provider.events = [(ago(50), "a", "delivered"), (ago(1), "b", "failed")]

    await poll(at, "w", budget())

    assert await statuses(pool) == {"a": "delivered", "b": "failed"}


async def test_the_position_moves_only_past_pages_older_than_the_horizon(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(**feed()))
    await record(at, ["a"])
    provider.events = [(ago(60), "x", "sent")] * 3 + [(ago(10), "a", "sent")]

    await poll(at, "w", budget())

    assert await pool.fetchval("select position from landed.account") == "3"


async def test_an_event_inserted_late_into_a_page_already_read_is_found(pool: Pool, provider: Provider) -> None:
    """Mailgun: events reach the store out of order, so something can be inserted into a page already read."""
    at = await desk(pool, provider, account(**feed()))
    await record(at, ["a", "b"])
    provider.events = [(ago(60), "x", "sent")] * 3 + [(ago(10), "a", "delivered")]
    await poll(at, "w", budget())
    provider.events.append((ago(20), "b", "delivered"))
    at.head.again_at = ago(0)

    await again(at)

    assert await statuses(pool) == {"a": "delivered", "b": "delivered"}


async def test_between_full_reads_only_the_end_of_a_feed_is_read(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(**feed()))
    await record(at, ["a"])
    provider.events = [(ago(20), f"x{number}", "sent") for number in range(9)]
    await poll(at, "w", budget())
    provider.asked.clear()

    await again(at)

    assert [what["position"] for what in provider.asked] == ["9"]


async def test_events_read_again_are_dropped_before_the_database(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(**feed()))
    await record(at, ["a"])
    provider.events = [(ago(20), "a", "deferred")]
    await poll(at, "w", budget())
    at.head.again_at = ago(0)
    reports = await pool.fetchval("select count(*) from landed.event")

    await again(at)

    assert len(provider.asked) > 2
    assert await pool.fetchval("select count(*) from landed.event") == reports


async def test_a_feed_read_past_the_deadline_is_the_last_look(pool: Pool, provider: Provider) -> None:
    """The provider cannot be asked about one message, so the feed must be trusted past the deadline."""
    asking = account(**feed())
    at = await desk(pool, provider, asking)
    await record(at, ["young", "old"], age=timedelta(hours=48, minutes=20))
    await pool.execute(
        "update landed.watch set deadline_at = deadline_at - interval '20 minutes' where provider_id = 'old'"
    )

    await poll(at, "w", budget())
    await sweep(pool, "pretend", asking)

    assert await statuses(pool) == {"young": "sent", "old": "timed_out"}


async def test_a_late_answer_corrects_a_guess(pool: Pool, provider: Provider) -> None:
    """alphagov: late delivered dropped after the sweep."""
    at = await desk(pool, provider, account(ids=10, feed=3))
    await record(at, ["a"], age=timedelta(hours=49))
    await poll(at, "w", budget())
    guessed = await statuses(pool)
    provider.events = [(ago(1), "a", "delivered")]

    await again(at)

    assert (guessed, await statuses(pool)) == ({"a": "timed_out"}, {"a": "delivered"})


async def test_a_queue_is_emptied_and_confirmed_page_by_page(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(ids=0, queue=3))
    names = [f"m{number}" for number in range(7)]
    await record(at, names)
    provider.queue = [(name, "delivered") for name in names]

    await poll(at, "w", budget())

    assert set((await statuses(pool)).values()) == {"delivered"}
    assert (provider.confirmed, provider.queue) == (names, [])


async def test_a_queue_is_not_confirmed_before_our_commit(
    pool: Pool, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await desk(pool, provider, account(ids=0, queue=3))
    await record(at, ["a"])
    provider.queue = [("a", "delivered")]

    async def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(writing, "join", killed)
        with pytest.raises(Killed):
            await poll(at, "w", budget())
    before = (list(provider.confirmed), await statuses(pool))
    await again(at)

    assert before == ([], {"a": "sent"})
    assert (provider.confirmed, await statuses(pool)) == (["a"], {"a": "delivered"})


async def test_a_queue_that_does_not_let_us_confirm_is_left_alone_and_people_are_told(
    pool: Pool, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await desk(pool, provider, account(ids=0, queue=3))
    await record(at, ["a"])
    provider.queue = [("a", "delivered")] * 3
    answer = provider.send

    async def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404, request=request) if request.url.path == "/confirm" else await answer(request)

    monkeypatch.setattr(provider, "send", refuse)

    await poll(at, "w", budget())

    assert await statuses(pool) == {"a": "delivered"}
    assert len(provider.asked) == 1
    assert "does not let us confirm" in await pool.fetchval("select trouble_said from landed.account")


async def test_a_drained_answer_survives_being_killed_before_it_is_parsed(
    pool: Pool, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Infobip gives each report once: what was taken and not applied must be in the journal."""
    asking = account(ids=0, drain=3)
    at = await desk(pool, provider, asking)
    provider.drains = True
    await record(at, ["a"])
    provider.queue = [("a", "delivered")]

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("worker.stream.read", killed)
        with pytest.raises(Killed):
            await poll(at, "w", budget())
    lost = await statuses(pool)
    await pool.execute("update landed.journal set at = at - interval '1 hour'")
    await reread(pool, {"pretend": asking}, drains_only=True)

    assert (lost, await statuses(pool)) == ({"a": "sent"}, {"a": "delivered"})
    assert await pool.fetchval("select count(*) from landed.journal where read_at is null") == 0


async def test_kept_answers_are_read_again_once_the_adapter_knows_the_word(
    pool: Pool, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = account()
    at = await desk(pool, provider, asking)
    await record(at, ["a"])
    provider.known = {"a": "arrived"}
    await poll(at, "w", budget())
    known = {**asking.adapter.STATUSES, "arrived": asking.adapter.STATUSES["delivered"]}
    monkeypatch.setattr(asking.adapter, "STATUSES", known)

    done = await reread(pool, {"pretend": asking})

    assert (done.read, await statuses(pool)) == (1, {"a": "delivered"})
    assert await pool.fetchval("select mended_at is not null from landed.unknown_word")


async def test_a_stream_in_trouble_rests_and_is_read_on_from_where_it_stood(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(**feed()))
    await record(at, ["a"])
    provider.events = [(ago(60), "x", "sent")] * 3
    await poll(at, "w", budget())
    provider.trouble = raising(Unreachable("pretend: no answer"))
    await again(at)
    provider.trouble = lambda _what: None
    provider.events.append((ago(1), "a", "delivered"))
    await pool.execute("update landed.account set ask_after = null")

    await again(at)

    assert await statuses(pool) == {"a": "delivered"}
    assert await pool.fetchval("select failures from landed.account") == 0


def refusing(provider: Provider, **error: bool) -> None:
    """The provider refuses the position 7, and reads from a time."""

    def trouble(what: dict[str, object]) -> None:
        if what["position"] == "7":
            raise Refused("pretend: bad page", **error)

    provider.trouble = trouble


async def again_after_a_rest(at: Desk) -> None:
    await at.pool.execute("update landed.account set ask_after = null")
    await again(at)


async def test_a_position_that_is_refused_again_and_again_is_given_up_and_what_was_missed_is_read(
    pool: Pool, provider: Provider
) -> None:
    """After a long stop it is too old, and would be refused for ever."""
    at = await desk(pool, provider, account(**feed(), retention=timedelta(days=3)))
    await record(at, ["a"], age=timedelta(hours=20))
    await pool.execute("update landed.account set position = '7', read_until = now() - interval '9 days'")
    provider.events = [(ago(60 * 70), "x", "sent"), (ago(60 * 10), "a", "delivered")]
    refusing(provider)
    with structlog.testing.capture_logs() as logs:
        for _ in range(4):
            await again_after_a_rest(at)

    first = next(what for what in provider.asked if what["position"] is None)
    resets = [one for one in logs if one["event"] == "feed_position_reset"]
    row = await pool.fetchrow("select position, failures, trouble from landed.account")
    assert await statuses(pool) == {"a": "delivered"}
    assert [(one["log_level"], one["account"], one["position"]) for one in resets] == [("error", "pretend", "7")]
    assert timedelta(hours=70) < datetime.now(UTC) - datetime.fromisoformat(str(first["since"])) < timedelta(days=3)
    assert dict(row or {}) == {"position": "2", "failures": 0, "trouble": None}


@pytest.mark.parametrize("error", [{"credentials": True}, {}])
async def test_a_position_is_kept_where_something_else_is_refused_or_only_once(
    pool: Pool, provider: Provider, error: dict[str, bool]
) -> None:
    at = await desk(pool, provider, account(**feed()))
    await record(at, ["a"])
    await pool.execute("update landed.account set position = '7'")
    refusing(provider, **error)
    for _ in range(4 if error else 2):
        await again_after_a_rest(at)

    assert await pool.fetchval("select position from landed.account") == "7"


async def test_a_refused_end_of_a_feed_is_read_again_from_the_trusted_position_first(
    pool: Pool, provider: Provider
) -> None:
    at = await desk(pool, provider, account(**feed()))
    await record(at, ["a"])
    provider.events = [(ago(60), f"x{number}", "sent") for number in range(3)] + [(ago(10), "a", "sent")]
    await poll(at, "w", budget())
    trusted = await pool.fetchval("select position from landed.account")
    provider.asked.clear()

    def trouble(what: dict[str, object]) -> None:
        if what["position"] not in {None, trusted}:
            raise Refused("pretend: bad page")

    provider.trouble = trouble
    for _ in range(2):
        await again_after_a_rest(at)

    assert [what["position"] for what in provider.asked][:2] == ["4", trusted]


async def test_without_open_messages_a_stream_is_read_more_rarely(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(ids=0, queue=3, read_every=timedelta(seconds=10)))

    await poll(at, "w", budget())

    pause = await pool.fetchval("select next_read_at - clock_timestamp() from landed.account")
    assert timedelta(seconds=100) < pause <= timedelta(seconds=200)


async def test_an_empty_queue_read_after_the_deadline_is_the_last_look(pool: Pool, provider: Provider) -> None:
    asking = account(ids=0, queue=3)
    at = await desk(pool, provider, asking)
    await record(at, ["a"], age=timedelta(hours=49))

    await poll(at, "w", budget())
    await sweep(pool, "pretend", asking)

    count = await pool.fetchval("select count(*) from landed.message where heard & $1::integer <> 0", Mark.LOOKED.bit)
    assert (await statuses(pool), count) == ({"a": "timed_out"}, 1)

"""A poll asks about what is due, joins what it hears, and settles what had its last look."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.errors import Refused, Throttled, Unreachable
from rules.statuses import Mark
from store import accounts
from store.connections import Pool
from tests.worker.pretend import Provider, account, budget, desk, one, raising, record, statuses
from worker.poll import poll
from worker.settling import Terms
from worker.sweep import sweep

LONG_AGO = timedelta(hours=49)


async def heard(pool: Pool, mark: Mark) -> int:
    """How many messages carry a mark."""
    count: int = await pool.fetchval("select count(*) from landed.message where heard & $1::integer <> 0", mark.bit)
    return count


async def test_what_the_provider_says_becomes_the_status(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await record(at, ["a", "b", "c"])
    provider.known = {"a": "delivered", "b": "hard_bounced", "c": "deferred"}

    await poll(at, "w", budget())

    assert await statuses(pool) == {"a": "delivered", "b": "hard_bounced", "c": "deferred"}


async def test_what_is_not_found_stays_as_it_is_and_is_asked_again_later(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await record(at, ["a"])

    await poll(at, "w", budget())

    watch = await one(pool, "select found, looks, next_look_at > clock_timestamp() as later from landed.watch")
    assert await statuses(pool) == {"a": "sent"}
    assert dict(watch) == {"found": False, "looks": 1, "later": True}


async def test_the_last_look_settles_what_is_still_open(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await record(at, ["still sent", "put off", "delivered at last", "not found"], age=LONG_AGO)
    provider.known = {"still sent": "sent", "put off": "deferred", "delivered at last": "delivered"}

    await poll(at, "w", budget())

    expected = {
        "still sent": "timed_out",
        "put off": "expired_ours",
        "delivered at last": "delivered",
        "not found": "timed_out",
    }
    assert await statuses(pool) == expected
    assert (await heard(pool, Mark.LOOKED), await heard(pool, Mark.NOT_FOUND)) == (2, 1)
    assert await pool.fetchval("select count(*) from landed.watch") == 0


async def test_a_route_without_receipts_settles_as_unconfirmed(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(confirms=False))
    await record(at, ["a"], age=LONG_AGO)
    provider.known = {"a": "sent"}

    await poll(at, "w", budget())

    assert await statuses(pool) == {"a": "unconfirmed"}


async def test_a_message_nobody_can_ask_about_settles_at_its_deadline_and_says_so(
    pool: Pool, provider: Provider
) -> None:
    at = await desk(pool, provider)
    await record(at, [None], age=LONG_AGO, reference="mine")  # type: ignore[list-item]

    await poll(at, "w", budget())

    assert await statuses(pool) == {"mine": "timed_out"}
    assert (await heard(pool, Mark.UNASKABLE), provider.asked) == (1, [])


async def test_a_message_is_found_by_the_senders_reference_and_learns_its_id(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(references=5))
    await record(at, [None], reference="mine")  # type: ignore[list-item]
    provider.known, provider.references = {"a": "delivered"}, {"a": "mine"}

    await poll(at, "w", budget())

    assert await statuses(pool) == {"a": "delivered"}


async def test_a_provider_that_forgets_is_asked_just_before_and_the_message_settles_at_its_deadline(
    pool: Pool, provider: Provider
) -> None:
    at = await desk(pool, provider, account(retention=timedelta(hours=24)))
    await record(at, ["a"], age=timedelta(hours=23, minutes=30))
    provider.known = {"a": "deferred"}

    await poll(at, "w", budget())

    watch = await one(pool, "select next_look_at = deadline_at as waits from landed.watch")
    assert (watch["waits"], await statuses(pool)) == (True, {"a": "deferred"})


async def test_after_the_provider_forgot_the_message_settles_without_being_asked_again(
    pool: Pool, provider: Provider
) -> None:
    at = await desk(pool, provider, account(retention=timedelta(hours=24)))
    await record(at, ["a"], age=LONG_AGO)
    await pool.execute("update landed.watch set looked_at = sent_at + interval '23.5 hours', found = true")

    await poll(at, "w", budget())

    assert (await statuses(pool), provider.asked) == ({"a": "timed_out"}, [])
    assert await heard(pool, Mark.LOOKED) == 1


async def test_the_same_answer_again_writes_nothing(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await record(at, ["a"])
    provider.known = {"a": "sent"}
    await poll(at, "w", budget())
    await pool.execute("update landed.watch set next_look_at = clock_timestamp()")
    before = await pool.fetchval("select xmin::text from landed.message")

    done = await poll(at, "w", budget())

    assert (done.looked, done.written) == (1, 0)
    assert await pool.fetchval("select xmin::text from landed.message") == before


async def test_an_unreachable_provider_costs_no_looks_and_is_left_alone(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await record(at, ["a", "b"])
    provider.trouble = raising(Unreachable("pretend: no answer"))

    await poll(at, "w", budget())

    assert await pool.fetchval("select sum(looks) from landed.watch") == 0
    row = await one(
        pool, "select trouble, failures, ask_after > clock_timestamp() as rests, lease_until from landed.account"
    )
    assert dict(row) == {"trouble": "unreachable", "failures": 1, "rests": True, "lease_until": None}


async def test_a_provider_that_failed_is_first_asked_one_thing(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(ids=1))
    await record(at, [f"m{number}" for number in range(5)])
    provider.trouble = raising(Unreachable("pretend: no answer"))
    await poll(at, "w", budget())
    provider.asked.clear()
    await pool.execute("update landed.account set ask_after = null")

    await poll(at, "w", budget())

    assert len(provider.asked) == 1


async def test_a_provider_that_is_well_again_closes_the_breaker(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await record(at, ["a"])
    await pool.execute("update landed.account set failures = 3, trouble = 'unreachable', trouble_since = now()")
    provider.known = {"a": "delivered"}

    await poll(at, "w", budget())

    row = await one(pool, "select failures, trouble, trouble_since from landed.account")
    assert dict(row) == {"failures": 0, "trouble": None, "trouble_since": None}


@pytest.mark.parametrize("error", [Throttled, Unreachable])
async def test_retry_after_is_kept_for_all_workers(
    pool: Pool, provider: Provider, error: type[Throttled | Unreachable]
) -> None:
    """Also where a provider in trouble says when it will be back."""
    at = await desk(pool, provider)
    await record(at, ["a"])
    provider.trouble = raising(error("pretend: not now", timedelta(minutes=7)))

    await poll(at, "w", budget())

    rest = await pool.fetchval("select ask_after - clock_timestamp() from landed.account")
    assert timedelta(minutes=6) < rest <= timedelta(minutes=7)


async def test_refused_credentials_stop_the_account_until_they_change(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await record(at, ["a"])
    provider.trouble = raising(Refused("pretend: wrong key", credentials=True))
    await poll(at, "w", budget())
    later = await pool.fetchval("select clock_timestamp() + interval '1 year'")

    async with pool.acquire() as connection:
        same = await accounts.askable(connection, later, [accounts.Askable("pretend", "first", streams=False)])
        changed = await accounts.askable(connection, later, [accounts.Askable("pretend", "second", streams=False)])

    assert (same, [name for name, _ in changed]) == ([], ["pretend"])


async def test_one_message_that_is_refused_does_not_spoil_the_others(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await record(at, [f"m{number}" for number in range(8)])
    provider.known = {f"m{number}": "delivered" for number in range(8)}

    def trouble(what: dict[str, object]) -> None:
        if "m5" in str(what):
            raise Refused("pretend: bad id")

    provider.trouble = trouble

    await poll(at, "w", budget())

    expected = {f"m{number}": "delivered" for number in range(8)} | {"m5": "sent"}
    assert await statuses(pool) == expected


async def test_one_answer_that_cannot_be_read_is_kept_and_does_not_spoil_the_others(
    pool: Pool, provider: Provider
) -> None:
    at = await desk(pool, provider, account(ids=1))
    await record(at, [f"m{number}" for number in range(4)])
    provider.known = {f"m{number}": "delivered" for number in range(4)}
    provider.trouble = lambda what: b"rubbish" if "m2" in str(what) else None

    await poll(at, "w", budget())

    assert (await statuses(pool))["m2"] == "sent"
    assert sorted((await statuses(pool)).values()) == ["delivered"] * 3 + ["sent"]
    assert await pool.fetchval("select convert_from(body, 'UTF8') from landed.journal") == "rubbish"


@pytest.mark.parametrize("limits", [{"ids": 1}, {"ids": 0, "listing": 10}])
async def test_an_answer_that_was_cut_on_its_way_is_asked_for_again_at_once(
    pool: Pool, provider: Provider, limits: dict[str, Any]
) -> None:
    at = await desk(pool, provider, account(**limits))
    await record(at, ["a", "b"])
    provider.known = {"a": "delivered", "b": "delivered"}
    provider.sent_at = {name: datetime.now(UTC) - timedelta(hours=1) for name in provider.known}
    provider.trouble = lambda _what: b'{"items": [[' if len(provider.asked) == 1 else None

    await poll(at, "w", budget())

    assert await statuses(pool) == {"a": "delivered", "b": "delivered"}
    assert await pool.fetchval("select count(*) from landed.journal") == 1


async def test_what_a_window_does_not_show_is_looked_up_in_the_same_poll(pool: Pool, provider: Provider) -> None:
    """Twilio: a message that was never sent has no time of sending, so no window has it."""
    at = await desk(pool, provider, account(ids=1, listing=10))
    names = [f"m{number}" for number in range(6)]
    await record(at, names)
    provider.known = dict.fromkeys(names, "delivered") | {"m4": "not_sent"}
    provider.sent_at = {name: datetime.now(UTC) - timedelta(hours=1) for name in names if name not in {"m4", "m5"}}
    del provider.known["m5"]

    await poll(at, "w", budget())

    assert await statuses(pool) == dict.fromkeys(names, "delivered") | {"m4": "not_sent", "m5": "sent"}
    assert [what["shape"] for what in provider.asked] == ["window", "ids", "ids"]
    assert await pool.fetchval("select found from landed.watch") is False


async def test_of_many_that_a_window_does_not_show_some_are_looked_up_and_all_at_their_last_look(
    pool: Pool, provider: Provider
) -> None:
    """A long queue at Twilio is in no window either, and may not cost a request a message each time."""
    at = await desk(pool, provider, account(ids=1, listing=1000))
    names = [f"m{number}" for number in range(40)]
    await record(at, names)
    provider.known = dict.fromkeys(names, "sent")

    await poll(at, "w", budget())
    some = [what["shape"] for what in provider.asked]
    await pool.execute("update landed.watch set deadline_at = sent_at, next_look_at = now(), looked_at = null")
    provider.asked.clear()
    await poll(at, "w", budget())

    assert some == ["window"] + ["ids"] * 10
    assert [what["shape"] for what in provider.asked] == ["window"] + ["ids"] * 40
    assert set((await statuses(pool)).values()) == {"timed_out"}
    assert await pool.fetchval("select count(*) from landed.message where heard & $1 <> 0", Mark.LOOKED.bit) == 40


async def test_a_message_whose_answer_stays_unreadable_is_put_off_by_a_share_of_its_time(
    pool: Pool, provider: Provider
) -> None:
    at = await desk(pool, provider, account(ids=1))
    await record(at, ["a"], timedelta(seconds=40), deadline_at=datetime.now(UTC) + timedelta(seconds=60))
    provider.trouble = lambda _what: b"rubbish"
    before = datetime.now(UTC)

    await poll(at, "w", budget())

    next_look_at = await pool.fetchval("select next_look_at from landed.watch")
    assert timedelta(seconds=4) < next_look_at - before < timedelta(seconds=30)


async def test_unknown_words_change_nothing_are_counted_and_kept(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await record(at, ["a"])
    provider.known = {"a": "gone fishing"}

    await poll(at, "w", budget())

    word = await one(pool, "select word, seen from landed.unknown_word")
    assert await statuses(pool) == {"a": "sent"}
    assert (dict(word), await pool.fetchval("select kind from landed.journal")) == (
        {"word": "gone fishing", "seen": 1},
        "unknown",
    )


async def test_only_one_of_many_workers_asks_an_account(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(ids=1))
    await record(at, [f"m{number}" for number in range(20)])
    provider.known = {f"m{number}": "delivered" for number in range(20)}

    await asyncio.gather(*(poll(replace(at), f"w{number}", budget()) for number in range(6)))

    assert len(provider.asked) == 20
    assert set((await statuses(pool)).values()) == {"delivered"}


async def test_a_worker_that_was_stopped_past_its_lease_changes_nothing_when_it_goes_on(
    pool: Pool, provider: Provider
) -> None:
    """SIGSTOP, another worker takes over, SIGCONT: its answers are joined, which is harmless, and nothing else."""
    at = await desk(pool, provider)
    await record(at, ["a"])
    provider.known = {"a": "sent"}

    async def meanwhile() -> None:
        await pool.execute("update landed.account set lease_until = clock_timestamp() - interval '1 second'")
        await pool.execute("update landed.watch set next_look_at = clock_timestamp()")
        await poll(await desk(pool, Provider(known={"a": "sent"})), "second", budget())

    answer = provider.send

    async def slowly(request: object) -> object:
        if len(provider.asked) == 0:
            await meanwhile()
        return await answer(request)  # type: ignore[arg-type]

    provider.send = slowly  # type: ignore[method-assign, assignment]

    await poll(at, "first", budget())

    row = await one(pool, "select looks from landed.watch")
    assert row["looks"] == 2
    assert await pool.fetchval("select term from landed.account") == 2


async def test_looks_are_written_down_with_how_they_were_asked(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    ids = await record(at, ["a", "b"])
    provider.known = {"a": "delivered"}

    await poll(at, "w", budget())

    look = await one(pool, "select how, result, covered, reports, messages from landed.look")
    assert dict(look) == {"how": "lookup", "result": "ok", "covered": 2, "reports": 1, "messages": ids}


async def test_a_dense_window_is_read_in_pages_and_covers_what_was_due(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(ids=1, listing=1000))
    await record(at, [f"m{number}" for number in range(30)])
    sent_at = await pool.fetchval("select min(sent_at) from landed.watch")
    provider.known = {f"m{number}": "delivered" for number in range(29)}
    provider.sent_at = dict.fromkeys(provider.known, sent_at)

    await poll(at, "w", budget())

    assert [what["shape"] for what in provider.asked] == ["window", "ids"]
    assert await pool.fetchval("select looks from landed.watch where found is false") == 1


@pytest.mark.parametrize("trouble", ["unreachable", None])
async def test_the_sweep_is_held_while_the_provider_cannot_be_asked(pool: Pool, trouble: str | None) -> None:
    asking = account()
    at = await desk(pool, Provider(), asking)
    await record(at, ["a"], age=LONG_AGO)
    await pool.execute("update landed.account set trouble = $1", trouble)

    await sweep(pool, "pretend", asking)

    assert await statuses(pool) == {"a": "sent"}


async def test_past_the_hard_limit_a_held_account_settles_without_a_last_look(pool: Pool) -> None:
    asking = account()
    at = await desk(pool, Provider(), asking)
    await record(at, ["a"], age=timedelta(hours=73))
    await pool.execute("update landed.account set trouble = 'unreachable'")

    await sweep(pool, "pretend", asking)

    assert (await statuses(pool), await heard(pool, Mark.UNREACHED)) == ({"a": "timed_out"}, 1)


async def test_after_a_long_outage_of_ours_messages_still_get_their_last_look(pool: Pool, provider: Provider) -> None:
    asking = account()
    at = await desk(pool, provider, asking)
    await record(at, ["a"], age=timedelta(days=5))
    provider.known = {"a": "delivered"}

    await sweep(pool, "pretend", asking)
    before = await statuses(pool)
    await poll(at, "w", budget())

    assert (before, await statuses(pool)) == ({"a": "sent"}, {"a": "delivered"})


def test_terms_default_to_the_adapters_limits() -> None:
    expected = Terms(timedelta(0), None, timedelta(hours=24), confirms=True, asks=True)

    assert account().terms() == expected

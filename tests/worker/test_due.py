"""What is claimed where more is due than the quota allows: last looks, then what is likeliest to have changed."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from structlog.typing import EventDict

from adapters.base import Limits
from rules.quota import Most
from rules.statuses import Channel
from store import watches
from store.connections import Pool
from tests.worker.office import later, standing
from tests.worker.pretend import Provider, account, budget, desk, record
from worker import due
from worker.accounts import Account
from worker.desk import Desk
from worker.poll import poll

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def slow(**limits: object) -> Account:
    """An account that allows 30 requests in the time of a poll, about one message each."""
    given: dict[str, Any] = {"ids": 1, "rate": 1.0, "concurrency": 1, **limits}
    return account(**given)


async def asked(at: Desk, provider: Provider, count: int) -> list[str]:
    """The first messages that a poll asks about, where the time ends after so many."""
    provider.asked.clear()
    await poll(at, "w", budget(stopping=lambda: len(provider.asked) >= count))
    return [name for what in provider.asked for name in what["ids"]]  # type: ignore[attr-defined]


async def test_a_last_look_comes_before_a_hundred_others_that_are_due_for_longer(
    pool: Pool, provider: Provider
) -> None:
    at = await desk(pool, provider, slow())
    await record(at, [f"m{number}" for number in range(100)], age=HOUR)
    await record(at, ["last"], age=49 * HOUR)
    await pool.execute("update landed.watch set next_look_at = now() - interval '9 hours' where provider_id <> 'last'")

    assert (await asked(at, provider, 1))[0] == "last"


async def test_of_last_looks_the_one_that_is_soonest_too_late_comes_first(pool: Pool, provider: Provider) -> None:
    """One that the provider forgets in a minute goes before one with an earlier deadline."""
    at = await desk(pool, provider, slow(retention=3 * DAY))
    await record(at, [f"m{number}" for number in range(100)], age=HOUR)
    await record(at, ["deadline over"], age=49 * HOUR)
    await record(at, ["soon forgotten"], age=3 * DAY - MINUTE, deadline_at=await in_(pool, HOUR))

    assert await asked(at, provider, 2) == ["soon forgotten", "deadline over"]


async def in_(pool: Pool, time: timedelta) -> datetime:
    at: datetime = await pool.fetchval("select clock_timestamp() + $1::interval", time)
    return at


async def test_then_comes_what_is_likeliest_to_have_changed(pool: Pool, provider: Provider) -> None:
    """Looked at a minute ago, a message of two minutes may have changed; one of a day has not."""
    at = await desk(pool, provider, slow())
    await record(at, [f"old{number}" for number in range(60)], age=DAY)
    await record(at, [f"young{number}" for number in range(3)], age=2 * MINUTE)
    await pool.execute("update landed.watch set looked_at = now() - interval '1 minute'")

    assert {name[:5] for name in await asked(at, provider, 2)} == {"young"}


async def test_recorded_times_say_what_is_likeliest(pool: Pool, provider: Provider) -> None:
    """Half settle in a minute, all others between ten hours and twelve: nothing happens to a message of an hour."""
    at = await desk(pool, provider, slow())
    ages = [60.0] * 300 + [36_000.0 + number * 24 for number in range(300)]
    await pool.execute(
        "insert into landed.settling (at, account, channel, kind, messages, looks, missed, froms, untils)"
        " values (now(), $1, $2, 1, 600, 600, 0, $3, $3)",
        at.number,
        int(Channel.SMS),
        ages,
    )
    await record(at, [f"hour{number}" for number in range(60)], age=HOUR)
    await record(at, ["half a day", "half a day too"], age=12 * HOUR)
    await pool.execute(
        "update landed.watch set looked_at = sent_at + interval '2 minutes' where provider_id like 'hour%'"
    )
    await pool.execute("update landed.watch set looked_at = now() - interval '3 hours' where provider_id like 'half%'")

    assert set(await asked(at, provider, 2)) == {"half a day", "half a day too"}


async def test_what_becomes_due_meanwhile_has_its_turn(pool: Pool, provider: Provider) -> None:
    """A one-time code does not wait behind a newsletter."""
    at = await desk(pool, provider, slow())
    await record(at, [f"m{number}" for number in range(100)], age=HOUR)
    await pool.execute("update landed.watch set looked_at = now() - interval '59 minutes'")
    before = await asked(at, provider, 2)
    await record(at, ["code"], age=MINUTE)
    after = await asked(at, provider, 2)

    assert "code" not in before
    assert "code" in after


async def test_nothing_is_left_out_for_ever(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, slow())
    names = {f"m{number}" for number in range(100)}
    await record(at, sorted(names), age=HOUR)

    found: set[str] = set()
    for _ in range(5):
        found |= set(await asked(at, provider, 30))

    assert found == names


async def test_several_who_choose_at_once_take_different_ones(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, slow())
    await record(at, [f"m{number}" for number in range(200)], age=HOUR)
    now = await in_(pool, timedelta())
    reach = due.reach(at.account, at.mark.at, now)

    async def take() -> list[int]:
        async with pool.acquire() as connection:
            chosen = [one.id for one in await watches.candidates(connection, at.number, now, reach, 40)]
            taken = await watches.claim_these(connection, at.number, now, chosen, 10, now + HOUR)
            return [one.id for one in taken]

    taken = await asyncio.gather(*(take() for _ in range(4)))

    assert [len(one) for one in taken] == [10] * 4
    assert len({number for one in taken for number in one}) == 40


def told(logs: list[EventDict]) -> list[EventDict]:
    return [one for one in logs if one["event"].startswith("quota_")]


async def test_people_are_told_once_that_the_quota_is_too_small_and_that_it_suffices_again(
    pool: Pool, provider: Provider
) -> None:
    at = await desk(pool, provider, slow(rate=0.1))
    await record(at, [f"m{number}" for number in range(100)], age=HOUR)
    with structlog.testing.capture_logs() as logs:
        await asked(at, provider, 1)
        at.counted_at = None
        await asked(at, provider, 1)
        short = await standing(pool, "pretend")
        await pool.execute("update landed.watch set next_look_at = now() + interval '1 hour'")
        await asked(at, provider, 1)
        await asked(at, provider, 1)

    events = told(logs)
    assert [one["event"] for one in events] == ["quota_too_small", "quota_suffices"]
    assert (events[0]["due"], events[0]["messages_a_second"]) == (100, 0.1)
    assert (short["backlog"], short["short_since"] is not None) == (99, True)
    left = await standing(pool, "pretend")
    assert [left[name] for name in ("backlog", "short_since", "missed_from", "short_told_at")] == [None] * 4


async def test_they_are_told_before_last_looks_are_missed(pool: Pool, provider: Provider) -> None:
    """The provider forgets a message a day after it was sent, and the quota serves 8,640 a day."""
    at = await desk(pool, provider, slow(rate=0.01, retention=DAY))
    await record(at, [f"m{number}" for number in range(200)], age=12 * HOUR)
    with structlog.testing.capture_logs() as logs:
        await asked(at, provider, 1)

    (event,) = told(logs)
    row = await standing(pool, "pretend")
    forgotten = await pool.fetchval("select max(sent_at) + interval '1 day' from landed.watch")
    assert row["missed_from"].isoformat(timespec="seconds") == event["last_looks_missed_from"]
    assert abs(row["missed_from"] - forgotten) <= timedelta(minutes=7)


async def test_a_burst_that_is_soon_done_is_not_worth_a_word(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, slow())
    await record(at, [f"m{number}" for number in range(40)], age=HOUR)
    with structlog.testing.capture_logs() as logs:
        await asked(at, provider, 1)

    assert told(logs) == []
    assert (await standing(pool, "pretend"))["backlog"] == 40


async def test_where_the_quota_suffices_nothing_is_chosen(
    pool: Pool, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim costs what it always did, and takes what has been due for longest."""
    at = await desk(pool, provider, account(ids=1))
    await record(at, [f"m{number}" for number in range(50)], age=HOUR)

    async def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("store.watches.candidates", never)

    await poll(at, "w", budget())
    await later(pool)
    await poll(at, "w", budget())

    assert len(provider.asked) == 100
    assert not at.is_short


async def test_a_provider_tried_again_gets_its_last_looks_first_once_it_is_well(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, slow())
    await record(at, [f"m{number}" for number in range(100)], age=HOUR)
    await record(at, ["last"], age=49 * HOUR)
    await pool.execute("update landed.watch set next_look_at = now() - interval '9 hours' where provider_id <> 'last'")
    await pool.execute("update landed.account set failures = 1, trouble = 'unreachable'")

    assert (await asked(at, provider, 2))[1] == "last"


@pytest.mark.parametrize(
    ("expected", "limits"),
    [
        (2.0, Limits(rate=2)),
        (0.25, Limits(rate=10, requests=(Most(900, HOUR), Most(100, MINUTE)))),
        (0.01, Limits(rate=10, ids=100, records=(Most(3600, HOUR, "records"),))),
        (0.5, Limits(rate=10, cost=(Most(18, HOUR, "cost"),), cost_per_request=0.01)),
    ],
)
def test_in_the_long_run_the_narrowest_limit_counts(expected: float, limits: Limits) -> None:
    assert due.sustained(limits) == pytest.approx(expected)


def test_in_a_short_time_a_limit_may_be_used_whole() -> None:
    limits = Limits(rate=10, requests=(Most(900, HOUR), Most(100, MINUTE)))

    assert [due.allowed(limits, seconds) for seconds in (1, 20, 120)] == [10, 100, 200]

"""Open messages after a change of their schedule: due soon first, the rest in chunks, and never a claim undone."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from rules.schedules import DEFAULTS, Schedule
from rules.statuses import Channel
from store import retiming as kept
from store import watches
from store.connections import Pool, clock
from store.retiming import Progress
from tests.worker.dying_retiming import every
from tests.worker.pretend import Provider, account, desk, record
from worker import retiming
from worker.accounts import Account
from worker.desk import Desk
from worker.retiming import KNOWN_AFTER, PAUSE, retime, schedules

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent.parent

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

CHUNK = 4


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks so small that a few messages need several."""
    monkeypatch.setattr(retiming, "CHUNK", CHUNK)


def looking(*looks: timedelta, then: timedelta | None = None, named: str | None = None) -> Account:
    """The pretended account with a schedule for every channel, or for who names it."""
    schedule = Schedule(looks, then, jitter=0)
    if named:
        return replace(account(), named_schedules={named: schedule})
    return replace(account(), schedules=dict.fromkeys(Channel, schedule))


async def noted(pool: Pool, number: int, wanted: Account, worker: str = "one") -> datetime:
    """Note the schedules of an account; when that was."""
    async with pool.acquire() as connection:
        now = await clock(connection)
        await kept.note(connection, {number: schedules(wanted)}, now, worker)
    return now


async def open_messages(at: Desk, ages: Iterable[timedelta], **given: object) -> None:
    """Messages of these ages, each looked at next in half a day. The first is the oldest in the table."""
    for age in ages:
        await record(at, [f"m{age.total_seconds():.0f}"], age, **given)
    await at.pool.execute("update landed.watch set next_look_at = now() + interval '12 hours'")


async def next_ages(pool: Pool) -> dict[int, float]:
    """At which age each message is looked at next, by its age in seconds when it was recorded."""
    rows = await pool.fetch(
        "select substr(provider_id, 2)::int as age, extract(epoch from next_look_at - sent_at)::float8 as next"
        " from landed.watch"
    )
    return {row["age"]: round(row["next"], 3) for row in rows}


async def progress(pool: Pool) -> Progress:
    async with pool.acquire() as connection:
        (one,) = await kept.progress(connection)
    return one


async def to_the_end(pool: Pool, at: Desk, wanted: Account, since: datetime) -> None:
    """Make every step that there is."""
    seconds = 0.0
    while (await progress(pool)).phase != "none":
        await retime(pool, {at.number: wanted}, since + timedelta(seconds=seconds))
        seconds += PAUSE.total_seconds()


async def test_schedules_that_are_noted_first_re_time_nothing(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await open_messages(at, [MINUTE])
    await noted(pool, at.number, looking(HOUR))

    assert (await progress(pool)).phase == "none"
    assert await retime(pool, {at.number: looking(HOUR)}) == 0
    assert (await next_ages(pool))[60] > 12 * 3600


async def test_what_is_due_within_a_minute_comes_first_and_the_rest_in_chunks_with_pauses(
    pool: Pool, provider: Provider
) -> None:
    at = await desk(pool, provider)
    ages = [timedelta(minutes=minutes) for minutes in (600, 500, 400, 300, 200, 59.5, 50, 40, 0.1)]
    await open_messages(at, ages)
    before = await next_ages(pool)
    await noted(pool, at.number, account())
    wanted = looking(15 * timedelta(seconds=1), HOUR, then=10 * HOUR)
    now = await noted(pool, at.number, wanted)

    async with pool.acquire() as connection, connection.transaction():
        step = await kept.next_step(connection, {at.number: schedules(wanted)}, now)
        assert step is not None
        await retiming._take(connection, step, wanted, now)  # noqa: SLF001 - one step of several
    first, told = await next_ages(pool), await progress(pool)
    moved = [await retime(pool, {at.number: wanted}, now)]
    moved += [await retime(pool, {at.number: wanted}, now + PAUSE * more) for more in range(1, 4)]

    assert {age: at for age, at in first.items() if at != before[age]} == {3570: 3600, 6: 15}
    assert (told.phase, told.total, told.seen, told.moved) == ("rest", 9, 0, 2)
    assert moved == [4, 3, 0, 0]
    assert set((await next_ages(pool)).values()) == {15, 3600, 3600 + 36000}
    after = await progress(pool)
    assert (after.phase, after.seen, after.moved) == ("again", 9, 9)


async def test_re_timing_ends_and_tells_what_it_did(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await open_messages(at, [MINUTE * minutes for minutes in range(10)])
    await noted(pool, at.number, account())
    wanted = looking(HOUR)
    since = await noted(pool, at.number, wanted)

    await to_the_end(pool, at, wanted, since)

    told = await progress(pool)
    words = tuple(sorted(channel.word for channel in Channel))
    assert (told.account, told.phase, told.total, told.seen, told.moved) == ("pretend", "none", 10, 10, 10)
    assert (told.changed, told.changed_by, told.words) == (words, "one", "in force")
    assert told.ended_at is not None
    assert told.ended_at - since >= KNOWN_AFTER
    assert set((await next_ages(pool)).values()) == {3600}


async def test_only_messages_whose_schedule_changed_are_re_timed(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await open_messages(at, [MINUTE, 2 * MINUTE])
    await open_messages(at, [3 * MINUTE], schedule="codes")
    await open_messages(at, [4 * MINUTE], schedule="letters")
    await open_messages(at, [5 * MINUTE], channel=Channel.EMAIL)
    before = await next_ages(pool)
    await noted(pool, at.number, account())
    wanted = replace(looking(HOUR, named="codes"), schedules={Channel.EMAIL: Schedule((2 * HOUR,), jitter=0)})
    since = await noted(pool, at.number, wanted)

    await to_the_end(pool, at, wanted, since)

    after = await next_ages(pool)
    assert {age: next_age for age, next_age in after.items() if next_age != before[age]} == {180: 3600, 300: 7200}
    assert (await progress(pool)).changed == ("email", "schedule codes")


async def test_messages_that_name_a_schedule_that_is_gone_follow_their_channel(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await open_messages(at, [MINUTE], schedule="codes")
    await noted(pool, at.number, looking(HOUR, named="codes"))
    since = await noted(pool, at.number, account())

    await to_the_end(pool, at, account(), since)

    assert DEFAULTS[Channel.SMS].looks[2] == 2 * MINUTE
    assert 120 <= (await next_ages(pool))[60] <= 126


async def test_a_provider_that_forgets_sooner_brings_the_last_look_forward(pool: Pool, provider: Provider) -> None:
    """Also where the schedule itself did not change."""
    at = await desk(pool, provider)
    await open_messages(at, [HOUR])
    await noted(pool, at.number, looking(), "one")
    wanted = replace(looking(), limits=replace(account().limits, retention=4 * HOUR))
    since = await noted(pool, at.number, wanted)

    await to_the_end(pool, at, wanted, since)

    assert (await progress(pool)).changed == ("bounds",)
    assert (await next_ages(pool))[3600] == (4 * HOUR - 12 * MINUTE).total_seconds()


async def test_what_is_due_waits_for_its_turn_and_is_not_put_off(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await open_messages(at, [HOUR])
    await pool.execute("update landed.watch set next_look_at = now() - interval '1 second'")
    before = await next_ages(pool)
    await noted(pool, at.number, account())
    wanted = looking(2 * HOUR)
    since = await noted(pool, at.number, wanted)

    await to_the_end(pool, at, wanted, since)

    assert await next_ages(pool) == before


async def test_a_claimed_message_is_left_to_whoever_claimed_it(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await open_messages(at, [MINUTE, 2 * MINUTE])
    await pool.execute("update landed.watch set next_look_at = now() where provider_id = 'm60'")
    await noted(pool, at.number, account())
    wanted = looking(3 * MINUTE, HOUR)
    since = await noted(pool, at.number, wanted)
    async with pool.acquire() as connection:
        (claimed,) = await watches.claim(connection, at.number, since, 10, since + 5 * MINUTE)
        step = await _next(pool, at, wanted, since)
        found = await kept.page(connection, step, 10)
        leases = {one.id: one.is_claimed for one in found}

    await retime(pool, {at.number: wanted}, since)
    await retime(pool, {at.number: wanted}, since + PAUSE)
    during = await pool.fetchval("select next_look_at from landed.watch where id = $1", claimed.id)
    async with pool.acquire() as connection:
        await watches.hand_back(connection, at.number, [claimed], since + 12 * HOUR)
    await to_the_end(pool, at, wanted, since)

    assert leases[claimed.id]
    assert sum(leases.values()) == 1
    assert during == since + 5 * MINUTE
    assert (await next_ages(pool))[120] == 180


async def _next(pool: Pool, at: Desk, wanted: Account, now: datetime) -> kept.Step:
    async with pool.acquire() as connection, connection.transaction():
        step = await kept.next_step(connection, {at.number: schedules(wanted)}, now)
    assert step is not None
    return step


async def test_a_message_claimed_between_reading_and_writing_keeps_its_lease(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await open_messages(at, [MINUTE])
    now = await pool.fetchval("select clock_timestamp()")
    async with pool.acquire() as connection:
        read = await kept.page(connection, kept.Step(at.number, frozenset(), now, "rest", 0), 10)
        await watches.claim_one(connection, at.number, read[0].id, now + MINUTE)

        moved = await kept.retime(connection, at.number, [(read[0], now)])

    assert moved == 0
    assert await pool.fetchval("select next_look_at from landed.watch") == now + MINUTE


async def test_a_message_that_is_being_written_is_not_waited_for(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await open_messages(at, [MINUTE, 2 * MINUTE])
    now = await pool.fetchval("select clock_timestamp()")
    async with pool.acquire() as connection, pool.acquire() as other, other.transaction():
        read = await kept.page(connection, kept.Step(at.number, frozenset(), now, "rest", 0), 10)
        await other.execute("select from landed.watch where id = $1 for update", read[0].id)

        moved = await kept.retime(connection, at.number, [(one, now) for one in read])

    assert moved == 1


async def test_what_a_worker_that_did_not_know_wrote_meanwhile_is_re_timed_at_the_end(
    pool: Pool, provider: Provider
) -> None:
    """It looked at one and recorded another after the rest was done."""
    at = await desk(pool, provider)
    await open_messages(at, [MINUTE * minutes for minutes in (300, 200)])
    await noted(pool, at.number, account())
    wanted = looking(10 * HOUR)
    since = await noted(pool, at.number, wanted)
    await retime(pool, {at.number: wanted}, since)
    phase = (await progress(pool)).phase
    await record(at, ["m0"], timedelta())
    await pool.execute("update landed.watch set next_look_at = $1 where provider_id <> 'm12000'", since + 90 * HOUR)
    await pool.execute("update landed.watch set looked_at = $1 where provider_id = 'm18000'", since)
    early = await retime(pool, {at.number: wanted}, since + KNOWN_AFTER / 2)

    late = await retime(pool, {at.number: wanted}, since + KNOWN_AFTER)

    assert (phase, early, late) == ("again", 0, 2)
    assert set((await next_ages(pool)).values()) == {36000}
    assert (await progress(pool)).phase == "none"


async def test_a_change_before_the_last_one_is_everywhere_re_times_for_both(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await open_messages(at, [MINUTE], schedule="codes")
    await open_messages(at, [2 * MINUTE])
    await noted(pool, at.number, account())
    first = looking(HOUR, named="codes")
    await noted(pool, at.number, first)
    both = replace(first, schedules={Channel.SMS: Schedule((2 * HOUR,), jitter=0)})
    since = await noted(pool, at.number, both)

    await to_the_end(pool, at, both, since)

    assert (await progress(pool)).changed == ("schedule codes", "sms")
    assert await next_ages(pool) == {60: 3600, 120: 7200}


async def test_a_worker_with_other_schedules_leaves_it_to_those_that_have_these(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await open_messages(at, [MINUTE])
    await noted(pool, at.number, account())
    since = await noted(pool, at.number, looking(HOUR))

    moved = await retime(pool, {at.number: account()}, since)

    assert (moved, (await progress(pool)).phase) == (0, "soon")


async def test_two_workers_at_once_re_time_everything_once(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await open_messages(at, [MINUTE * minutes for minutes in range(60)])
    await noted(pool, at.number, account())
    wanted = looking(2 * HOUR)
    since = await noted(pool, at.number, wanted)
    moved = 0
    for steps in range(40):
        now = since + PAUSE * steps
        moved += sum(await asyncio.gather(*(retime(pool, {at.number: wanted}, now) for _ in range(3))))

    told = await progress(pool)
    assert (told.phase, told.seen, told.moved, moved) == ("again", 60, 60, 60)
    assert set((await next_ages(pool)).values()) == {7200}


async def test_over_all_accounts_there_is_a_pause_after_each_step_of_the_rest(pool: Pool, provider: Provider) -> None:
    first = await desk(pool, provider)
    second = await desk(pool, provider, account("second"))
    known = {first.number: looking(2 * HOUR), second.number: replace(looking(2 * HOUR), name="second")}
    for at in (first, second):
        await open_messages(at, [MINUTE * minutes for minutes in range(CHUNK * 3)])
        await noted(pool, at.number, account())
    since = max([await noted(pool, number, wanted) for number, wanted in known.items()])

    moved = [await retime(pool, known, since + PAUSE * steps) for steps in range(8)]

    assert moved == [CHUNK] * 6 + [0, 0]


@asynccontextmanager
async def dying(database: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "tests.worker.dying_retiming", database),
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def live(process: asyncio.subprocess.Process, then: str, place: str = "-", time: int = 0) -> dict[str, int]:
    """Let it re-time, and die at a place; the lines that ran, none if it died."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{place} {time} {then}\n".encode())
    said = (await process.stdout.readline()).strip()
    return msgspec.json.decode(said, type=dict[str, int]) if said else {}


@pytest.mark.once
async def test_killed_before_any_line_another_worker_goes_on_where_it_stood(
    pool: Pool, database: str, provider: Provider
) -> None:
    at = await desk(pool, provider)
    await open_messages(at, [MINUTE * minutes for minutes in range(8)])
    await noted(pool, at.number, every("30h"))
    places: list[str] = []
    killed = 0
    async with dying(database) as process:
        await noted(pool, at.number, every("31h"))
        ran = await live(process, "31h")
        # Twice: the second time is in the middle.
        places = [place for place in sorted(ran) if "/retiming.py" in place and ran[place] > 1]
        for number, place in enumerate(places):
            then = f"{2 + number % 9}h"
            await noted(pool, at.number, every(then))
            killed += not await live(process, then, place, 2)
            await live(process, then)

            told = await progress(pool)
            assert (told.phase, told.seen, told.total) == ("none", 8, 8), place
            assert set((await next_ages(pool)).values()) == {(2 + number % 9) * 3600}, place

    assert len(places) > 40
    assert killed > len(places) * 0.9

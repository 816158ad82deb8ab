"""Reports that come before their message are joined once it is recorded; those of nobody's messages are forgotten."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from rules.reports import Word
from rules.state import State, join
from rules.statuses import Engagement, Reason, Source, Status
from store import reports
from store.connections import Connection
from store.reports import Applied, Said
from tests.store.written import NOW, SENT, account, record, recording, states

HOUR = timedelta(hours=1)
DELIVERED = Word(Status.DELIVERED.bit, NOW)


@pytest.fixture
async def number(db: asyncpg.Connection) -> int:
    return await account(db)


async def waiting(db: Connection) -> int:
    return int(await db.fetchval("select count(*) from landed.early"))


async def test_everything_said_before_a_message_is_recorded_is_joined_to_it(
    db: asyncpg.Connection, number: int
) -> None:
    """alphagov/notifications-api#2916: a receipt before the row."""
    words = [
        Word(Status.DEFERRED.bit, NOW, Reason.UNREACHABLE, "1", 1, NOW),
        Word(Status.DEFERRED.bit, NOW, Reason.UNREACHABLE, "1", 1, NOW + HOUR),
        Word(Status.DEFERRED.bit, NOW, Reason.UNREACHABLE, "2", 1, NOW),
        Word(Engagement.RESPONDED.bit | Status.DELIVERED.bit, NOW, response="no"),
        Word(Engagement.RESPONDED.bit | Status.DELIVERED.bit, NOW, response="yes"),
        DELIVERED,
    ]
    kept = await reports.apply(db, number, Source.FEED, NOW, [Said(word, "a") for word in words])
    again = await reports.apply(db, number, Source.FEED, NOW, [Said(word, "a") for word in words])
    await record(db, [recording(number, "a", recipient="+1")])
    joined = await reports.join_early(db, number, NOW, [("a", "")])

    assert (kept, again) == (Applied(early=6), Applied())
    assert await states(db) == {"a": join(State(), [SENT, *words])}
    assert joined.settled == 1
    assert await waiting(db) == 0
    sources = await db.fetch("select distinct source from landed.event where kind > 1")
    assert [row["source"] for row in sources] == [Source.FEED]


async def test_what_waits_still_blocks_the_address_when_it_is_joined(db: asyncpg.Connection, number: int) -> None:
    word = Word(Status.HARD_BOUNCED.bit, NOW, Reason.INVALID_ADDRESS)
    await reports.apply(db, number, Source.POLL, NOW, [Said(word, "a", blocks=0b100)])
    await record(db, [recording(number, "a", recipient="+1")])
    await reports.join_early(db, number, NOW, [("a", "")])

    assert await db.fetchval("select landed.is_blocked('sms', '+1')")


async def test_only_the_named_message_of_the_named_account_gets_them(db: asyncpg.Connection, number: int) -> None:
    other = await account(db, "other")
    for owner, name, part in ((number, "a", ""), (number, "a", "+1"), (number, "b", ""), (other, "a", "")):
        await reports.apply(db, owner, Source.POLL, NOW, [Said(DELIVERED, name, part)])
    await record(db, [recording(number, "a"), recording(other, "a")])
    done = await reports.join_early(db, number, NOW, [("a", ""), ("b", "")])

    assert done.written == 1
    assert await waiting(db) == 3


async def test_more_than_a_batch_is_joined_at_once(db: asyncpg.Connection, number: int) -> None:
    names = [f"m{n}" for n in range(reports.BATCH + 500)]
    await reports.apply(db, number, Source.POLL, NOW, [Said(DELIVERED, name) for name in names])
    await record(db, [recording(number, name) for name in names])
    done = await reports.join_early(db, number, NOW, [(name, "") for name in names])

    assert done.settled == len(names)
    assert await waiting(db) == 0


async def test_what_a_crash_left_waiting_is_joined_by_upkeep(db: asyncpg.Connection, number: int) -> None:
    await reports.apply(db, number, Source.POLL, NOW, [Said(DELIVERED, "a"), Said(DELIVERED, "nobody's")])
    await record(db, [recording(number, "a")])
    done = await reports.join_all_early(db, number, NOW)
    again = await reports.join_all_early(db, number, NOW)

    assert (done.settled, again) == (1, Applied())
    assert await waiting(db) == 1


async def not_ours(db: Connection) -> list[int]:
    return [row[0] for row in await db.fetch("select not_ours from landed.account order by id")]


async def test_what_waits_too_long_is_forgotten_and_counted_as_not_ours(db: asyncpg.Connection, number: int) -> None:
    for age, name in ((25, "old"), (1, "young")):
        await reports.apply(db, number, Source.POLL, NOW - age * HOUR, [Said(DELIVERED, name)])
    dropped = [await reports.forget_early(db, number, NOW - 24 * HOUR, 100) for _ in range(2)]

    assert (dropped, await not_ours(db)) == ([1, 0], [1])
    assert await db.fetchval("select provider_id from landed.early") == "young"


@pytest.mark.parametrize(("cap", "left"), [(0, []), (2, ["n3", "n4"]), (5, ["n0", "n1", "n2", "n3", "n4"]), (9, None)])
async def test_above_the_cap_of_an_account_the_oldest_are_forgotten(
    db: asyncpg.Connection, number: int, cap: int, left: list[str] | None
) -> None:
    """Others' messages on the same account of a provider must not fill the disk, nor push out another account's."""
    other = await account(db, "other")
    for n in range(5):
        await reports.apply(db, other, Source.POLL, NOW, [Said(DELIVERED, f"o{n}")])
        await reports.apply(db, number, Source.POLL, NOW, [Said(DELIVERED, f"n{n}")])
    dropped = await reports.forget_early(db, number, NOW - HOUR, cap)

    expected = [f"n{n}" for n in range(5)] if left is None else left
    rows = await db.fetch("select provider_id from landed.early where account = $1 order by id", number)
    assert [row["provider_id"] for row in rows] == expected
    assert dropped == 5 - len(expected)
    assert await waiting(db) == 5 + len(expected)


async def test_a_name_that_no_index_holds_spoils_no_batch(db: asyncpg.Connection, number: int) -> None:
    endless = "".join(chr(0x4E00 + n * 7919 % 20000) for n in range(20_000))
    await record(db, [recording(number, "a")])
    said = [
        Said(DELIVERED, endless),
        Said(Word(Status.FAILED.bit, NOW, Reason.UNKNOWN, endless), "b"),
        Said(DELIVERED, "a"),
    ]
    done = await reports.apply(db, number, Source.POLL, NOW, said)

    assert done == Applied(written=1, settled=1, early=1)


@pytest.mark.parametrize("recorder_first", [True, False])
async def test_recorder_and_reporter_at_the_same_moment_lose_nothing(
    db: asyncpg.Connection, others: list[asyncpg.Connection], number: int, *, recorder_first: bool
) -> None:
    """Neither sees what the other has not committed. Each looks again after its commit, so one of them sees both."""
    recorder, reporter = others[:2]
    if recorder_first:
        transaction = recorder.transaction()
        await transaction.start()
        await record_one(recorder, number)
        kept = await reports.apply(reporter, number, Source.POLL, NOW, [Said(DELIVERED, "a")])
        await transaction.commit()
        joined = await reports.join_early(recorder, number, NOW, [("a", "")])
    else:
        transaction = reporter.transaction()
        await transaction.start()
        kept = await reports.apply(reporter, number, Source.POLL, NOW, [Said(DELIVERED, "a")])
        await record(recorder, [recording(number, "a")])
        await reports.join_early(recorder, number, NOW, [("a", "")])
        await transaction.commit()
        joined = await reports.join_early(reporter, number, NOW, [("a", "")])

    assert (kept.early, joined.settled) == (1, 1)
    assert (await states(db))["a"].status is Status.DELIVERED


async def record_one(connection: asyncpg.Connection, number: int) -> None:
    await record(connection, [recording(number, "a")])


async def test_many_recorders_and_reporters_in_any_order_lose_nothing(
    db: asyncpg.Connection, others: list[asyncpg.Connection], number: int
) -> None:
    names = [f"m{n}" for n in range(300)]

    async def recorder(connection: asyncpg.Connection, mine: list[str]) -> None:
        for start in range(0, len(mine), 7):
            batch = mine[start : start + 7]
            await record(connection, [recording(number, name) for name in batch])
            await reports.join_early(connection, number, NOW, [(name, "") for name in batch])

    async def reporter(connection: asyncpg.Connection, mine: list[str]) -> None:
        for start in range(0, len(mine), 11):
            batch = mine[start : start + 11]
            await reports.apply(connection, number, Source.POLL, NOW, [Said(DELIVERED, name) for name in batch])

    await asyncio.gather(
        recorder(others[0], names),
        recorder(others[1], names[::-1]),
        reporter(others[2], names),
        reporter(others[3], names[150:] + names[:150]),
    )

    assert {name: state.status for name, state in (await states(db)).items()} == dict.fromkeys(names, Status.DELIVERED)
    assert await db.fetchval("select count(*) from landed.event") == 2 * len(names)
    assert (await waiting(db), await db.fetchval("select count(*) from landed.watch")) == (0, 0)

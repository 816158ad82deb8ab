"""The statement of the sweep is the twin of `worker.settling`: it settles the same messages as the same guesses."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import asyncpg
import pytest

from adapters.base import Limits
from rules.reports import Word
from rules.state import State, join
from rules.statuses import Mark, Source, Status
from store import reports
from store.reports import Said
from store.watches import BEGINNING
from tests.store.written import NOW, SENT, recorded, states
from tests.worker.pretend import account
from worker import settling
from worker.accounts import Account
from worker.settling import Standing
from worker.sweep import CHUNK, START, terms

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

HOUR = timedelta(hours=1)

#: What a message is asked by, and whether the account has a stream besides.
WAYS = (Limits(ids=1), Limits(listing=9), Limits(references=1), Limits(feed=1), Limits(feed=1, references=1))


@pytest.fixture
async def others(database: str) -> AsyncIterator[list[asyncpg.Connection]]:
    """Four connections beside `db`."""
    opened = [await asyncpg.connect(database) for _ in range(4)]
    yield opened
    for connection in opened:
        await connection.close()


def accounts() -> list[Account]:
    """Every way to ask, with and without a lag, with and without a provider that forgets, confirming or not."""
    return [
        replace(account(), limits=replace(way, lag=lag, retention=retention, confirms=confirms), hard_limit=2 * HOUR)
        for way, lag, retention, confirms in product(WAYS, (0 * HOUR, HOUR), (None, 3 * HOUR), (True, False))
    ]


async def vary(db: asyncpg.Connection, numbers: dict[str, int], seed: int) -> None:
    """Watches of every kind, around the moments that count, which are whole hours before now."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    for name, number in numbers.items():
        deadline_at = NOW - chance.choice((-1, 0, 1, 2, 3)) * HOUR
        looked_at = chance.choice((None, deadline_at, deadline_at + HOUR, NOW))
        named = chance.choice(((name, None), (name, "ours"), (None, "ours")))
        await db.execute(
            "update landed.watch set deadline_at = $2, sent_at = $3, looked_at = $4, found = $5, provider_id = $6,"
            " reference = $7 where id = $1",
            *(number, deadline_at, deadline_at - chance.choice((0, 1, 2, 5)) * HOUR, looked_at),
            *(None if looked_at is None else chance.choice((True, False)), *named),
        )


def standing(row: asyncpg.Record, account: Account, heard: int) -> Standing:
    """A watch as `worker.settling` sees it."""
    name, reference = row["provider_id"] or "", row["reference"] or ""
    return Standing(
        heard,
        row["sent_at"],
        row["deadline_at"],
        row["looked_at"],
        row["found"],
        account.can_ask(name, reference),
        account.limits.streams and bool(name),
    )


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("read_until", [None, NOW - HOUR])
async def test_what_the_statement_settles_is_what_the_rules_settle(
    db: asyncpg.Connection, *, asks: bool, read_until: datetime | None
) -> None:
    before = [SENT, *(Word(status.bit, NOW - 9 * HOUR) for status in (Status.DEFERRED, Status.SOFT_BOUNCED))]
    numbers = await recorded(db, [f"m{n}" for n in range(60)], words=(Word(Status.PENDING.bit, NOW),), sent_at=None)
    said = [Said(before[n % 3], f"m{n}") for n in range(60) if n % 4]
    await reports.apply(db, 1, Source.POLL, NOW, said)
    marks: set[int] = set()
    for seed, asking in enumerate(accounts()):
        await vary(db, numbers, seed)
        rows = await db.fetch("select * from landed.watch")
        found = await states(db)
        names = {number: name for name, number in numbers.items()}
        python = asking.terms(asks=asks, read_until=read_until)
        words = {
            names[row["id"]]: settling.settle(standing(row, asking, found[names[row["id"]]].heard), python, NOW)
            for row in rows
            # A pass begins with the deadlines that a lookup can know by now.
            if row["deadline_at"] <= NOW - asking.limits.lag
        }
        expected = {name: join(found[name], [word]) for name, word in words.items() if word is not None}
        transaction = db.transaction()
        await transaction.start()
        done = await reports.settle(db, 1, NOW, START, CHUNK, terms(asking, asks=asks, read_until=read_until))
        after = await states(db)
        left = await db.fetchval("select count(*) from landed.watch")
        events = await db.fetchval("select count(*) from landed.event where source = $1 and applied", Source.SWEEP)
        await transaction.rollback()
        marks |= {state.heard >> Mark.LOOKED for state in expected.values()}

        assert (done.seen, done.settled) == (len(words), len(expected))
        assert {name: state for name, state in after.items() if state != found[name]} == expected
        assert (left, events) == (60 - len(expected), len(expected))
    assert len(marks) >= 3


async def test_pages_follow_each_other_and_the_last_is_short(db: asyncpg.Connection) -> None:
    await recorded(db, [f"m{n}" for n in range(25)], deadline_at=NOW - HOUR)
    waiting = terms(account(), asks=True, read_until=None)
    place, seen = (BEGINNING, 0), []
    for _ in range(4):
        done = await reports.settle(db, 1, NOW, place, 10, waiting)
        place = done.place
        seen.append(done.seen)

    assert seen == [10, 10, 5, 0]


async def test_sweeps_and_applies_at_once_end_in_the_join_of_all_that_was_said(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    """GSA: a sweep that overwrites what was delivered meanwhile. Neither waits for the other until one is undone."""
    numbers = await recorded(db, [f"m{n:03}" for n in range(400)], deadline_at=NOW - HOUR)
    await db.execute("update landed.watch set looked_at = $1, found = true", NOW)
    await db.execute("select pg_stat_reset()")
    asking = replace(account(), limits=Limits(ids=1))
    said: dict[str, list[Word]] = {name: [SENT] for name in numbers}

    async def applies(connection: asyncpg.Connection, seed: int, *, by_id: bool) -> None:
        chance = random.Random(seed)  # noqa: S311 - the same each time
        for _ in range(20):
            word = Word(chance.choice((Status.DEFERRED, Status.EXPIRED, Status.DELIVERED)).bit, NOW)
            names = chance.sample(list(numbers), 20)
            batch = [Said(word, name, "", numbers[name] if by_id else None) for name in names]
            await reports.apply(connection, 1, Source.POLL, NOW, batch)
            for name in names:
                said[name].append(word)

    async def sweeps(connection: asyncpg.Connection) -> None:
        place = START
        for _ in range(40):
            done = await reports.settle(connection, 1, NOW, place, 20, terms(asking, asks=True, read_until=None))
            place = done.place if done.seen else START

    await asyncio.gather(
        applies(others[0], 1, by_id=True), applies(others[1], 2, by_id=False), sweeps(others[2]), sweeps(others[3])
    )
    await reports.settle(db, 1, NOW, START, CHUNK, terms(asking, asks=True, read_until=None))

    swept = await db.fetch("select message, kind from landed.event where source = $1", Source.SWEEP)
    names = {number: name for name, number in numbers.items()}
    for row in swept:
        said[names[row["message"]]].append(Word(1 << row["kind"] | Mark.LOOKED.bit, NOW))
    assert 0 < len(swept) == len({row["message"] for row in swept}) <= len(numbers)
    assert await states(db) == {name: join(State(), words) for name, words in said.items()}
    assert await db.fetchval("select count(*) from landed.watch") == 0
    await db.execute("select pg_stat_force_next_flush()")
    assert await db.fetchval("select deadlocks from pg_stat_database where datname = current_database()") == 0

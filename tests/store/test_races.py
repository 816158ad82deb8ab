"""Many at once about the same messages: nothing is lost, and whoever loses a deadlock begins again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import asyncpg
import pytest

from rules.reports import Word
from rules.state import State, join
from rules.statuses import MARK_BITS, Engagement, Reason, Source, Status
from store import inbox, reports, watches
from store.connections import open_pool
from store.deadlocks import TRIES, outlast
from store.reports import Said
from store.watches import Looked, Watch
from tests.store.written import NOW, SENT, account, record, recorded, recording, states
from tests.worker.pretend import account as configured
from worker.intake import intake
from worker.sweep import GONE

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

MINUTE = timedelta(minutes=1)


@dataclass
class Race:
    """Messages that several write at once, and all that anyone said of them."""

    database: str
    numbers: dict[str, int]
    said: dict[str, list[Word]] = field(default_factory=dict)

    def word(self, chance: random.Random) -> tuple[str, Word]:
        """Something about some message."""
        name = chance.choice(list(self.numbers))
        at = NOW + chance.randrange(6) * MINUTE
        status = chance.choice([Status.SENT, Status.DEFERRED, Status.SOFT_BOUNCED, Status.FAILED, Status.DELIVERED])
        reason = chance.choice([Reason.NONE, Reason.MAILBOX_FULL, Reason.SUPPRESSED])
        return name, Word(status.bit, at, reason, "", chance.randrange(4), at)

    def note(self, said: list[tuple[str, Word]]) -> None:
        """Remember what was said."""
        for name, word in said:
            self.said.setdefault(name, []).append(word)


async def applies(race: Race, connection: asyncpg.Connection, chance: random.Random, *, by_id: bool) -> None:
    """Reports in batches that overlap, in any order, by id or by key."""
    for _ in range(25):
        said = [race.word(chance) for _ in range(60)]
        batch = [
            Said(
                word, name, "", race.numbers[name] if by_id else None, 0b100 if word.reason == Reason.SUPPRESSED else 0
            )
            for name, word in said
        ]
        await reports.apply(connection, 1, Source.POLL, NOW, batch)
        race.note(said)


async def claims(race: Race, connection: asyncpg.Connection, chance: random.Random) -> None:
    """Looks, some of which are handed back."""
    del race
    for n in range(40):
        now = NOW + n * MINUTE
        claimed = await watches.claim(connection, 1, now, 50, now + MINUTE / 2)
        chance.shuffle(claimed)
        await watches.looked(connection, 1, now, [Looked(one, now, n, found=True) for one in claimed[::2]])
        await watches.hand_back(connection, 1, claimed[1::2], now)


async def sweeps(connection: asyncpg.Connection, chance: random.Random) -> None:
    """Settling what is open and past its deadline, a few at a time."""
    for _ in range(25):
        rows = await connection.fetch("select deadline_at, id from landed.watch order by deadline_at, id")
        if rows:
            deadline_at, number = chance.choice(rows)
            after = deadline_at, number - 1
            await reports.settle(connection, 1, NOW + timedelta(days=9), after, 5, GONE)


async def note_guesses(race: Race, db: asyncpg.Connection) -> None:
    """Remember what sweeps said, which only the history tells."""
    rows = await db.fetch(
        "select m.provider_id, m.heard & $1 as mark, e.kind, e.occurred_at"
        " from landed.event e join landed.message m on m.account = e.account and m.id = e.message where e.source = $2",
        MARK_BITS,
        Source.SWEEP,
    )
    race.note([(row["provider_id"], Word(1 << row["kind"] | row["mark"], row["occurred_at"])) for row in rows])


async def records(race: Race, chance: random.Random) -> None:
    """A sender that says more about known messages, some of them twice, and two workers that take it in."""
    async with open_pool(race.database, size=3) as pool:
        for _ in range(6):
            names = [chance.choice(list(race.numbers)) for _ in range(40)]
            rows = [("acme", "sms", name, NOW, NOW + MINUTE) for name in names]
            columns = ["account", "channel", "provider_id", "sent_at", "acknowledged_at"]
            await pool.copy_records_to_table("inbox", schema_name="landed", columns=columns, records=rows)
            workers = [intake(pool, {"acme": configured("acme")}, {"acme": 1}) for _ in range(2)]
            assert sum(taken.known for taken in await asyncio.gather(*workers)) == len(names)
            acknowledged = Word(Engagement.ACKNOWLEDGED.bit | Status.DELIVERED.bit, NOW + MINUTE)
            race.note(
                [(name, word) for name in names for word in (Word(Status.SENT.bit, NOW, attempts=1), acknowledged)]
            )


@pytest.mark.parametrize("seed", [1, 2])
async def test_applies_claims_sweeps_and_intake_at_once_end_in_the_join_of_all_that_was_said(
    database: str, db: asyncpg.Connection, others: list[asyncpg.Connection], seed: int
) -> None:
    """nyaruka/courier#503, GSA: writes twice, sweeps that overwrite what is delivered."""
    numbers = await recorded(db, [f"m{n:03}" for n in range(120)], recipient="+447700900001")
    race = Race(database, numbers)
    for connection in others:
        await connection.execute("set deadlock_timeout = '50ms'")

    def chance(n: int) -> random.Random:
        return random.Random(seed * 10 + n)  # noqa: S311 - the same luck each time

    await asyncio.gather(
        applies(race, others[0], chance(0), by_id=True),
        applies(race, others[1], chance(1), by_id=False),
        claims(race, others[2], chance(2)),
        sweeps(others[3], chance(3)),
        records(race, chance(4)),
    )

    await note_guesses(race, db)
    expected = {name: join(State(), [SENT, *race.said.get(name, [])]) for name in numbers}
    assert await states(db) == expected
    open_still = {name: state.heard for name, state in expected.items() if state.status.is_open}
    rows = await db.fetch("select provider_id, heard from landed.watch")
    assert {row["provider_id"]: row["heard"] for row in rows} == open_still
    rows = await db.fetch(
        "select distinct m.provider_id from landed.suppression s join landed.message m on m.id = message"
    )
    blocked = {name for name, said in race.said.items() if any(word.reason == Reason.SUPPRESSED for word in said)}
    assert {row["provider_id"] for row in rows} == blocked


async def test_settling_and_claiming_the_same_messages_leaves_no_watch_and_loses_no_claim(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    numbers = await recorded(db, [f"m{n}" for n in range(400)])
    names = list(numbers)

    async def settling(connection: asyncpg.Connection) -> int:
        settled = 0
        for start in range(0, 200, 20):
            said = [Said(Word(Status.DELIVERED.bit, NOW), name) for name in names[start : start + 20]]
            settled += (await reports.apply(connection, 1, Source.FEED, NOW, said)).settled
        return settled

    async def claiming(connection: asyncpg.Connection) -> list[str]:
        taken: list[str] = []
        while claimed := await watches.claim(connection, 1, NOW, 30, NOW + MINUTE):
            taken += [one.provider_id for one in claimed]
        return taken

    settled, again, first, second = await asyncio.gather(
        settling(others[0]), settling(others[1]), claiming(others[2]), claiming(others[3])
    )

    left = await db.fetch("select provider_id, looks from landed.watch")
    assert settled + again == 200
    assert {row["provider_id"] for row in left} == set(names[200:])
    assert {row["looks"] for row in left} == {1}
    assert len(first + second) == len(set(first + second))


async def test_known_messages_that_are_written_just_now_are_found(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    """Postgres looks again at a row for which it had to wait, and must not lose it then."""
    await account(db)
    await record(db, [recording(1, f"m{n:04}", reference=f"r{n:04}") for n in range(2000)])
    await db.execute("vacuum analyze landed.message")
    about = range(100, 103)
    keys = [f"m{n:04}" for n in about], [""] * 3, [f"r{n:04}" for n in about]
    async with others[0].transaction():
        await reports.apply(others[0], 1, Source.POLL, NOW, [Said(Word(Status.DEFERRED.bit, NOW), "m0101")])
        finding = asyncio.ensure_future(others[1].fetch(inbox.QUERIES.known, [1] * 3, *keys))
        while not await db.fetchval("select exists (select from pg_locks where not granted)"):
            assert not finding.done()

    assert [row["provider_id"] for row in await finding] == keys[0]


async def test_a_bounce_that_waits_for_the_row_that_names_the_recipient_blocks_it(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    await recorded(db, ["a"])
    async with others[0].transaction():
        await inbox.record(others[0], NOW, [recording(1, "a", recipient="+447700900001")])
        said = [Said(Word(Status.HARD_BOUNCED.bit, NOW), "a", blocks=0b100)]
        applying = asyncio.ensure_future(reports.apply(others[1], 1, Source.POLL, NOW, said))
        while not await db.fetchval("select exists (select from pg_locks where not granted)"):
            assert not applying.done()
    await applying

    assert await db.fetchval("select landed.is_blocked('sms', '+447700900001')")


# Deadlocks, made on purpose: someone holds the second message while we hold the first and wait, and then wants ours.

Act = Callable[[asyncpg.Connection, list[Watch]], Awaitable[object]]


def apply_by_key(connection: asyncpg.Connection, claimed: list[Watch]) -> Awaitable[object]:
    said = [Said(Word(Status.DEFERRED.bit, NOW), one.provider_id) for one in claimed]
    return reports.apply(connection, 1, Source.POLL, NOW, said)


def apply_by_id(connection: asyncpg.Connection, claimed: list[Watch]) -> Awaitable[object]:
    said = [Said(Word(Status.DEFERRED.bit, NOW), one.provider_id, "", one.id) for one in claimed]
    return reports.apply(connection, 1, Source.POLL, NOW, said)


def join_early(connection: asyncpg.Connection, claimed: list[Watch]) -> Awaitable[object]:
    return reports.join_early(connection, 1, NOW, [(one.provider_id, "") for one in claimed])


def looked(connection: asyncpg.Connection, claimed: list[Watch]) -> Awaitable[object]:
    return watches.looked(connection, 1, NOW, [Looked(one, NOW, 7, found=True) for one in claimed])


def hand_back(connection: asyncpg.Connection, claimed: list[Watch]) -> Awaitable[object]:
    return watches.hand_back(connection, 1, claimed, NOW)


def due_now(connection: asyncpg.Connection, _claimed: list[Watch]) -> Awaitable[object]:
    return watches.due_now(connection, 1, NOW)


TOUCH = (
    "update landed.watch set looked_at = looked_at where provider_id = $1",
    "update landed.message set code = code where provider_id = $1",
)


async def collide(
    holder: asyncpg.Connection, victim: asyncpg.Connection, watcher: asyncpg.Connection, acting: Awaitable[object]
) -> None:
    """Let `acting` of `victim` lose a deadlock against `holder`: it begins to wait first, and is least patient."""
    await victim.execute("set deadlock_timeout = '300ms'")
    await holder.execute("set deadlock_timeout = '60s'")
    async with holder.transaction():
        for touch in TOUCH:
            await holder.execute(touch, "b")
        task = asyncio.ensure_future(acting)
        waiting = "select exists (select from pg_locks where pid = $1 and not granted)"
        while not await watcher.fetchval(waiting, victim.get_server_pid()):
            assert not task.done()
        for touch in TOUCH:
            await holder.execute(touch, "a")
    await task


async def deadlocks(connection: asyncpg.Connection) -> int:
    await connection.execute("select pg_stat_force_next_flush()")
    count = "select deadlocks from pg_stat_database where datname = current_database()"
    return int(await connection.fetchval(count))


@pytest.mark.parametrize("act", [apply_by_key, apply_by_id, join_early, looked, hand_back, due_now])
async def test_whoever_loses_a_deadlock_begins_again_and_ends_well(
    db: asyncpg.Connection, others: list[asyncpg.Connection], act: Act
) -> None:
    number = await account(db)
    early = [Said(Word(Status.DEFERRED.bit, NOW), name) for name in ("a", "b")] if act is join_early else []
    await reports.apply(db, number, Source.POLL, NOW, early)
    await record(db, [recording(number, "a"), recording(number, "b")])
    claimed = await watches.claim(db, number, NOW, 10, NOW + MINUTE)
    claimed.sort(key=lambda one: one.provider_id)
    before = await deadlocks(others[1])
    await collide(others[0], others[1], db, act(others[1], claimed))

    rows = await db.fetch("select heard, looks, next_look_at, said from landed.watch")
    assert {tuple(row) for row in rows} == {
        (0b110, 1, NOW + MINUTE, None)
        if act in {apply_by_key, apply_by_id, join_early}
        else (0b10, 0 if act is hand_back else 1, NOW, 7 if act is looked else None)
    }
    # Whoever begins again before the other has ended may lose once more.
    assert before < await deadlocks(others[1]) < before + TRIES
    assert not others[1].is_in_transaction()


async def test_a_deadlock_within_a_transaction_ends_it_and_is_told(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    await recorded(db, ["a", "b"])
    claimed = await watches.claim(db, 1, NOW, 10, NOW + MINUTE)
    tries = 0

    async def both() -> None:
        nonlocal tries
        tries += 1
        async with others[1].transaction():
            await apply_by_key(others[1], claimed)

    await collide(others[0], others[1], db, outlast(others[1], both))

    assert tries == 2
    assert {state.status for state in (await states(db)).values()} == {Status.DEFERRED}

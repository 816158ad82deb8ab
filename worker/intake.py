"""Intake: takes what senders said out of the inbox, and records it.

1. Take a batch of rows as they lie, skipping what another worker has, and record the plain ones where they are
   (`worker.plain`).
2. Understand each of the others; what cannot be understood is kept as a stray, with its problem.
3. Turn messages to blocked addresses that were not handed over yet into `blocked`.
4. Put hashes in the place of recipients, where that is wanted or the person was erased.
5. Record new messages, join what is said of known ones, block recipients of whom only now is known that they are those
   of messages that bounced; all in the transaction that took the rows.
6. Join the reports that came before their message.

Where many rows wait, two batches are under way at once: Postgres writes both, or one while the other is understood.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import structlog

from rules.hashing import PLAIN, Hashing
from rules.reports import Word
from rules.statuses import Reason
from store import inbox, reports, suppression
from store.connections import Connection, Pool, clock
from store.deadlocks import outlast
from store.inbox import Hand, Place, Recording, Stray
from store.plain import Plain, early_among, take_plain
from worker import plain
from worker.accounts import Account
from worker.admission import admit, block, stray, unsent_address
from worker.keeping import Batch, batch_of, recordings_as_kept

#: Rows taken at once.
BATCH = 1000

#: Batches under way where many rows wait.
AT_ONCE = 2

#: What one bad row can make of a whole batch. Then rows are taken one by one, and the bad one is put aside.
SPOILED = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError, ValueError)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Taken:
    """What intake did: rows taken, messages recorded, rows about known messages, rows put aside."""

    rows: int = 0
    new: int = 0
    known: int = 0
    strays: int = 0

    def __add__(self, other: "Taken") -> "Taken":
        """Both together."""
        return Taken(self.rows + other.rows, self.new + other.new, self.known + other.known, self.strays + other.strays)


@dataclass(frozen=True, slots=True)
class Known:
    """What rows are understood by: accounts, their numbers in the database, and how recipients are kept."""

    accounts: Mapping[str, Account]
    numbers: Mapping[str, int]
    hashing: Hashing = PLAIN
    #: How plain rows are recorded.
    routes: str = plain.NONE


async def intake(
    pool: Pool,
    accounts: Mapping[str, Account],
    numbers: Mapping[str, int],
    most: int = 50_000,
    hashing: Hashing = PLAIN,
    hand: Hand | None = None,
) -> Taken:
    """Take in up to about `most` rows, from where `hand` was left."""
    known = Known(accounts, numbers, hashing, plain.routes(accounts, numbers, hashing))
    hand = hand or Hand()
    done = await _round(pool, known, hand, BATCH)
    if done.rows >= BATCH:
        share = (most - done.rows) // AT_ONCE
        # Both are waited for, whatever happens to one: nobody else would hear of the other.
        rounds = (_round(pool, known, hand, share) for _ in range(AT_ONCE))
        for part in await asyncio.gather(*rounds, return_exceptions=True):
            if isinstance(part, BaseException):
                raise part
            done += part
    if done.rows:
        log.info("intake", rows=done.rows, new=done.new, known=done.known, strays=done.strays)
    return done


async def _round(pool: Pool, known: Known, hand: Hand, most: int) -> Taken:
    """Take in up to about `most` rows; fewer where the hand has been everywhere."""
    done, more = Taken(), True
    while more and done.rows < most:
        async with pool.acquire() as connection:
            taken, more = await _careful(connection, known, hand)
        done += taken
    return done


async def _careful(connection: Connection, known: Known, hand: Hand) -> tuple[Taken, bool]:
    """One batch; if a row spoils it, its rows one by one. Also whether more may be there."""
    place = hand.at
    try:
        taken, last = await _batch(connection, known, place)
    except SPOILED:
        taken, last = Taken(), None
        for _ in range(BATCH):
            one, last = await _one(connection, known, place)
            taken += one
            if last is None:
                break
    return taken, hand.moved(place, last if taken.rows >= BATCH else None)


async def _one(connection: Connection, known: Known, place: Place) -> tuple[Taken, Place | None]:
    """The next row; put aside if Postgres would not take what it says."""
    now = await clock(connection)
    taken, recordings, last = await outlast(connection, lambda: _take_one(connection, known, now, place))
    await _join_early(connection, recordings, now)
    return taken, last


async def _take_one(
    connection: Connection, known: Known, now: datetime, place: Place
) -> tuple[Taken, Sequence[Recording], Place | None]:
    async with connection.transaction():
        rows = await inbox.take(connection, 1, place)
        recordings: Sequence[Recording] = []
        try:
            # What is taken back is this try only. The row stays ours: taken anew, it might be another.
            async with connection.transaction():
                taken, recordings = await _record(connection, known, now, rows)
        except SPOILED as error:
            problem = f"Postgres would not take it: {type(error).__name__}"
            batch = await batch_of(connection, rows, known.hashing)
            await inbox.keep_strays(connection, [batch.stray(stray(row, problem), row["id"]) for row in rows])
            taken = Taken(rows=len(rows), strays=len(rows))
    return taken, recordings, inbox.last_place(rows)


async def _batch(connection: Connection, known: Known, place: Place) -> tuple[Taken, Place | None]:
    """Rows from `place` on; where the last of them lay."""
    now = await clock(connection)
    taken, recorded, recordings = await outlast(connection, lambda: _take(connection, known, now, place))
    if recorded.new:
        for account, names in (await early_among(connection, recorded)).items():
            await reports.join_early(connection, account, now, names)
    await _join_early(connection, recordings, now)
    return taken, recorded.last


async def _take(
    connection: Connection, known: Known, now: datetime, place: Place
) -> tuple[Taken, Plain, Sequence[Recording]]:
    async with connection.transaction():
        recorded = await take_plain(connection, BATCH, place, now, known.routes)
        taken = Taken(recorded.new, recorded.new)
        recordings: Sequence[Recording] = ()
        if recorded.rows:
            others, recordings = await _record(connection, known, now, recorded.rows)
            taken += others
    return taken, recorded, recordings


async def _record(
    connection: Connection, known: Known, now: datetime, rows: Sequence[asyncpg.Record]
) -> tuple[Taken, Sequence[Recording]]:
    """What these rows say, in the transaction that took them."""
    batch = await batch_of(connection, rows, known.hashing)
    recordings, strays = await _understand(connection, rows, known, batch, now)
    recorded = await inbox.record(connection, now, recordings)
    await _block(connection, known, recorded.addressed, now)
    by_number = {row["id"]: row for row in rows}
    for recording, problem in recorded.contradictions:
        strays.append(batch.stray(stray(by_number[recording.row], problem), recording.row))
    if strays:
        await inbox.keep_strays(connection, strays)
    return Taken(len(rows), recorded.new, recorded.known, len(strays)), recordings


async def _understand(
    connection: Connection, rows: Sequence[asyncpg.Record], known: Known, batch: Batch, now: datetime
) -> tuple[list[Recording], list[Stray]]:
    addresses = {row["id"]: unsent_address(row) for row in rows}
    unsent = sorted({address for address in addresses.values() if address is not None})
    blocked = await suppression.blocked_among(connection, unsent, known.hashing)
    recordings: list[Recording] = []
    strays: list[Stray] = []
    for row in rows:
        admitted = admit(row, known.accounts, known.numbers, now)
        if isinstance(admitted, Stray):
            strays.append(batch.stray(admitted, row["id"]))
        else:
            recordings.append(block(admitted) if addresses[row["id"]] in blocked else admitted)
    return await recordings_as_kept(connection, recordings, batch), strays


async def _block(connection: Connection, known: Known, messages: Sequence[tuple[int, int]], now: datetime) -> None:
    """Block recipients that became known after what blocks them was heard."""
    if not messages:
        return
    accounts = {known.numbers[name]: account for name, account in known.accounts.items()}
    facts = [
        (fact, sent_at)
        for fact, sent_at in await suppression.heard(connection, messages)
        if accounts[fact.account].blocks(Word(fact.bits, sent_at, Reason(fact.reason))) >> fact.channel & 1
    ]
    if facts:
        await suppression.add(connection, facts, now)


async def _join_early(connection: Connection, recordings: Sequence[Recording], now: datetime) -> None:
    """Reports that came before their message; looked for after our commit, as the reporter does after its own."""
    keys: dict[int, set[tuple[str, str]]] = {}
    for recording in recordings:
        if recording.provider_id:
            keys.setdefault(recording.account, set()).add((recording.provider_id, recording.part))
    for account, wanted in keys.items():
        await reports.join_early(connection, account, now, wanted)

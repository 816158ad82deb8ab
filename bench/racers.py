"""Those who race: each does one thing that the program does, over and over, in the most unlucky ways.

Every function does it once, on a connection of its own.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import asyncpg

from bench.track import ACCOUNT, COLUMNS, NEWEST, SENT_AT, Reader, Row, Track, name, reference
from rules.statuses import Source
from store import events, inbox, reports, watches
from store.connections import clock
from store.deadlocks import outlast
from store.events import Position
from store.reports import Terms
from store.watches import Looked, Watch
from worker.intake import intake

#: Messages sent at once.
SENDING = 40

#: Longer than anyone is kept waiting here, and short enough for claims to run out.
LEASE = timedelta(seconds=2)

#: When sweeps take place: every deadline and every limit has passed.
SWEPT_AT = SENT_AT + timedelta(days=99)
TERMS = Terms(
    lag=timedelta(),
    remembered=None,
    hard_limit=timedelta(),
    confirms=True,
    asks=False,
    by_id=True,
    by_reference=True,
    streams=False,
    read_until=None,
)


async def send(track: Track) -> None:
    """What a sender does: new messages, and more about earlier ones, in any order."""
    rows = [track.first() for _ in range(SENDING)] + track.more(SENDING)
    await put(track, track.chance.sample(rows, len(rows)))


async def put(track: Track, rows: Sequence[Row]) -> None:
    """Rows into the inbox."""
    await track.pool.copy_records_to_table("inbox", schema_name="landed", columns=COLUMNS, records=rows)


async def waiting(track: Track) -> int:
    """How many rows wait in the inbox."""
    async with track.pool.acquire() as connection:
        return await inbox.waiting(connection)


async def take_in(track: Track) -> None:
    """Intake."""
    taken = await intake(track.pool, {ACCOUNT: track.account()}, {ACCOUNT: track.number})
    if taken.strays:
        track.ledger.problems.append(f"{taken.strays} rows were put aside")
    newest = max(track.numbers.values(), default=0)
    rows = await track.pool.fetch(NUMBERS, track.number, newest - 4 * NEWEST)
    track.numbers.update({row["provider_id"]: row["id"] for row in rows})


async def say(track: Track, how: str) -> None:
    """Reports in batches that overlap, in any order."""
    said = track.words(track.some(), how)
    async with track.pool.acquire() as connection:
        await track.apply(connection, track.chance.choice((Source.POLL, Source.FEED, Source.WEBHOOK)), said)
    track.note(said)


async def say_late(track: Track) -> None:
    """Reports in a transaction that stays open for a while, and is taken back one time in four."""
    said, taken_back = track.words(track.some(), "either"), not track.chance.randrange(4)

    async def act() -> None:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await track.apply(connection, Source.FEED, said)
            await asyncio.sleep(track.chance.random() * 0.05)
        except BaseException:
            await transaction.rollback()
            raise
        await (transaction.rollback() if taken_back else transaction.commit())

    async with track.pool.acquire() as connection:
        await outlast(connection, act)
    if taken_back:
        track.did["taken back"] += 1
    else:
        track.note(said)


async def look(track: Track) -> None:
    """Claim, say what was found of some, and hand back the others."""
    async with track.pool.acquire() as connection:
        now = await clock(connection)
        claimed = await watches.claim(connection, track.number, now, track.chance.randint(1, 50), now + LEASE)
    _note_claims(track, claimed, now, now + LEASE)
    track.chance.shuffle(claimed)
    found, back = claimed[::2], claimed[1::2]
    said = [track.word_about(one.provider_id, one.id) for one in found[::2] if one.provider_id]
    async with track.pool.acquire() as connection:
        await track.apply(connection, Source.POLL, said)
        track.note(said)
        for one in claimed:
            if track.claims.get(one.id) == (now, now + LEASE):
                del track.claims[one.id]
        later = now + timedelta(seconds=track.chance.random())
        await watches.looked(connection, track.number, now, [Looked(one, later, 7, found=True) for one in found])
        await watches.hand_back(connection, track.number, back, now)


def _note_claims(track: Track, claimed: Sequence[Watch], begins: datetime, ends: datetime) -> None:
    track.did["claimed"] += len(claimed)
    for one in claimed:
        began, ended = track.claims.get(one.id, (ends, begins))
        if began < ends and begins < ended:
            track.ledger.problems.append(f"message {one.id}: two had claimed it at once")
        track.claims[one.id] = (begins, ends)


async def sweep(track: Track) -> None:
    """Settle a few open messages from some place on, as if the provider could not be asked until long after."""
    async with track.pool.acquire() as connection:
        places = await connection.fetch(PLACES, track.number)
        if places:
            deadline_at, number = track.chance.choice(places)
            after = deadline_at, number - 1
            settled = await reports.settle(connection, track.number, SWEPT_AT, after, track.chance.randint(1, 9), TERMS)
            track.did["swept"] += settled.settled


async def adopt(track: Track) -> None:
    """Learn provider ids from answers that name messages by reference."""
    known = track.newest()
    odd = sorted({n for n in track.chance.choices(known, k=5) if n % 2}) if known else []
    async with track.pool.acquire() as connection:
        await inbox.adopt(connection, track.number, [(reference(n), "", name(n)) for n in odd])
        await reports.join_early(connection, track.number, await clock(connection), [(name(n), "") for n in odd])


async def keep_up(track: Track) -> None:
    """Make the days of the history, and join what came before its message."""
    async with track.pool.acquire() as connection:
        now = await clock(connection)
        # Where others write history all the time it gives way; the next upkeep tries again.
        with suppress(asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await events.make_partitions(connection, now.date())
        await reports.join_all_early(connection, track.number, now)


async def read(track: Track, reader: Reader) -> None:
    """Follow the history."""
    async with track.pool.acquire() as connection:
        rows, place = await events.since(connection, reader.place, track.chance.randint(1, 400))
    for row in rows:
        if (int(row["xact"]), row["position"]) <= (int(reader.place.xact), reader.place.position):
            track.ledger.problems.append(f"a reader was given event {row['position']} out of order")
        reader.place = Position(row["xact"], row["position"])
        reader.total += row["position"]
    if reader.place != place:
        track.ledger.problems.append("a reader was sent on to another place than that of its last event")
    reader.read += len(rows)
    track.did["read"] += len(rows)


PLACES = """
select deadline_at, id from landed.watch where account = $1 order by deadline_at, id limit 1000
"""

NUMBERS = """
select id, provider_id from landed.message where account = $1 and id > $2 and provider_id is not null
"""

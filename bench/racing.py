"""A race: senders, workers, sweeps and readers on many connections, all about the same few messages at once."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Concatenate, ParamSpec

import asyncpg

from bench import racers
from bench.track import ACCOUNT, Reader, Track
from store import accounts, reports
from store.connections import Connection, Pool, clock, open_pool

#: Connections of the race.
CONNECTIONS = 16

#: Nobody reads the history for longer than this once nothing is written any more.
PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a race: how much of everything, and whatever is not as it was said."""

    counts: dict[str, int]
    differences: list[str]


async def race(url: str, seed: int, is_over: Callable[[Track], bool], *, prepared: bool = True) -> Came:
    """Race in a fresh database until it is over, and compare what is there with what was said.

    `prepared` is as in `store.connections.open_pool`.
    """
    async with open_pool(url, size=1, prepared=prepared) as pool:
        before = await _statistics(pool)
        # Who waits for a lock looks for a deadlock after a second, and here there are many.
        with suppress(asyncpg.InsufficientPrivilegeError):
            database = await pool.fetchval("select quote_ident(current_database())")
            await pool.execute(f"alter database {database} set deadlock_timeout = '50ms'")
    async with open_pool(url, size=CONNECTIONS, prepared=prepared) as pool:
        async with pool.acquire() as connection:
            number = (await accounts.ensure(connection, {ACCOUNT: "twilio"}))[ACCOUNT]
        track = Track(pool, number, random.Random(seed))  # noqa: S311 - the same luck again
        readers = [Reader() for _ in range(3)]
        await _run(track, readers, is_over)
        await _come_to_rest(track, readers)
        async with pool.acquire() as connection:
            differences = await track.ledger.differences(connection, number)
    async with open_pool(url, size=1, prepared=prepared) as pool:
        after = await _statistics(pool)
    counts = {"words": track.ledger.words, "messages": track.sent, "events": readers[0].read, **track.did}
    return Came({**counts, **{key: after[key] - before[key] for key in after}}, differences)


async def _statistics(pool: Pool) -> dict[str, int]:
    row = await pool.fetchrow(STATISTICS)
    return dict(row.items()) if row else {}


P = ParamSpec("P")
Step = Callable[Concatenate[Track, P], Awaitable[None]]


async def _run(track: Track, readers: list[Reader], is_over: Callable[[Track], bool]) -> None:
    """Everybody at once, until it is over. What nobody outlasts ends it with an error."""

    async def again(step: Step[P], *arguments: P.args, **options: P.kwargs) -> None:
        while not track.is_over:
            await step(track, *arguments, **options)
            # Whoever finds nothing to do lets the others go on.
            await asyncio.sleep(track.chance.random() * 0.005)

    async def send() -> None:
        if is_over(track):
            track.is_over = True
        elif await racers.waiting(track) <= 4 * racers.SENDING:
            await racers.send(track)

    async with asyncio.TaskGroup() as group:
        group.create_task(again(lambda _track: send()))
        for how in ("id", "id", "key", "key", "either"):
            group.create_task(again(racers.say, how))
        for step in (racers.say_late, racers.take_in, racers.look):
            group.create_task(again(step))
            group.create_task(again(step))
        for step in (racers.sweep, racers.adopt, racers.keep_up):
            group.create_task(again(step))
        for reader in readers:
            group.create_task(again(racers.read, reader))


async def _come_to_rest(track: Track, readers: list[Reader]) -> None:
    """Send what was spoken of, tell what was left open, take it all in, and read to the end."""
    missing = range(track.sent, track.spoken_of + 1)
    track.sent += len(missing)
    await _settle(track, [track.whole(n) for n in missing])
    unnamed = await track.pool.fetch(UNNAMED, track.number)
    await _settle(track, [track.whole(int(row["reference"][1:])) for row in unnamed])
    async with track.pool.acquire() as connection:
        await _join_early(track, connection)
        row = await connection.fetchrow(EVENTS)
    expected = tuple(row or ())
    for reader in readers:
        async with asyncio.timeout(PATIENCE):
            while reader.read < expected[0]:
                await racers.read(track, reader)
        if (reader.read, reader.total) != expected:
            track.ledger.problems.append(f"a reader was given {reader.read} events of {expected[0]}, or not the same")


async def _settle(track: Track, rows: list[tuple[object, ...]]) -> None:
    await racers.put(track, rows)
    while await racers.waiting(track):
        await racers.take_in(track)


async def _join_early(track: Track, connection: Connection) -> None:
    while (await reports.join_all_early(connection, track.number, await clock(connection))).written:
        pass
    if left := await connection.fetchval("select count(*) from landed.early"):
        track.ledger.problems.append(f"{left} words still wait for their message")


STATISTICS = """
select deadlocks as "deadlocks retried", xact_commit + xact_rollback as transactions
from pg_stat_database
where datname = current_database()
"""

UNNAMED = """
select reference from landed.message where account = $1 and (provider_id is null or recipient = '') order by id
"""

EVENTS = "select count(*), coalesce(sum(position), 0)::bigint from landed.event"

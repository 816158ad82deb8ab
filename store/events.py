"""Reading the history in order, and the daily partitions of `event` and `look`."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import asyncpg

from store.connections import Connection
from store.queries import Queries

QUERIES = Queries("events")

TABLES = ("event", "look")

#: Seconds that moving the rows of a day out of a default partition may take. Far more than it takes; one that were cut
#: off would begin anew at the next upkeep, again and again.
MOVING = 3600


@dataclass(frozen=True, slots=True)
class Position:
    """How far a reader has come. It compares in the order of reading."""

    xact: str = "0"
    position: int = 0


async def since(connection: Connection, after: Position, limit: int) -> tuple[list[asyncpg.Record], Position]:
    """Up to `limit` events after a position, and the position after them.

    It never passes a transaction that is still open: an event committed late is read later, and never skipped. Of the
    events of one message the one with the highest `position` is the latest, also where it is read before another.
    """
    rows = await connection.fetch(QUERIES.since, after.xact, after.position, limit)
    return rows, Position(rows[-1]["xact"], rows[-1]["position"]) if rows else after


async def make_partitions(connection: Connection, today: date, days_ahead: int = 3) -> list[str]:
    """Make the daily partitions from today on that are missing; their names.

    Rows that fell into a default partition meanwhile move into theirs, whatever their day. Days that are over come
    last, because nothing is written to them. Raises LockNotAvailableError where someone reads the history for long.
    """
    wanted = {(table, today + timedelta(days=ahead)) for table in TABLES for ahead in range(days_ahead + 1)}
    wanted |= {(row["parent"], row["day"]) for row in await connection.fetch(QUERIES.astray)}
    there = {found for table in TABLES for found in await _partitions(connection, table)}
    missing = sorted((day < today, day, table) for table, day in wanted if name(table, day) not in there)
    made = []
    for _, day, table in missing:
        if await connection.fetchval(QUERIES.make_partition, table, day, timeout=MOVING):
            made.append(name(table, day))
    return made


async def _partitions(connection: Connection, table: str) -> list[str]:
    return [row["name"] for row in await connection.fetch(QUERIES.partitions, table)]


def name(table: str, day: date) -> str:
    """The name of the partition of a day."""
    return f"{table}_{day:%Y%m%d}"


async def drop_partitions(connection: Connection, table: str, before: datetime) -> list[str]:
    """Drop the partitions of `table` that ended before a time; their names.

    Oldest first and each in a transaction of its own, because a drop keeps everyone out of the whole table. Raises
    LockNotAvailableError where someone reads it for long; what was dropped before stays so.
    """
    first_kept = name(table, before.astimezone(UTC).date())
    dropped: list[str] = []
    for old in await _partitions(connection, table):
        if old < first_kept and (day := _day(table, old)):
            rows = await connection.fetch(QUERIES.drop_partitions, table, day + timedelta(days=1))
            dropped += [row["dropped"] for row in rows]
    return dropped


def _day(table: str, partition: str) -> date | None:
    """The day of a partition; None for the default one."""
    digits = partition.removeprefix(f"{table}_")
    return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC).date() if digits.isdigit() else None


async def astray(connection: Connection, table: str) -> int:
    """How many rows lie in the default partition; more than none means that upkeep did not run for days."""
    rows = await connection.fetch(QUERIES.astray)
    return sum(row["rows"] for row in rows if row["parent"] == table)

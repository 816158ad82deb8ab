"""Reading the history in order, and the daily partitions of `event` and `look`."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import asyncpg

from store.connections import Connection
from store.queries import Queries

QUERIES = Queries("events")

TABLES = ("event", "look")

#: Rows that move out of a default partition at once; everyone who writes waits for that. A day that has more there gets
#: a partition for each hour.
MOVED_AT_ONCE = 1_000_000

HOURS = range(24)


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
    fallen = {(row["parent"], row["day"]): row["rows"] for row in await connection.fetch(QUERIES.astray)}
    ahead = {(table, today + timedelta(days=days)) for table in TABLES for days in range(days_ahead + 1)}
    there = {table: await _partitions(connection, table) for table in TABLES}
    made: list[str] = []
    for _, day, table in sorted((day < today, day, table) for table, day in ahead | set(fallen)):
        made += await _make(connection, table, day, there[table], fallen.get((table, day), 0))
    return made


async def _make(connection: Connection, table: str, day: date, there: list[str], rows: int) -> list[str]:
    """Make what is missing of a day, of which `rows` must move; the names. `there` are the table's partitions."""
    whole = name(table, day)
    if whole in there:
        return []
    hours = {hour: f"{whole}_{hour:02}" for hour in HOURS}
    if rows <= MOVED_AT_ONCE and not set(there) & set(hours.values()):
        return [whole] if await connection.fetchval(QUERIES.make_partition, table, day) else []
    return [
        hours[hour]
        for hour in HOURS
        if hours[hour] not in there and await connection.fetchval(QUERIES.make_partition_of_hour, table, day, hour)
    ]


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
    digits = partition.removeprefix(f"{table}_")[:8]
    return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC).date() if digits.isdigit() else None


async def astray(connection: Connection, table: str) -> int:
    """How many rows lie in the default partition; more than none means that upkeep did not run for days."""
    rows = await connection.fetch(QUERIES.astray)
    return sum(row["rows"] for row in rows if row["parent"] == table)

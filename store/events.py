"""Reading the history in order, and the daily partitions of `event` and `look`."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import asyncpg

from store.connections import Connection
from store.queries import Queries

QUERIES = Queries("events")

TABLES = ("event", "look")


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

    Rows that fell into a default partition meanwhile move into theirs, whatever their day.
    """
    wanted = {(table, today + timedelta(days=ahead)) for table in TABLES for ahead in range(days_ahead + 1)}
    wanted |= {(row["parent"], row["day"]) for row in await connection.fetch(QUERIES.astray)}
    there = {row["name"] for table in TABLES for row in await connection.fetch(QUERIES.partitions, table)}
    missing = [(table, day) for table, day in sorted(wanted) if name(table, day) not in there]
    return [name(table, day) for table, day in missing if await connection.fetchval(QUERIES.make_partition, table, day)]


def name(table: str, day: date) -> str:
    """The name of the partition of a day."""
    return f"{table}_{day:%Y%m%d}"


async def drop_partitions(connection: Connection, table: str, before: datetime) -> list[str]:
    """Drop the partitions of `table` that ended before a time; their names."""
    day = before.astimezone(UTC).date()
    return [row["dropped"] for row in await connection.fetch(QUERIES.drop_partitions, table, day)]


async def astray(connection: Connection, table: str) -> int:
    """How many rows lie in the default partition; more than none means that upkeep did not run for days."""
    rows = await connection.fetch(QUERIES.astray)
    return sum(row["rows"] for row in rows if row["parent"] == table)

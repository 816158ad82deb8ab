"""Reading the history in order, and the daily partitions of `event` and `look`."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

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

    It never passes a transaction that is still open: an event committed late is read later, and never skipped.
    """
    rows = await connection.fetch(QUERIES.since, after.xact, after.position, limit)
    return rows, Position(rows[-1]["xact"], rows[-1]["position"]) if rows else after


async def make_partitions(connection: Connection, today: date, days_ahead: int = 3) -> list[str]:
    """Make the daily partitions from today on that are missing; their names.

    Rows that fell into the default partition meanwhile move into theirs.
    """
    made = []
    for table in TABLES:
        there = {row["name"] for row in await connection.fetch(QUERIES.partitions, table)}
        for ahead in range(days_ahead + 1):
            day = today + timedelta(days=ahead)
            if name(table, day) not in there:
                await _make(connection, table, day)
                made.append(name(table, day))
    return made


def name(table: str, day: date) -> str:
    """The name of the partition of a day."""
    return f"{table}_{day:%Y%m%d}"


async def _make(connection: Connection, table: str, day: date) -> None:
    """Make one partition. DDL takes no parameters, so the server quotes its literals itself."""
    column = {"event": "seen_at", "look": "at"}[table]
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(hashtext('landed.partitions'))")
        if await connection.fetchval("select to_regclass($1)", f"landed.{name(table, day)}") is not None:
            return
        await connection.execute("set local landed.day = ''")
        await connection.execute(
            "select set_config('landed.table', $1, true), set_config('landed.name', $2, true),"
            " set_config('landed.day', $3, true), set_config('landed.column', $4, true)",
            table,
            name(table, day),
            day.isoformat(),
            column,
        )
        await connection.execute(MAKE)


MAKE = """
do $$
declare
    parent text := current_setting('landed.table');
    child text := current_setting('landed.name');
    place text := current_setting('landed.column');
    first timestamptz := current_setting('landed.day') || 'T00:00:00Z';
    last timestamptz := first + interval '24 hours';
begin
    execute format('create table landed.%I (like landed.%I including defaults including constraints)', child, parent);
    execute format('with moved as (delete from landed.%I where %I >= %L and %I < %L returning *)'
        ' insert into landed.%I select * from moved', parent || '_default', place, first, place, last, child);
    execute format('alter table landed.%I attach partition landed.%I for values from (%L) to (%L)',
        parent, child, first, last);
end
$$
"""


async def drop_partitions(connection: Connection, table: str, before: datetime) -> list[str]:
    """Drop the partitions of `table` that ended before a time; their names."""
    oldest = name(table, before.date())
    there = [row["name"] for row in await connection.fetch(QUERIES.partitions, table)]
    old = [found for found in there if found.removeprefix(f"{table}_").isdigit() and found < oldest]
    for partition in old:
        await connection.execute(f"drop table landed.{partition}")
    return old


async def astray(connection: Connection, table: str) -> int:
    """How many rows lie in the default partition; more than none means that upkeep did not run for days."""
    query = {
        "event": "select count(*) from landed.event_default",
        "look": "select count(*) from landed.look_default",
    }[table]
    return int(await connection.fetchval(query))

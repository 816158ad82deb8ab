"""Migrations: `schema/NNNN_name.sql`, applied in order, each once, forward only, in one transaction together.

Safe when two start at once. Each is compatible with the program of the previous release.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from store.connections import Connection
from store.deadlocks import outlast

FOLDER = Path(__file__).parent / "schema"

#: Any number, as long as it is ours: the key of the advisory lock that keeps two migrations apart.
LOCK = 0x1A2DED


class NewerDatabase(Exception):
    """The database was migrated by a newer program than this one."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int
    name: str
    text: str


def known() -> list[Migration]:
    """Every migration that this program knows, in order."""
    found = []
    for path in sorted(FOLDER.glob("*.sql")):
        number, name = re.fullmatch(r"(\d{4})_(\w+)\.sql", path.name).groups()  # type: ignore[union-attr] # a test keeps the names so
        found.append(Migration(int(number), name, path.read_text("utf-8")))
    return found


async def applied(connection: Connection) -> set[int]:
    """The numbers of the migrations applied to the database."""
    if not await connection.fetchval("select to_regclass('landed.migration') is not null"):
        return set()
    return {row["number"] for row in await connection.fetch("select number from landed.migration")}


async def migrate(connection: Connection) -> list[Migration]:
    """Apply what is missing; returns it. Raises NewerDatabase.

    Workers that write meanwhile may take the tables in another order; if that ends in a deadlock, it begins again.
    """
    return await outlast(connection, lambda: _migrate(connection))


async def _migrate(connection: Connection) -> list[Migration]:
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
        await connection.execute("create schema if not exists landed")
        await connection.execute(
            "create table if not exists landed.migration (number integer primary key, name text not null,"
            " applied_at timestamptz not null default now())"
        )
        missing = await pending(connection)
        for migration in missing:
            await connection.execute(migration.text)
            await connection.execute(
                "insert into landed.migration (number, name) values ($1, $2)",
                migration.number,
                migration.name,
            )
    return missing


async def pending(connection: Connection) -> list[Migration]:
    """The migrations that the database lacks. Raises NewerDatabase."""
    done = await applied(connection)
    ours = known()
    newer = done - {migration.number for migration in ours}
    if newer:
        msg = (
            f"the database has migration {max(newer)}, which this program does not know; it was migrated by a newer"
            " release: install that release, or point LANDED_DATABASE_URL to another database"
        )
        raise NewerDatabase(msg)
    return [migration for migration in ours if migration.number not in done]


async def create_roles(connection: Connection) -> None:
    """Make the three roles where they are missing and grant them what is theirs; needs the right to create roles."""
    async with connection.transaction():
        # Two who grant the same at once would get in each other's way.
        await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
        await connection.execute((FOLDER.parent / "roles.sql").read_text("utf-8"))

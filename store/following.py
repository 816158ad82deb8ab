"""Following the history from outside: what happened after a place, each with the names of its message."""

import asyncpg

from store.connections import Connection
from store.events import Position
from store.queries import Queries

QUERIES = Queries("following")


async def since(
    connection: Connection, after: Position, limit: int, *, changes_only: bool
) -> tuple[list[asyncpg.Record], Position]:
    """Up to `limit` events after a place, and the place after them. As `store.events.since`, it skips nothing."""
    rows = await connection.fetch(QUERIES.since, after.xact, after.position, limit, changes_only)
    return rows, Position(rows[-1]["xact"], rows[-1]["position"]) if rows else after

"""Settled messages that leave the database: read by age, deleted in chunks, and counted for the reports."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from store.connections import Connection
from store.deadlocks import outlast
from store.queries import Queries

QUERIES = Queries("archive")


async def page(connection: Connection, account: int, after: int, limit: int, before: datetime) -> list[asyncpg.Record]:
    """Messages of an account in the order of their numbers, from one on. Locks nothing.

    Each is `ripe` if it is settled and nothing was heard of it since `before`, and `old` if it was recorded before
    that. Its `version` is for `take_out`.
    """
    return await connection.fetch(QUERIES.page, account, after, limit, before)


async def take_out(connection: Connection, account: int, messages: Sequence[tuple[int, str]]) -> int:
    """Delete messages, each a number and its version; how many.

    One that has changed since it was read, or that someone writes just now, stays.
    """
    columns = [number for number, _ in messages], [version for _, version in messages]
    count: int = await outlast(connection, lambda: connection.fetchval(QUERIES.take_out, account, *columns))
    return count


async def alone(connection: Connection, account: int) -> bool:
    """Whether nobody else takes messages of an account out. Then nobody does until the end of the transaction."""
    is_alone: bool = await connection.fetchval(QUERIES.alone, account)
    return is_alone


async def archived(connection: Connection, communication: int) -> int:
    """How many messages of a communication have left."""
    count: int = await connection.fetchval(QUERIES.archived, communication)
    return count

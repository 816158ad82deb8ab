"""Connections to Postgres."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qs

import asyncpg

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool


class StoreUnreachable(Exception):
    """Postgres could not be reached. The message names the server, never its password."""


UNREADABLE = (
    "LANDED_DATABASE_URL cannot be read; write postgresql://user:password@host:5432/database, and in the password"
    " %40 for @, %3A for :, %2F for /, %3F for ? and %23 for #"
)

#: What asyncpg raises when the server is not there, goes away, or does not want us now.
LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    # What it raises if the server's farewell is just being read when the next query is sent.
    asyncpg.InternalClientError,
)


@asynccontextmanager
async def open_pool(url: str, *, size: int = 8, prepared: bool = True, patience: float = 30.0) -> AsyncIterator[Pool]:
    """A pool of up to `size` connections. Waits up to `patience` seconds for a server that is starting.

    `prepared` is false behind a pgbouncer that pools by transaction and does not know prepared statements.
    Raises StoreUnreachable, and asyncpg's own errors for a wrong password or database.
    """
    pool = await _patiently(url, size, prepared=prepared, patience=patience)
    try:
        yield pool
    finally:
        await pool.close()


async def _patiently(url: str, size: int, *, prepared: bool, patience: float) -> Pool:
    ends_at = asyncio.get_running_loop().time() + patience
    pause = 0.1
    while True:
        try:
            return await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=size,
                statement_cache_size=200 if prepared else 0,
                command_timeout=120,
                timeout=10,
            )
        except ValueError:
            # What was misread may be a part of the password, so the error is not shown.
            raise StoreUnreachable(UNREADABLE) from None
        except LOST as error:
            if asyncio.get_running_loop().time() + pause > ends_at:
                problem = str(error) or type(error).__name__
                msg = f"Postgres at {place(url)} cannot be reached: {problem}; check LANDED_DATABASE_URL"
                raise StoreUnreachable(msg) from error
        await asyncio.sleep(pause)
        pause = min(pause * 2, 2.0)


def place(url: str) -> str:
    """Host, port and database of `url`, without user and password."""
    rest, _, query = url.split("://", 1)[-1].partition("?")
    if "@" in query:
        # A password with an unescaped `?`, or one in the query with an unescaped `@`. Which, nobody can tell.
        return "the place that it names"
    host = parse_qs(query).get("host", [""])[0]
    named = rest.rpartition("@")[2]
    if named.startswith("/") and host:
        return host
    return named.strip("/") or host or "its default place"


async def clock(connection: Connection) -> datetime:
    """The time by Postgres's clock; read once a pass and passed down."""
    now: datetime = await connection.fetchval("select clock_timestamp()")
    return now

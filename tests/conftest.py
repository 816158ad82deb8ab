"""Fixtures for all tests: real servers, and a fresh database for each test that wants one.

The servers are embedded ones of this session (one pair per pytest-xdist worker), unless LANDED_TEST_DATABASE_URL and
LANDED_TEST_REDIS_URL name others. Then the user of the first must be allowed to create databases.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from redis.asyncio import Redis

from embedded import Servers, Urls

# A test's data need not outlive a power cut.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "100"}


@pytest.fixture(scope="session")
def servers() -> Iterator[Urls]:
    database, redis = os.environ.get("LANDED_TEST_DATABASE_URL"), os.environ.get("LANDED_TEST_REDIS_URL")
    if database and redis:
        yield Urls(database, redis)
        return
    home = Path(tempfile.mkdtemp(prefix="landed-test-", dir="/tmp"))
    home.chmod(0o711)  # root's servers run as someone else
    try:
        with Servers(home, postgres=_FAST) as urls:
            yield urls
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
async def admin(servers: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A connection that may create databases."""
    connection = await asyncpg.connect(servers.database)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def template(servers: Urls, admin: asyncpg.Connection) -> AsyncIterator[str]:
    """The name of a database in which all migrations have run."""
    name = f"landed_template_{uuid4().hex}"
    await admin.execute(f'create database "{name}"')
    try:
        await _migrate(_named(servers.database, name))
        yield name
    finally:
        await admin.execute(f'drop database "{name}" with (force)')


@pytest.fixture
async def database(servers: Urls, admin: asyncpg.Connection, template: str) -> AsyncIterator[str]:
    """The URL of a fresh, migrated database."""
    name = f"landed_test_{uuid4().hex}"
    await admin.execute(f'create database "{name}" template "{template}"')
    yield _named(servers.database, name)
    await admin.execute(f'drop database "{name}" with (force)')


@pytest.fixture
async def db(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a fresh, migrated database."""
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def redis_url(servers: Urls) -> str:
    """The URL of an empty Redis database."""
    async with Redis.from_url(servers.redis) as redis:
        await redis.flushdb()
    return servers.redis


def _named(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


async def _migrate(url: str) -> None:
    if find_spec("store") is None or find_spec("store.migrations") is None:
        return
    from store.migrations import migrate  # noqa: PLC0415  the tests of other folders run without it

    connection = await asyncpg.connect(url)
    try:
        await migrate(connection)
    finally:
        await connection.close()

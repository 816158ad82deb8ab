"""Fixtures for the store: more connections to the same database, for those who race."""

from collections.abc import AsyncIterator

import asyncpg
import pytest


@pytest.fixture
async def others(database: str) -> AsyncIterator[list[asyncpg.Connection]]:
    """Four connections beside `db`."""
    opened = [await asyncpg.connect(database) for _ in range(4)]
    yield opened
    for connection in opened:
        await connection.close()

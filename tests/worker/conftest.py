"""Fixtures for the worker: a pool on a fresh database, and a provider."""

from collections.abc import AsyncIterator

import pytest

from store.connections import Pool, open_pool
from tests.worker.pretend import Provider


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with open_pool(database) as opened:
        yield opened


@pytest.fixture
def provider() -> Provider:
    return Provider()

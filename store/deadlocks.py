"""Losing a deadlock: Postgres undid what one of two was doing, so it is done again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from store.connections import Connection

#: How often it is tried again. Each try has one competitor fewer.
TRIES = 8

T = TypeVar("T")


async def outlast(connection: Connection, act: Callable[[], Awaitable[T]]) -> T:
    """What `act` returns, which is done again if it lost a deadlock. `act` is one statement, or one transaction.

    Inside an open transaction the deadlock ends that, so it is raised, and whoever began it begins again.
    """
    for attempt in range(1, TRIES):
        try:
            return await act()
        except asyncpg.DeadlockDetectedError:
            if connection.is_in_transaction():
                raise
        await asyncio.sleep(random.uniform(0, 0.02 * attempt))  # noqa: S311 - spreads competitors, guards nothing
    return await act()

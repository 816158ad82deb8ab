"""Pace: no request goes out without a permit from the account's quota ledger in Postgres.

Permits are taken in blocks, each permit a moment in time, so that all workers together never ask too fast.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from store import accounts
from store.connections import Pool, clock

#: A block lasts about this long: a worker that dies wastes no more.
BLOCK = timedelta(seconds=1)


class Pace:
    """Permits for one account. `permit` waits until the next request may go out."""

    def __init__(
        self, pool: Pool, account: int, rate: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Ask at most `rate` times a second."""
        self._pool = pool
        self._account = account
        self._step = 1 / rate
        self._block = max(1, int(rate * BLOCK.total_seconds()))
        self._sleep = sleep
        self._waits: list[float] = []
        self._lock = asyncio.Lock()

    async def permit(self) -> None:
        """Wait for the next permit."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            # A permit not used in its time is void: saved up, they would let us ask faster than we may.
            while self._waits and self._waits[-1] + self._step < loop.time():
                self._waits.pop()
            if not self._waits:
                now, starts_at = await self._take()
                begin = loop.time() + (starts_at - now).total_seconds()
                self._waits = [begin + number * self._step for number in reversed(range(self._block))]
            moment = self._waits.pop()
        if moment > loop.time():
            await self._sleep(moment - loop.time())

    async def _take(self) -> tuple[datetime, datetime]:
        async with self._pool.acquire() as connection:
            now = await clock(connection)
            return now, await accounts.permits(connection, self._account, now, self._block, self._step)

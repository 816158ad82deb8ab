"""Pace: however many workers ask, and however irregularly, the provider sees no more than its rate."""

import asyncio
from datetime import datetime, timedelta

import pytest

from store import accounts
from store.connections import Pool, clock
from tests.worker.pretend import Provider, desk
from worker.pace import Pace

RATE = 100.0


class Moments:
    """Stands in for sleeping: keeps the moments at which requests would have gone out."""

    def __init__(self) -> None:
        self.kept: list[float] = []
        self._slept = 0.0

    async def sleep(self, seconds: float) -> None:
        """What `Pace` calls."""
        self._slept = seconds

    async def ask(self, pace: Pace, times: int) -> None:
        """Want `times` permits, one after another."""
        for _ in range(times):
            self._slept = 0.0
            await pace.permit()
            self.kept.append(asyncio.get_running_loop().time() + self._slept)


@pytest.fixture
async def number(pool: Pool) -> int:
    """The number of an account."""
    return (await desk(pool, Provider())).number


async def test_several_workers_together_keep_the_rate(pool: Pool, number: int) -> None:
    workers = [Moments() for _ in range(3)]

    await asyncio.gather(*(one.ask(Pace(pool, number, RATE, one.sleep), 150) for one in workers))

    moments = sorted(moment for one in workers for moment in one.kept)
    # Each alone would need a third of the time. A busy machine may start late, so a quarter is left for that.
    assert len(moments) == 450
    assert moments[-1] - moments[0] > 0.75 * 449 / RATE


async def test_permits_that_were_not_used_are_not_saved_up(pool: Pool, number: int) -> None:
    """After a pause, the rest of an old block and a whole new one would be asked at once."""
    moments = Moments()
    pace = Pace(pool, number, RATE, moments.sleep)
    await moments.ask(pace, 1)
    pace._waits = [moment - 60 for moment in pace._waits]  # noqa: SLF001 - a minute passes
    await pool.execute("update landed.account set next_free_at = next_free_at - interval '1 minute'")

    began = asyncio.get_running_loop().time()
    await moments.ask(pace, 50)

    at_once = [moment for moment in moments.kept[1:] if moment < began + 0.25]
    assert len(at_once) <= 0.25 * RATE + 2


async def test_a_slow_rate_gives_one_permit_at_a_time(pool: Pool, number: int) -> None:
    moments = Moments()

    await moments.ask(Pace(pool, number, 0.1, moments.sleep), 3)

    first = moments.kept[0]
    assert [round(moment - first) for moment in moments.kept] == [0, 10, 20]


async def test_the_ledger_gives_each_moment_away_once(pool: Pool, number: int) -> None:
    async def take() -> datetime:
        async with pool.acquire() as connection:
            return await accounts.permits(connection, number, now, 5, 0.1)

    async with pool.acquire() as connection:
        now = await clock(connection)
    starts = await asyncio.gather(*(take() for _ in range(20)))

    assert sorted(starts) == [now + block * timedelta(seconds=0.5) for block in range(20)]


async def test_one_accounts_ledger_is_none_of_anothers(pool: Pool, number: int) -> None:
    other = await pool.fetchval("insert into landed.account (name, adapter) values ('b', 'pretend') returning id")
    busy, free = Moments(), Moments()
    await busy.ask(Pace(pool, number, 0.01, busy.sleep), 3)

    await free.ask(Pace(pool, other, RATE, free.sleep), 3)

    assert free.kept[-1] - free.kept[0] < 10

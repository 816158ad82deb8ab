"""Pace: however many processes ask, and however irregularly, no window holds more than its limit."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from adapters.allowance import Allowance
from rules.quota import Bounds, Most, State
from store import quota
from store.connections import Pool, clock
from tests.rules.playing import most_in_any_window
from worker.pace import PATIENCE, Pace, QuotaUsed, boottime

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

SECOND = timedelta(seconds=1)


class Stopwatch:
    """A clock of a process that can be stopped: what it shows then jumps."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """Its time."""
        return boottime() + self.ahead


def pace(pool: Pool, bounds: Bounds, name: str = "shared", now: Callable[[], float] = boottime) -> Pace:
    """One process of those that share a ledger."""
    return Pace(pool, name, bounds, now=now)


async def ask(by: Pace, times: int, each: float = 0.0) -> list[float]:
    """Send so many requests one after another, each taking so long; when they were sent."""
    moments = []
    for _ in range(times):
        permit = await by.permit()
        moments.append(permit.sent_at)
        await asyncio.sleep(each)
        permit.ended()
    await by.give_back()
    return moments


async def ledger(pool: Pool) -> State:
    """The ledger as it stands."""
    async with pool.acquire() as connection:
        return (await quota.read(connection, ["shared"]))["shared"]


async def test_of_many_processes_at_once_no_window_holds_more_than_its_limit(pool: Pool) -> None:
    """On real connections, by the moments at which requests went out; each of them is answered at once."""
    bounds = Bounds(200.0, 100, (Most(60, SECOND),))
    processes = [pace(pool, bounds) for _ in range(8)]

    asked = await asyncio.gather(*(ask(one, 30) for one in processes))

    moments = [(moment, 1.0) for one in asked for moment in one]
    assert len(moments) == 240
    assert most_in_any_window(moments, 1.0) <= 60
    assert most_in_any_window(moments, 200 / 200.0) <= 200


async def test_several_processes_together_spread_the_rate_evenly(pool: Pool) -> None:
    processes = [pace(pool, Bounds(50.0, 100)) for _ in range(3)]

    asked = await asyncio.gather(*(ask(one, 40) for one in processes))

    moments = [(moment, 1.0) for one in asked for moment in one]
    assert most_in_any_window(moments, 1.0) <= 50
    # What nobody used of a quarter of a second may be made up for at once, on a machine that comes late.
    assert most_in_any_window(moments, 0.25) <= 50 * 0.5 + 2


async def test_a_permit_whose_time_is_over_is_void(pool: Pool) -> None:
    """A process that was stopped with permits in its hands, and goes on, sends nothing with them: it takes new ones."""
    watch = Stopwatch()
    late = pace(pool, Bounds(1000.0, 10, (Most(10, timedelta(hours=1)),)), now=watch)
    (await late.permit()).ended()
    blocks = (await ledger(pool)).blocks
    watch.ahead += 0.6
    (await late.permit()).ended()
    again = (await ledger(pool)).blocks
    (await late.permit()).ended()

    assert (blocks, again, (await ledger(pool)).blocks) == (1, 2, 2)


async def test_what_was_not_used_goes_back_at_the_end_of_a_poll(pool: Pool) -> None:
    bounds = Bounds(1000.0, 10, (Most(10, timedelta(hours=1)),))
    first, second = pace(pool, bounds), pace(pool, bounds)
    await ask(first, 1)

    assert len(await ask(second, 9)) == 9
    with pytest.raises(QuotaUsed):
        await second.permit()


async def test_whoever_would_have_to_wait_for_long_is_told_until_when(pool: Pool) -> None:
    one = pace(pool, Bounds(1000.0, 10, (Most(2, timedelta(hours=1)),)))
    async with pool.acquire() as connection:
        before = await clock(connection)
    await ask(one, 2)

    with pytest.raises(QuotaUsed, match="its quota is used up until") as caught:
        await one.permit()

    # An hour after they were answered, rounded up to a hundredth of the hour.
    assert before + timedelta(hours=1) <= caught.value.until <= before + timedelta(hours=1, minutes=1)


async def test_a_short_wait_is_waited_for(pool: Pool) -> None:
    one = pace(pool, Bounds(1000.0, 10, (Most(2, SECOND),)))

    moments = await ask(one, 3)

    assert moments[2] - moments[0] >= 1.0
    assert PATIENCE > 1


async def test_requests_in_flight_are_counted_over_all_processes(pool: Pool) -> None:
    bounds = Bounds(1000.0, 2)
    one, two = pace(pool, bounds), pace(pool, bounds)
    held = [await one.permit(), await one.permit()]
    waiting = asyncio.ensure_future(two.permit())
    await asyncio.wait({waiting}, timeout=0.5)
    waited = not waiting.done()
    for permit in held:
        permit.ended()
    await one.give_back()
    (await waiting).ended()

    assert waited


async def test_a_provider_that_says_no_is_left_alone_by_every_process(pool: Pool) -> None:
    bounds = Bounds(1000.0, 10)
    one, two = pace(pool, bounds), pace(pool, bounds)
    permit = await one.permit()
    permit.ended(Allowance(0, timedelta(minutes=5)))
    await permit.warn()

    for each in (one, two):
        with pytest.raises(QuotaUsed):
            await each.permit()


async def test_no_more_goes_out_than_the_provider_says_is_left(pool: Pool) -> None:
    one = pace(pool, Bounds(1000.0, 10))
    permit = await one.permit()
    permit.ended(Allowance(5, timedelta(minutes=5)))
    await one.give_back()
    sent = await ask(one, 5)

    assert len(sent) == 5
    with pytest.raises(QuotaUsed):
        await one.permit()


async def test_records_count_as_many_as_an_answer_may_bring_until_it_says_how_many_it_brought(pool: Pool) -> None:
    most = Most(100, timedelta(hours=1), "records")
    one = pace(pool, Bounds(1000.0, 10, (most,), records=40))
    permits = [await one.permit() for _ in range(2)]
    await one.give_back()
    reserved = await used(pool, most)
    for permit in permits:
        permit.ended()
        permit.brought(3)
    await one.give_back()

    assert (reserved, await used(pool, most)) == (80, 6)


async def used(pool: Pool, most: Most) -> float:
    """How much of a limit counts now."""
    async with pool.acquire() as connection:
        now = (await clock(connection)).timestamp()
    return (await ledger(pool)).used(most, now)


async def test_one_accounts_ledger_is_none_of_anothers(pool: Pool) -> None:
    bounds = Bounds(1000.0, 10, (Most(1, timedelta(hours=1)),))
    await ask(pace(pool, bounds, "account a"), 1)

    assert len(await ask(pace(pool, bounds, "account b"), 1)) == 1

"""What polls, streams and sweeps settle is recorded with what is known of its time."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from rules.settling_times import Observed
from rules.statuses import Channel
from store import settlings
from store.connections import Pool
from store.settlings import Group
from tests.worker.pretend import Provider, account, budget, desk, record
from worker.desk import Desk
from worker.poll import poll
from worker.sweep import sweep
from worker.upkeep import Retention, Upkeep

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

HOUR = timedelta(hours=1)
LONG = timedelta(days=30)


async def known(at: Desk) -> Counter[Observed]:
    """What is recorded, to whole hours."""
    now = await at.pool.fetchval("select clock_timestamp()")
    async with at.pool.acquire() as connection:
        found = await settlings.observed(connection, Group(at.number, Channel.SMS), now - LONG)
    told: Counter[Observed] = Counter()
    for one in found:
        until = None if one.until is None else one.until // 3600
        told[Observed(one.after // 3600, until)] += one.count
    return told


async def test_a_poll_whose_answer_has_no_time_knows_it_between_two_looks(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await record(at, ["a"], age=2 * HOUR)
    await pool.execute("update landed.watch set looked_at = sent_at + interval '1 hour'")
    provider.known = {"a": "delivered"}
    await poll(at, "me", budget())

    assert await known(at) == {Observed(1, 2): 1}


@pytest.mark.parametrize("shape", ["feed", "listing"])
async def test_every_shape_is_recorded(pool: Pool, provider: Provider, shape: str) -> None:
    limits: dict[str, Any] = {"feed": True, "ids": 0} if shape == "feed" else {"listing": 100, "ids": 0}
    at = await desk(pool, provider, account(**limits))
    await record(at, ["a", "b"], age=2 * HOUR)
    now = await pool.fetchval("select clock_timestamp()")
    provider.events = [(now - HOUR, name, "delivered") for name in ("a", "b")]
    provider.known = {"a": "delivered", "b": "delivered"}
    provider.sent_at = {"a": now - 2 * HOUR, "b": now - 2 * HOUR}
    await poll(at, "me", budget())

    # The feed gives times, and the pretended listing none.
    assert await known(at) == ({Observed(1, 1): 2} if shape == "feed" else {Observed(0, 2): 2})


async def test_a_poll_that_settles_after_its_last_look_knows_it_was_open_then(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await record(at, ["a"], age=49 * HOUR)
    provider.known = {"a": "sent"}
    await poll(at, "me", budget())

    assert await known(at) == {Observed(49, None): 1}


async def test_the_sweep_knows_it_was_open_at_the_last_look(pool: Pool, provider: Provider) -> None:
    asking = account()
    at = await desk(pool, provider, asking)
    await record(at, ["a"], age=50 * HOUR)
    await pool.execute("update landed.watch set looked_at = sent_at + interval '49 hours', found = true")
    swept = await sweep(pool, "pretend", asking)

    assert swept.settled == 1
    assert await known(at) == {Observed(49, None): 1}


async def test_upkeep_drops_times_with_the_looks(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await record(at, ["a"], age=2 * HOUR)
    provider.known = {"a": "delivered"}
    await poll(at, "me", budget())
    upkeep = Upkeep(pool, {}, {}, Retention(looks=timedelta(days=1)))
    assert (await upkeep.run())["settlings_forgotten"] == 0

    await pool.execute("update landed.settling set at = at - interval '25 hours'")

    assert (await upkeep.run())["settlings_forgotten"] == 1

"""A simulator to play with."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import httpx
import pytest

from simulator import Scenario, Simulator
from tests.simulator.playing import Clock, Playing

Play = Callable[[Scenario], Awaitable[Playing]]


@pytest.fixture
async def play() -> AsyncIterator[Play]:
    """What lets a scenario begin."""
    async with AsyncExitStack() as stack:

        async def begin(scenario: Scenario) -> Playing:
            clock = Clock()
            simulator = Simulator(scenario, clock)
            address = await simulator.start()
            stack.push_async_callback(simulator.stop)
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=10))
            return Playing(simulator, clock, client)

        yield begin


@pytest.fixture
async def playing(play: Play) -> Playing:
    """A simulator without faults, where messages mostly take ten seconds."""
    return await play(Scenario(seed=1, typical=timedelta(seconds=10)))

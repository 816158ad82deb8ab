"""Where the simulator listens, and how it ends."""

import socket

import httpx
import pytest

from simulator import PortInUse, Scenario, Simulator
from tests.simulator.playing import Clock, Playing


async def test_it_listens_on_loopback_only(playing: Playing) -> None:
    assert playing.client.base_url.host == "127.0.0.1"
    with socket.socket() as other:
        # Another address of this machine is still free.
        other.bind(("127.0.0.2", playing.client.base_url.port or 0))


async def test_a_port_in_use_says_what_to_do(playing: Playing) -> None:
    port = playing.client.base_url.port or 0
    with pytest.raises(PortInUse, match=f"port {port} is in use: choose another port"):
        await Simulator(Scenario(), Clock()).start(port)


async def test_after_the_end_nobody_listens_and_it_can_begin_again() -> None:
    simulator = Simulator(Scenario(), Clock())
    address = await simulator.start()
    await simulator.stop()
    async with httpx.AsyncClient(base_url=address) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/")

    assert (await simulator.start()).startswith("http://127.0.0.1:")
    await simulator.stop()
    await simulator.stop()


async def test_all_six_are_there_under_one_address(playing: Playing) -> None:
    names = ("expo", "govuk_notify", "infobip", "mailgun", "messagemedia", "twilio")

    assert names == playing.simulator.providers
    assert (await playing.client.get("/")).status_code == 404

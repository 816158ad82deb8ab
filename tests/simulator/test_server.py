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


#: Every parameter that is read, by provider and path.
PARAMETERS = [
    (
        "twilio",
        "/2010-04-01/Accounts/{account_sid}/Messages.json",
        ["PageSize", "Page", "PageToken", "DateSent>", "To"],
    ),
    ("govuk_notify", "/v2/notifications", ["status", "older_than", "reference", "template_type"]),
    ("mailgun", "/v3/{domain}/events", ["begin", "end", "ascending", "limit", "message-id", "event"]),
    ("infobip", "/sms/3/reports", ["limit", "messageId"]),
    (
        "infobip",
        "/sms/3/logs",
        ["limit", "messageId", "sentSince", "sentUntil", "cursor", "generalStatus", "useCursor"],
    ),
]

NASTY = [
    "",
    "-1",
    "0",
    "nan",
    "inf",
    "1e999",
    "\x00",
    "é",
    "😀",
    "9" * 400,
    "[]",
    "%",
    "2026-13-45",
    "0001-01-01T00:00:00Z",
]


@pytest.mark.parametrize(("provider", "path", "names"), PARAMETERS)
async def test_nothing_that_is_asked_is_too_much(playing: Playing, provider: str, path: str, names: list[str]) -> None:
    playing.send(provider)
    playing.end()
    where = path.format(**playing.simulator.settings(provider))
    for name in names:
        for value in NASTY:
            response = await playing.ask(provider, where, params={name: value})

            assert response.status_code in {200, 400}, (name, value)
            assert response.json() is not None


async def test_pages_and_bodies_may_be_rubbish(playing: Playing) -> None:
    domain = playing.simulator.settings("mailgun")["domain"]
    for page in ("x", "e30=", "W10=", "%00", "é"):
        assert (await playing.ask("mailgun", f"/v3/{domain}/events/{page}")).status_code == 400
    bodies: tuple[object, ...] = ([], {}, "x", None, {"delivery_report_ids": [1]}, {"delivery_report_ids": [{}]})
    for value in bodies:
        response = await playing.ask("messagemedia", "/v1/delivery_reports/confirmed", method="POST", json=value)
        assert response.status_code == 400


async def test_all_six_are_there_under_one_address(playing: Playing) -> None:
    names = ("expo", "govuk_notify", "infobip", "mailgun", "messagemedia", "twilio")

    assert names == playing.simulator.providers
    assert (await playing.client.get("/")).status_code == 404

"""Two independent readings of the documentation: what adapters read from the simulator is what it says is true."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import httpx
import pytest

import adapters
from adapters.base import Adapter, Ids, Page, References, Since, Take, What, Window
from adapters.errors import AskError
from adapters.http import Sender
from rules.reports import Report, Word, words
from rules.state import State, join
from rules.statuses import Engagement, Status
from simulator import Faults, Scenario, Sent
from simulator.server import KINDS
from tests.simulator.conftest import Play
from tests.simulator.playing import START, Playing

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

NOTHING = State()

#: A message as its sender records it.
RECORDED = join(NOTHING, [Word(Status.SENT.bit, START)])

Seen = tuple[str, str, str, int, tuple[str, ...]]


class Client:
    """Asks one simulated provider through its adapter, as often as it takes."""

    def __init__(self, playing: Playing, name: str) -> None:
        kind = adapters.find(name)
        address = str(playing.client.base_url)
        settings = kind.Settings.model_validate({"base_url": address, **playing.simulator.settings(name)})
        self.adapter: Adapter[Any] = kind(settings)
        self._playing = playing
        self._sender = Sender(
            self.adapter, name, timeout=timedelta(seconds=5), clock=playing.clock, sleep=_no_sleep, concurrency=1
        )

    async def read(self, what: What) -> list[Report]:
        """All reports of an answer and its further pages."""
        reports: list[Report] = []
        request: httpx.Request | None = self.adapter.ask(what)
        while request is not None:
            page = await self._page(what, request)
            reports += page.reports
            if page.confirm is not None:
                await self._sender.send(page.confirm)
            request = page.more
        return reports

    async def _page(self, what: What, request: httpx.Request) -> Page:
        for _ in range(4):
            try:
                page = self.adapter.read(what, await self._sender.send(request))
            except AskError:
                continue
            assert page.unreadable == ()
            return page
        raise AssertionError("no answer at the fourth try")

    async def close(self) -> None:
        """Close its connections."""
        await self._sender.aclose()


async def _no_sleep(_: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture(params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _send_all(playing: Playing, name: str, times: int = 1) -> list[Sent]:
    """Messages of every fate."""
    return [
        playing.send(name, fate, name=f"{fate}-{number}")
        for number in range(times)
        for fate in playing.simulator.fates(name)
    ]


async def _by_id(client: Client, sent: Iterable[Sent]) -> list[Report]:
    return [report for one in sent for report in await client.read(Ids((one.provider_id,)))]


def _seen(state: State) -> Seen:
    did = tuple(kind.word for kind in Engagement if state.first(kind))
    return state.status.word, state.reason.word, state.code, state.attempts, did


def _read(client: Client, sent: Sent, reports: Iterable[Report], playing: Playing, known: State = NOTHING) -> Seen:
    ids = client.adapter.normal_id(sent.provider_id), sent.part
    said = [report for report in reports if (report.provider_id, report.part) == ids]
    return _seen(join(known, (word for report in said for word in words(report, playing.clock.now))))


async def test_a_lookup_of_every_fate_says_what_is_true(playing: Playing, name: str) -> None:
    client, sent = Client(playing, name), _send_all(playing, name)
    playing.end()
    reports = await _by_id(client, sent)
    await client.close()
    expected = {one.fate: _seen(playing.simulator.truth(one)) for one in sent}

    assert expected == {one.fate: _read(client, one, reports, playing) for one in sent}


async def test_every_step_on_the_way_says_what_is_true(playing: Playing, name: str) -> None:
    """The rank of the status is the truth's at any time, for a client that looks often."""
    client, sent = Client(playing, name), _send_all(playing, name)
    states = dict.fromkeys(sent, State())
    for _ in range(36):
        for report in await _by_id(client, sent):
            for one in sent:
                if (report.provider_id, report.part) == (client.adapter.normal_id(one.provider_id), one.part):
                    states[one] = join(states[one], words(report, playing.clock.now))
        for one in sent:
            assert playing.simulator.truth(one).status is states[one].status, one.fate
        playing.clock.advance(1)
    await client.close()


async def test_streams_and_listings_say_what_is_true(playing: Playing, name: str) -> None:
    client, sent = Client(playing, name), _send_all(playing, name)
    playing.end()
    limits = client.adapter.limits
    ways: list[What] = []
    if limits.listing:
        ways.append(Window(START - timedelta(minutes=1), playing.clock.now))
    if limits.feed:
        ways.append(Since(None, START - timedelta(minutes=1)))
    if limits.queue or limits.drain:
        ways.append(Take())
    # What is cancelled or scheduled is in no report of MessageMedia.
    silent = {"cancelled", "scheduled_for_ever"} if name == "messagemedia" else set()
    told = [one for one in sent if one.fate not in silent]
    expected = {one.fate: _seen(playing.simulator.truth(one)) for one in told}
    for way in ways:
        reports = await client.read(way)

        assert expected == {one.fate: _read(client, one, reports, playing) for one in told}, way
    await client.close()


async def test_a_reference_says_what_is_true(playing: Playing, name: str) -> None:
    client, sent = Client(playing, name), _send_all(playing, name)
    playing.end()
    for one in sent if client.adapter.limits.references else ():
        reports = await client.read(References((one.reference,)))

        assert _seen(playing.simulator.truth(one)) == _read(client, one, reports, playing)
    await client.close()


async def test_with_all_faults_at_once_the_end_is_what_is_true(play: Play, name: str) -> None:
    scenario = Scenario(
        seed=11, typical=timedelta(seconds=4), silence=timedelta(milliseconds=20), faults=Faults.usual()
    )
    playing = await play(scenario)
    client, sent = Client(playing, name), _send_all(playing, name, 4)
    limits = client.adapter.limits
    reports: list[Report] = []
    for _ in range(15):
        playing.clock.advance(1)
        if limits.feed:
            reports += await client.read(Since(None, START - timedelta(minutes=1)))
        if limits.queue or limits.drain:
            reports += await client.read(Take())
    playing.end()
    # Without a moment's wait, an old answer could still be given.
    playing.clock.advance(scenario.moment.total_seconds())
    reports += await _by_id(client, sent)
    await client.close()
    expected = {one.reference: _seen(_recorded(playing.simulator.truth(one))) for one in sent}

    assert all(playing.simulator.is_final(one) for one in sent)
    assert expected == {one.reference: _read(client, one, reports, playing, RECORDED) for one in sent}
    assert len(playing.simulator.faulted) > 3


def _recorded(truth: State) -> State:
    """The truth together with what the sender knows."""
    return join(truth, [Word(Status.SENT.bit, START)])

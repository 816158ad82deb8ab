"""The simulator: six providers behind one address on loopback."""

import asyncio
import errno
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from aiohttp import web

from rules.state import State
from rules.statuses import Channel
from rules.tables import guess
from simulator import sending
from simulator.account import Account, Notice, World
from simulator.expo import Expo
from simulator.govuk_notify import GovukNotify
from simulator.infobip import Infobip
from simulator.mailgun import Mailgun
from simulator.message import Message
from simulator.messagemedia import MessageMedia
from simulator.scenario import Scenario, ScenarioError
from simulator.sent import Sent
from simulator.trouble import Trouble
from simulator.twilio import Twilio

HOST = "127.0.0.1"

#: Every provider, by the name of Landed's adapter. The first parts of their paths do not collide.
KINDS: dict[str, type[Account]] = {
    kind.name: kind for kind in (Expo, GovukNotify, Infobip, Mailgun, MessageMedia, Twilio)
}

#: How long requests that are being answered may go on when the simulator stops, in seconds.
GRACE = 1.0


class PortInUse(Exception):
    """Another program listens there."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Simulator:
    """Six providers, each with one account. Everything follows from the scenario and the order of what is sent."""

    def __init__(
        self,
        scenario: Scenario,
        clock: Callable[[], datetime] = _utc_now,
        notice: Notice = lambda _name, _request: None,
    ) -> None:
        """Play `scenario`. `clock` gives aware times; `notice` is told of each request as soon as it has arrived.

        Raises ScenarioError if there is no such provider or fate.
        """
        self.scenario = scenario
        self._world = World(scenario, clock, notice)
        for name in scenario.weights:
            if name not in KINDS:
                raise ScenarioError(f"weights: there is no provider {name!r}{guess(name, KINDS)}")
        skews = _skews(scenario)
        self._accounts = {name: kind(self._world, skews[name]) for name, kind in KINDS.items()}
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()

    @property
    def providers(self) -> tuple[str, ...]:
        """Their names, which are those of Landed's adapters."""
        return tuple(self._accounts)

    @property
    def requests(self) -> Counter[str]:
        """Requests so far, by provider."""
        return self._world.requests

    @property
    def faulted(self) -> Counter[str]:
        """What went wrong so far, by the name of the fault."""
        return self._world.faulted

    async def start(self, port: int = 0) -> str:
        """Listen on loopback; the address. Port 0 is any that is free. Raises PortInUse."""
        self._stopping = asyncio.Event()
        application = web.Application(client_max_size=16 * 1024 * 1024)
        for account in self._accounts.values():
            trouble = Trouble(account, self._stopping)
            for route in (*account.routes(), *sending.routes(account)):
                application.router.add_route(route.method, route.path, trouble.around(route))
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=GRACE)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, port).start()
        except OSError as error:
            await self.stop()
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortInUse(f"port {port} is in use: choose another port, or 0 for any that is free") from error
        return f"http://{HOST}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening. Requests kept waiting are let go."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def settings(self, provider: str) -> dict[str, str]:
        """What the adapter of this name needs in `landed.toml` besides `base_url`."""
        return dict(self._account(provider).settings)

    def fates(self, provider: str) -> dict[str, tuple[Channel, ...]]:
        """The names of a provider's fates, and for which channels each is."""
        return {fate.name: fate.channels for fate in self._account(provider).FATES}

    def streams(self, provider: str) -> bool:
        """Whether a provider has a feed, a queue or a drain."""
        return self._account(provider).ways.streams

    def send(
        self, provider: str, channel: Channel, recipients: Sequence[str], reference: str = "", fate: str | None = None
    ) -> list[Sent]:
        """Let a provider accept a message now. Only Mailgun takes several recipients; they share the id.

        ValueError if there is no such provider or fate, or it does not send so.
        """
        made = self._account(provider).accept(channel, recipients, reference, fate)
        return [message.sent(provider) for message in made]

    def truth(self, sent: Sent, at: datetime | None = None) -> State:
        """The join of all that the provider's API would answer about a message, asked at `at` or now."""
        account = self._account(sent.provider)
        return self._message(sent).truth(at or account.now, account.skew)

    def is_final(self, sent: Sent) -> bool:
        """Whether nothing more will ever be said about a message."""
        return self._account(sent.provider).now >= self._message(sent).final_at

    def _account(self, provider: str) -> Account:
        if provider not in self._accounts:
            raise ValueError(f"there is no provider {provider!r}{guess(provider, self._accounts)}")
        return self._accounts[provider]

    def _message(self, sent: Sent) -> Message:
        known = self._account(sent.provider).by_id.get(sent.provider_id, ())
        for message in known:
            if message.part == sent.part:
                return message
        raise ValueError(f"{sent.provider} has no such message; it was sent with another simulator")


def _skews(scenario: Scenario) -> dict[str, timedelta]:
    """By how much each provider's clock is off. At least one is, if any may be."""
    chance = random.Random(f"{scenario.seed} clocks")  # noqa: S311  repeatable on purpose
    off = chance.sample(sorted(KINDS), math.ceil(scenario.faults.clock_skew * len(KINDS)))
    skews = {name: scenario.skew * chance.choice((-1, 1)) * chance.uniform(0.3, 1) for name in sorted(KINDS)}
    return {name: skew if name in off else timedelta() for name, skew in skews.items()}

"""An imagined provider for tests of the sender, and a server on this machine that may be it."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx
from aiohttp import web
from pydantic import SecretStr

from adapters.base import Adapter, AdapterSettings, Ids, Limits, Page, What
from adapters.bearer import Bearer
from adapters.http import Attempt, Sender
from rules.statuses import Channel, Reason, Status
from tests.adapters.recorded import NOW

#: Must never be seen anywhere but in the request itself.
TOKEN = "planted-token-5f0e"
ADDRESS = "+447700900321"

BASE = "https://api.plain.example"
MESSAGES = f"{BASE}/messages"

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class PlainSettings(AdapterSettings):
    """The account at the imagined provider."""

    base_url: str = BASE
    token: SecretStr = SecretStr(TOKEN)


class Plain(Adapter[PlainSettings]):
    """Asks for messages by id, and remembers for which attempts it was asked for credentials."""

    name = "plain"
    channels = (Channel.SMS,)
    limits = Limits(ids=10, concurrency=4)
    STATUSES: ClassVar[Mapping[str, Status]] = {}
    REASONS: ClassVar[Mapping[str, Reason]] = {}
    Settings = PlainSettings
    hosts = ("pages.plain.example",)

    def __init__(self, settings: PlainSettings) -> None:
        super().__init__(settings)
        self.proofs: list[tuple[datetime, str]] = []

    def ask(self, what: What) -> httpx.Request:
        """A question with a person's address in it."""
        if not isinstance(what, Ids):
            raise self.cannot(what)
        return httpx.Request("GET", self.url("/messages"), params={"to": ADDRESS, "ids": ",".join(what.ids)})

    def read(self, what: What, response: httpx.Response) -> Page:
        """Nothing; what matters is how it came."""
        del what, response
        return Page()

    def auth(self, now: datetime, nonce: str) -> httpx.Auth:
        """The token, and a note of the attempt."""
        self.proofs.append((now, nonce))
        return Bearer(self.settings.token.get_secret_value())


@dataclass
class Told:
    """What the sender did beside sending: pauses between tries, and attempts."""

    pauses: list[float] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        """Take no time."""
        self.pauses.append(seconds)

    @property
    def statuses(self) -> list[int | None]:
        """The status of each attempt."""
        return [attempt.status for attempt in self.attempts]


def plain(base_url: str = BASE, token: str = TOKEN) -> Plain:
    """The adapter for an account at `base_url`."""
    return Plain(PlainSettings(base_url=base_url, token=SecretStr(token)))


def sender(told: Told | None = None, base_url: str = BASE, **options: Any) -> Sender:
    """A sender that never really pauses, and does not find the time out."""
    told = told or Told()
    usual: dict[str, Any] = {
        "sleep": told.sleep,
        "observe": told.attempts.append,
        "clock": lambda: NOW,
        "timeout": timedelta(seconds=30),
    }
    return Sender(options.pop("adapter", None) or plain(base_url), "main", **(usual | options))


def request(base_url: str = BASE) -> httpx.Request:
    """A question in whose address a person's stands."""
    return plain(base_url).ask(Ids(("m1",)))


@asynccontextmanager
async def serving(
    handler: Handler, host: str = "127.0.0.1", ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """The address of a server on this machine where `handler` answers everything."""
    server = web.Server(handler, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0, ssl_context=ssl_context).start()
        yield f"{'https' if ssl_context else 'http'}://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()

"""A running simulator with a clock of its own, and requests to it as its providers' documentation has them."""

from collections.abc import Generator, Mapping
from datetime import UTC, datetime, timedelta

import httpx
import jwt

from rules.statuses import Channel
from simulator import Sent, Simulator

Params = Mapping[str, str | int | float | list[str]]

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """Its time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now += timedelta(seconds=seconds)


class Playing:
    """A simulator that listens, its clock, and a client."""

    def __init__(self, simulator: Simulator, clock: Clock, client: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.clock = clock
        self.client = client

    def send(self, provider: str, fate: str | None = None, *, channel: Channel | None = None, name: str = "") -> Sent:
        """Send one message of this fate."""
        fates = self.simulator.fates(provider)
        by = channel or (fates[fate][0] if fate else next(iter(fates.values()))[0])
        (sent,) = self.simulator.send(provider, by, [recipient(by)], name, fate)
        return sent

    def end(self) -> None:
        """Let so much time pass that nothing more is said about anything."""
        self.clock.advance(self.simulator.scenario.longest.total_seconds())

    async def ask(
        self,
        provider: str,
        path: str,
        *,
        method: str = "GET",
        params: Params | None = None,
        json: object = None,
        settings: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request with the provider's credentials, or with others."""
        known = {**self.simulator.settings(provider), **(settings or {})}
        return await self.client.request(
            method, path, params=params, json=json, auth=credentials(provider, known, self.clock.now)
        )


def recipient(channel: Channel) -> str:
    """Somebody to send to."""
    if channel is Channel.EMAIL:
        return "Ann@Example.org"
    return "ExponentPushToken[ann]" if channel is Channel.PUSH else "+15550100001"


def credentials(provider: str, settings: Mapping[str, str], now: datetime) -> httpx.Auth:
    """How a provider's documentation wants a request to be signed."""
    match provider:
        case "twilio":
            return httpx.BasicAuth(settings["account_sid"], settings["auth_token"])
        case "mailgun":
            return httpx.BasicAuth("api", settings["api_key"])
        case "messagemedia":
            return httpx.BasicAuth(settings["api_key"], settings["api_secret"])
        case "infobip":
            return Header(f"App {settings['api_key']}")
        case "expo":
            return Header(f"Bearer {settings['access_token']}")
        case _:
            key = settings["api_key"]
            claims = {"iss": key[-73:-37], "iat": int(now.timestamp())}
            return Header(f"Bearer {jwt.encode(claims, key[-36:], 'HS256')}")


class Header(httpx.Auth):
    """A value of the header `Authorization`."""

    def __init__(self, value: str) -> None:
        self._value = value

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put it there."""
        request.headers["Authorization"] = self._value
        yield request

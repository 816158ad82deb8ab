"""A gate before a server: shut it, and the server is gone for whoever goes through; open it, and it is back."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Self
from urllib.parse import parse_qs, urlsplit


class Gate:
    """Listens on a free port of this machine and passes everything on to a socket."""

    def __init__(self, place: str, port: int | None = None) -> None:
        """Pass on to the unix socket at `place`, or to `port` of the host `place`."""
        self._behind = place, port
        self._server: asyncio.Server | None = None
        self._through: set[asyncio.Task[None]] = set()
        self.port = 0
        #: How many have come through.
        self.passed = 0

    async def open(self) -> None:
        """Let everyone through."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Refuse new connections and break those there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in tuple(self._through):
            task.cancel()
        await asyncio.gather(*self._through, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._through.add(task)
        self.passed += 1
        behind: asyncio.StreamWriter | None = None
        try:
            place, port = self._behind
            answers, behind = await (
                asyncio.open_connection(place, port) if port else asyncio.open_unix_connection(place)
            )
            both = {asyncio.ensure_future(_copy(reader, behind)), asyncio.ensure_future(_copy(answers, writer))}
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in both:
                    one.cancel()
                await asyncio.gather(*both, return_exceptions=True)
        except (asyncio.CancelledError, OSError):
            pass  # we shut the gate, or there is nothing behind it
        finally:
            self._through.discard(task)
            for end in (writer, behind):
                if end is not None:
                    end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()


def redis_gate(url: str) -> tuple[Gate, Callable[[], str]]:
    """A gate before the Redis at `url`, and what gives the URL through it once it is open."""
    parts = urlsplit(url)
    number = parse_qs(parts.query).get("db", ["0"])[0] if parts.scheme == "unix" else parts.path.strip("/") or "0"
    gate = Gate(parts.path) if parts.scheme == "unix" else Gate(parts.hostname or "", parts.port or 6379)
    secret = f":{parts.password}@" if parts.password else ""
    return gate, lambda: f"redis://{secret}127.0.0.1:{gate.port}/{number}"


def postgres_gate(url: str) -> tuple[Gate, Callable[[], str]]:
    """A gate before the Postgres at `url`, and what gives the URL through it once it is open."""
    parts = urlsplit(url)
    folder = parse_qs(parts.query).get("host")
    gate = Gate(f"{folder[0]}/.s.PGSQL.5432") if folder else Gate(parts.hostname or "", parts.port or 5432)
    who = parts.netloc.rpartition("@")[0]
    return gate, lambda: f"postgresql://{who}@127.0.0.1:{gate.port}{parts.path}"

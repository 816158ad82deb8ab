"""Asking over HTTP: the whole sender beside plain httpx and plain aiohttp, with 1 to 500 requests in flight.

The server gives everyone the same answer at once, from a process of its own. The sender has its limits, its retries and
its pace, whose permits come from Postgres. A trial lasts a time instead of a number of requests, because one that
collapses would never be done with them; nothing counts before all are under way.
"""

import asyncio
import os
import secrets
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
import httpx
from pydantic import SecretStr

from adapters.base import Ids
from adapters.http import Attempt, Sender
from adapters.twilio import Settings, Twilio
from bench.rounds import Figures, Goal, Variant, Wrong, sure
from bench.stage import Stage
from bench.static import ANSWER, answering
from rules.quota import Bounds
from store.connections import Pool, open_pool
from worker.pace import Pace

MEANING = "asking over HTTP, beside plain httpx and plain aiohttp"

IN_FLIGHT = (1, 20, 100, 500)

GOALS = (
    Goal("sender, 500 in flight", at_least=0.7, of="sender, 20 in flight"),
    Goal("sender, 20 in flight", at_least=5, of="httpx, 20 in flight"),
)

#: Seconds before anything counts, and seconds that count.
WARM, COUNTED = 0.7, 1.5

#: Requests a second that the pace allows: more than anybody makes, so that it is kept and holds nobody up.
RATE = 10_000.0

#: Seconds until a request is given up; one of plain httpx may take long.
PATIENCE = 60

SID, TOKEN, NAME = "AC1", "none", "SM00000000000000000000000000000000"
PATH = f"/2010-04-01/Accounts/{SID}/Messages/{NAME}.json"

#: Asks once; the status and the body.
Ask = Callable[[], Awaitable[tuple[int, bytes]]]

#: Opens a client for so many requests in flight.
Open = Callable[[int], AbstractAsyncContextManager[Ask]]


@asynccontextmanager
async def variants(stage: Stage) -> AsyncIterator[list[Variant]]:
    """Every client with every number in flight, each trial with new connections."""
    async with AsyncExitStack() as stack:
        stack.enter_context(no_proxy())
        url = await stack.enter_async_context(stage.database())
        pool = await stack.enter_async_context(open_pool(url, size=2))
        clients = Clients(await stack.enter_async_context(answering()), pool)
        yield [variant for many in IN_FLIGHT for variant in clients.variants(many)]


@contextmanager
def no_proxy() -> Iterator[None]:
    """Whatever proxy this machine has, it does not lead to itself."""
    kept = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    for name in kept:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(kept)


@dataclass(frozen=True)
class Clients:
    """The ways to ask `server`. `pool` is that of the pace, of which each has its own."""

    server: str
    pool: Pool

    def variants(self, many: int) -> list[Variant]:
        """Each of them with `many` requests in flight."""
        plain = f"aiohttp, {many} in flight"
        return [
            Variant(f"sender, {many} in flight", trial(self.sender, many), plain),
            Variant(f"httpx, {many} in flight", trial(self.httpx, many), plain),
            Variant(plain, trial(self.aiohttp, many)),
        ]

    @asynccontextmanager
    async def sender(self, many: int) -> AsyncIterator[Ask]:
        """Ours, as the worker makes it."""
        adapter = Twilio(Settings(base_url=self.server, account_sid=SID, auth_token=SecretStr(TOKEN)))
        attempts: list[Attempt] = []
        sender = Sender(
            adapter,
            "bench",
            timeout=timedelta(seconds=PATIENCE),
            concurrency=many,
            permit=Pace(self.pool, secrets.token_hex(8), Bounds(RATE, many)).permit,
            observe=attempts.append,
        )

        async def ask() -> tuple[int, bytes]:
            answer = await sender.send(adapter.ask(Ids((NAME,))))
            attempts.clear()
            return answer.status_code, answer.content

        async with sender:
            yield ask

    @asynccontextmanager
    async def httpx(self, many: int) -> AsyncIterator[Ask]:
        """With its own pool, as large as is needed."""
        limits = httpx.Limits(max_connections=many, max_keepalive_connections=many)
        async with httpx.AsyncClient(
            base_url=self.server, auth=(SID, TOKEN), limits=limits, timeout=PATIENCE
        ) as client:

            async def ask() -> tuple[int, bytes]:
                answer = await client.get(PATH)
                return answer.status_code, answer.content

            yield ask

    @asynccontextmanager
    async def aiohttp(self, many: int) -> AsyncIterator[Ask]:
        """The same."""
        connector = aiohttp.TCPConnector(limit=many)
        proof = {"authorization": f"Basic {b64encode(f'{SID}:{TOKEN}'.encode()).decode()}"}
        async with aiohttp.ClientSession(self.server, connector=connector, headers=proof) as client:

            async def ask() -> tuple[int, bytes]:
                async with client.get(PATH) as answer:
                    return answer.status, await answer.read()

            yield ask


def trial(client: Open, many: int) -> Callable[[], Awaitable[Figures]]:
    """Keep `many` requests in flight; how many were answered, and what that cost us."""

    async def run() -> Figures:
        async with client(many) as ask:
            count = Count()
            asking = [asyncio.create_task(count.ask_on(ask)) for _ in range(many)]
            try:
                await _pass(asking, WARM)
                before, cpu, began = count.answers, time.process_time(), time.perf_counter()
                await _pass(asking, COUNTED)
                # One that has collapsed may need longer for its first answer.
                while count.answers == before and not any(task.done() for task in asking):
                    await _pass(asking, COUNTED)
                answers, cpu = count.answers - before, time.process_time() - cpu
                seconds = time.perf_counter() - began
            finally:
                for task in asking:
                    task.cancel()
                ends = await asyncio.gather(*asking, return_exceptions=True)
        for end in ends:
            if not isinstance(end, asyncio.CancelledError):
                raise end if isinstance(end, Wrong) else Wrong(f"a request failed: {end!r}")
        return {"requests/s": answers / seconds, "client us": cpu / answers * 1e6}

    return run


async def _pass(asking: Sequence["asyncio.Task[None]"], seconds: float) -> None:
    """Let time pass, unless one of them fails."""
    await asyncio.wait(asking, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


@dataclass
class Count:
    """How many answers came, each of them the right one."""

    answers: int = 0

    async def ask_on(self, ask: Ask) -> None:
        """Ask again and again."""
        while True:
            sure(await ask(), (200, ANSWER), "the answer")
            self.answers += 1

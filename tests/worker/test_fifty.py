"""Fifty accounts of one worker: those that hang, are dead or slow never delay the others."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import pytest
from aiohttp import web

from adapters.base import AdapterSettings, What
from store import accounts as rows
from store.connections import Pool
from tests.worker.office import standing
from tests.worker.pretend import BASE, Pretend, Provider, record
from worker.accounts import Account
from worker.configured import Configured
from worker.desk import Desk
from worker.nobody import Nobody
from worker.program import Program
from worker.upkeep import Retention, Upkeep

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

MESSAGES = 3


class Local(Pretend):
    """The pretended provider, asked over HTTP."""

    def ask(self, what: What) -> httpx.Request:
        """The same question at the account's own address."""
        return httpx.Request("POST", f"{self.settings.base_url}/ask", content=super().ask(what).content)


@dataclass
class Town:
    """Providers by account. Those in `hanging` answer once `over` is set, those in `slow` one request a `step`."""

    providers: dict[str, Provider] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    step: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    #: Accounts whose request waits for its answer just now.
    pending: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Where they are."""
        app = web.Application()
        app.router.add_post("/{name}/ask", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            self.over.set()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.pending.add(name)
        try:
            if name in self.hanging:
                await self.over.wait()
            elif name in self.slow:
                await self.step.acquire()
        finally:
            self.pending.discard(name)
        asked = httpx.Request("POST", f"{BASE}/ask", content=await request.read())
        said = await self.providers[name].send(asked)
        return web.Response(body=said.content, status=said.status_code)


@dataclass
class Running:
    """Stands in for the queue: each job runs at once."""

    program: Program | None = None
    tasks: dict[str, asyncio.Task[object]] = field(default_factory=dict)

    async def start(self, job: str, *arguments: str, job_id: str, after: float = 0.0) -> None:
        """Run it, unless one of the same id runs."""
        del after
        assert self.program is not None
        if job == "poll" and (job_id not in self.tasks or self.tasks[job_id].done()):
            self.tasks[job_id] = asyncio.ensure_future(self.program.poll(*arguments))


def account(name: str, base_url: str) -> Account:
    """One that may be asked as fast as it answers, and is given up on after a minute."""
    adapter = Local(AdapterSettings(base_url=base_url))
    limits = Pretend.limits.__class__(ids=1, rate=1e6, lag=timedelta(0), concurrency=1)
    return Account(name, adapter, limits, fingerprint="first", timeout=timedelta(minutes=1))


@asynccontextmanager
async def at_work(pool: Pool, known: Iterable[Account]) -> AsyncIterator[Program]:
    """A worker with these accounts, each with messages that are due; it asks twenty at once."""
    by_name = {one.name: one for one in known}
    async with pool.acquire() as connection:
        numbers = await rows.ensure(connection, dict.fromkeys(by_name, "pretend"))
    for name, one in by_name.items():
        at = Desk(pool, one, numbers[name], Nobody())
        await record(at, [f"{name}-{number}" for number in range(MESSAGES)])
    queue = Running()
    upkeep = Upkeep(pool, by_name, numbers, Retention())
    program = Program(pool, queue, Configured(by_name, numbers, upkeep), lambda: False, at_once=20, patience=0.05)
    queue.program = program
    try:
        yield program
    finally:
        for task in queue.tasks.values():
            task.cancel()
        await asyncio.gather(*queue.tasks.values(), return_exceptions=True)
        await program.close()


async def answered(pool: Pool) -> dict[str, int]:
    """How many messages of each account are delivered."""
    found = await pool.fetch(
        "select account, count(*) filter (where status = 'delivered') as done from landed.messages group by account"
    )
    return {row["account"]: row["done"] for row in found}


async def work_until(pool: Pool, program: Program, town: Town, names: set[str]) -> None:
    """Tick until all that these accounts have is answered."""
    async with asyncio.timeout(300):
        while any(done < MESSAGES for name, done in (await answered(pool)).items() if name in names):
            await program.tick()
            town.step.release()
            await asyncio.sleep(0.02)


def providers(names: Iterable[str]) -> dict[str, Provider]:
    return {name: Provider(known={f"{name}-{number}": "delivered" for number in range(MESSAGES)}) for name in names}


@pytest.mark.once
async def test_one_that_hangs_one_that_is_dead_and_one_that_is_slow_delay_nobody(pool: Pool) -> None:
    """All others are answered whole while the first request of the one that hangs still waits for its answer."""
    names = [f"a{number}" for number in range(50)]
    town = Town(providers(names), hanging={"a7"}, slow={"a8"})
    async with town.open() as url:
        known = [account(name, "http://127.0.0.1:1" if name == "a9" else f"{url}/{name}") for name in names]
        async with at_work(pool, known) as program:
            others = set(names) - {"a7", "a8", "a9"}
            await work_until(pool, program, town, others)
            still = ("a7" in town.pending, len(town.providers["a7"].asked))
            await work_until(pool, program, town, {"a8"})
            async with asyncio.timeout(300):
                while (await standing(pool, "a9"))["trouble"] is None:  # noqa: ASYNC110 - no event
                    await asyncio.sleep(0.02)
            after = await answered(pool)

    dead = await standing(pool, "a9")
    assert still == (True, 0)
    assert after == dict.fromkeys(names, MESSAGES) | {"a7": 0, "a9": 0}
    assert (dead["trouble"], dead["failures"] >= 1) == ("unreachable", True)
    assert {len(town.providers[name].asked) for name in others} == {MESSAGES}


@pytest.mark.once
async def test_more_that_hang_than_there_are_places_leave_some_to_those_that_answer(pool: Pool) -> None:
    """Twenty-five of fifty, where twenty are asked at once."""
    names = [f"a{number}" for number in range(50)]
    hanging = set(names[::2])
    town = Town(providers(names), hanging=hanging)
    async with town.open() as url, at_work(pool, [account(name, f"{url}/{name}") for name in names]) as program:
        # The worst that chance can bring: those that hang are asked first.
        polls = [asyncio.ensure_future(program.poll(name)) for name in sorted(hanging)]
        await work_until(pool, program, town, set(names) - hanging)
        still = set(town.pending)
        after = await answered(pool)
        town.over.set()
        await work_until(pool, program, town, hanging)
        await asyncio.gather(*polls)

    assert len(still) >= 20
    assert still <= hanging
    assert after == {name: 0 if name in hanging else MESSAGES for name in names}

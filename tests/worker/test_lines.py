"""A worker killed at any line, again and again: nothing is lost, and no final state changes."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
from aiohttp import web

from store.connections import Pool
from tests.worker.dying import accounts
from tests.worker.pretend import BASE, Provider, statuses

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent.parent
ENDS = ("delivered", "hard_bounced", "failed", "not_sent", "expired", "unconfirmed")

#: Each with its own lines to die at; given to `random.Random`.
SEEDS = (1, 2)
KILLS = 16


@dataclass
class World:
    """Providers that go on while workers die, and what they will have said in the end."""

    dice: random.Random
    providers: dict[str, Provider] = field(default_factory=lambda: {name: Provider() for name in accounts()})
    truth: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Drains give everything once."""
        self.providers["drain"].drains = True

    async def send_some(self, pool: Pool) -> None:
        """The sender's plain INSERTs: some of each account, some of them overdue already and never answered."""
        now = await pool.fetchval("select clock_timestamp()")
        for name in self.providers:
            for _ in range(3):
                one = f"{name}-{len(self.truth)}"
                overdue = self.dice.random() < 0.25
                if not overdue and self.dice.random() < 0.3:
                    self._tell(name, one, "deferred")
                await pool.execute(
                    "insert into landed.inbox (account, channel, recipient, provider_id, sent_at, deadline_at)"
                    " values ($1, 'sms', '+447700900000', $2, $3, $4)",
                    name,
                    one,
                    now - timedelta(hours=4),
                    now - timedelta(hours=2) if overdue else now + timedelta(hours=48),
                )
                self.truth[one] = "timed_out" if overdue else self.dice.choice(ENDS)

    def end_some(self, share: float) -> None:
        """The providers reach an end with a share of the messages that have none yet."""
        for one, word in self.truth.items():
            name = one.partition("-")[0]
            if word != "timed_out" and self.providers[name].known.get(one) != word and self.dice.random() < share:
                self._tell(name, one, word)

    def choose(self, lines: Mapping[str, int]) -> tuple[str, int]:
        """A line to die at, each as likely as any other, and the how manieth time."""
        place = self.dice.choice(sorted(lines))
        return place, self.dice.randint(1, min(lines[place], 5))

    def _tell(self, name: str, one: str, word: str) -> None:
        """Make an answer known in every shape."""
        provider = self.providers[name]
        provider.known[one] = word
        provider.sent_at[one] = datetime.now(UTC) - timedelta(hours=4)
        provider.events.append((datetime.now(UTC) - timedelta(minutes=self.dice.uniform(0, 5)), one, word))
        provider.queue.append((one, word))

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """The providers as a server; its URL."""

        async def answer(request: web.Request) -> web.Response:
            name, tail = request.match_info["name"], request.match_info["tail"]
            asked = httpx.Request("POST", f"{BASE}/{tail}", content=await request.read())
            said = await self.providers[name].send(asked)
            return web.Response(body=said.content, status=said.status_code)

        app = web.Application()
        app.router.add_post("/{name}/{tail}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


class Workers:
    """The program that makes workers which die at a line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def live(self, last: str = "-", time: int = 0) -> dict[str, int]:
        """Let one work, until it runs a line for the n-th time; the lines it ran, none if it was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{last} {time}\n".encode())
        async with asyncio.timeout(60):
            said = await self._process.stdout.readline()
        assert said, "the program of the workers has ended; see its standard error"
        lines: dict[str, int] = msgspec.json.decode(said) if said.strip() else {}
        return lines


@asynccontextmanager
async def workers(database: str, provider: str) -> AsyncIterator[Workers]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "tests.worker.dying", database, provider),
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Workers(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def time_passes(pool: Pool) -> None:
    """Leases run out, rests end, looks are due again, and what was left in the journal is old enough to be read."""
    await pool.execute("update landed.account set lease_until = null, ask_after = null, next_read_at = null")
    await pool.execute("update landed.watch set next_look_at = clock_timestamp()")
    await pool.execute("update landed.journal set at = at - interval '5 minutes'")


async def history(pool: Pool) -> Mapping[str, list[str]]:
    """The statuses that each message took, in order, as its history tells."""
    rows = await pool.fetch(
        "select m.provider_id, array_agg(e.kind order by e.xact, e.position) as kinds from landed.events e"
        " join landed.messages m on m.id = e.message where e.applied group by m.provider_id"
    )
    return {row["provider_id"]: row["kinds"] for row in rows}


@pytest.mark.once
@pytest.mark.parametrize("seed", SEEDS)
async def test_killed_at_any_line_nothing_is_lost_and_no_end_changes(pool: Pool, database: str, seed: int) -> None:
    world = World(random.Random(seed))  # noqa: S311 - a game of chance that can be played again
    async with world.served() as url, workers(database, url) as program, workers(database, url) as other:
        await world.send_some(pool)
        world.end_some(0.5)
        lines = await program.live()
        killed = 0
        for _ in range(KILLS):
            await world.send_some(pool)
            world.end_some(0.3)
            await time_passes(pool)
            # Now and then another worker is at it too, and is killed as well.
            dying = [program, other][: world.dice.choice((1, 1, 2))]
            ran = await asyncio.gather(*(one.live(*world.choose(lines)) for one in dying))
            killed += ran.count({})
        world.end_some(1.0)
        for _ in range(3):
            await time_passes(pool)
            await program.live()

    found = await statuses(pool)
    told = await history(pool)
    assert len(lines) > 500
    assert killed > KILLS / 2
    assert found == world.truth
    assert all(kinds[-1] == world.truth[one] and len(set(kinds)) == len(kinds) for one, kinds in told.items())
    assert set(told) == set(world.truth)
    for table in ("inbox", "early", "watch", "journal where read_at is null"):
        assert await pool.fetchval(f"select count(*) from landed.{table}") == 0, table  # noqa: S608 - from the line above
    assert world.providers["queue"].queue == []

"""Settling what is overdue, alone and while reports about the same messages come in, beside raw updates of messages.

Every message had its last look, so that the sweep settles each one it comes to. Each trial is about those that have
been overdue longest.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg

from adapters.twilio import Twilio
from bench import bare, filling, waiting
from bench.meter import measure
from bench.rounds import Figures, Goal, Variant, sure
from bench.saying import Message, say
from bench.stage import Stage
from rules.reports import Word
from rules.statuses import Source, Status
from store import reports
from store.connections import Connection, Pool, clock
from store.reports import Said
from worker.accounts import Account
from worker.sweep import CHUNK, CHUNKS, START, sweep

MEANING = "settling 1 M overdue messages"

OVERDUE = 1_000_000

#: Passes in one trial, and messages in one pass.
PASSES, PASS = 3, CHUNK * CHUNKS

#: Reports that come in at once.
COMING = 100

WITH_APPLIES = "sweep, applies overlap"

GOALS = (
    Goal("sweep", at_least=0.6, of="raw update"),
    Goal("sweep", at_least=0.6, of="same writes without rules"),
    Goal(WITH_APPLIES, at_most=0, unit="deadlocks"),
    Goal(WITH_APPLIES, at_least=1, unit="reports/s"),
)

NAME = "bench"

#: Writes what is said about messages, and returns how many it wrote.
Write = Callable[..., Awaitable[int]]


@asynccontextmanager
async def variants(stage: Stage) -> AsyncIterator[list[Variant]]:
    """All take from one stock of overdue messages."""
    passes = max(1, stage.rows(PASSES))
    # A sweep beside which reports settle messages comes further, twice as far at most.
    count = max(stage.rows(OVERDUE), 5 * stage.trials * passes * PASS)
    async with stage.database() as url, AsyncExitStack() as open_still:
        connections = [await asyncpg.connect(url, command_timeout=waiting.PATIENCE) for _ in range(2)]
        for connection in connections:
            open_still.push_async_callback(connection.close)
        number = await filling.account(connections[0], NAME)
        await waiting.fill(
            connections[0],
            number,
            count,
            stage.note,
            sent_at=await clock(connections[0]) - timedelta(days=4),
            messages=count,
            last_look=timedelta(minutes=10),
        )
        sweeper: list[Connection] = []
        pool = await open_still.enter_async_context(_pool_of_one(url, sweeper))
        bench = _Overdue(connections, pool, sweeper[0], number, passes)
        yield [
            Variant("sweep", bench.alone, floor="raw update"),
            Variant(WITH_APPLIES, bench.with_applies, floor="raw update"),
            Variant("same writes without rules", bench.raw(bare.write_all), floor="raw update"),
            Variant("raw update", bench.raw(bare.write_messages)),
        ]


@asynccontextmanager
async def _pool_of_one(url: str, opened: list[Connection]) -> AsyncIterator[Pool]:
    """A pool for the sweep, whose one connection can be watched."""

    async def connect(*arguments: Any, **options: Any) -> "asyncpg.Connection[asyncpg.Record]":
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(*arguments, **options)
        opened.append(connection)
        return connection

    async with asyncpg.create_pool(url, min_size=1, max_size=1, connect=connect) as pool:
        yield pool


class _Overdue:
    """The overdue messages of one account, of which every trial takes the next."""

    def __init__(
        self, connections: Sequence[Connection], pool: Pool, sweeper: Connection, number: int, passes: int
    ) -> None:
        self._connection, self._other = connections
        self._pool = pool
        self._sweeper = sweeper
        self._number = number
        self._passes = passes
        settings = Twilio.Settings.model_validate({"account_sid": "AC" + "0" * 32, "auth_token": "nobody asks"})
        self._account = Account(NAME, Twilio(settings), Twilio.limits)
        self._chance = random.Random(1)  # noqa: S311 - reports, guards nothing

    async def _next(self) -> list[Message]:
        rows = await self._connection.fetch(waiting.QUERIES.first_overdue, self._number, self._passes * PASS)
        sure(len(rows), self._passes * PASS, "messages overdue")
        return [Message(row["id"], row["provider_id"]) for row in rows]

    async def _sweep(self) -> int:
        """How many were settled in this trial's passes."""
        place, settled = START, 0
        for _ in range(self._passes):
            swept = await sweep(self._pool, NAME, self._account, place)
            place, settled = swept.place, settled + swept.settled
        return settled

    async def alone(self) -> Figures:
        """Nobody else writes."""
        messages = await self._next()
        async with measure(self._sweeper, table="landed.message") as cost:
            settled = await self._sweep()
        sure(settled, len(messages), "messages settled")
        sure(await self._settled(messages), len(messages), "messages that are settled and told of once")
        return cost.figures(len(messages), "messages")

    async def with_applies(self) -> Figures:
        """Reports about the messages that are just being settled are applied all the while, in another order."""
        messages = await self._next()
        before, over = await self._deadlocks(), asyncio.Event()
        applying = asyncio.create_task(self._apply(messages, over))
        try:
            async with measure(self._sweeper) as cost:
                settled = await self._sweep()
        finally:
            over.set()
            said, seconds = await applying
        ids = [message.id for message in messages]
        left: int = await self._connection.fetchval(waiting.QUERIES.left_open, self._number, ids)
        sure(await self._settled(messages) + left, len(messages), "messages that are open or settled and told of once")
        figures = cost.figures(settled, "messages")
        return {**figures, "reports/s": said / seconds, "deadlocks": float(await self._deadlocks() - before)}

    async def _apply(self, messages: Sequence[Message], over: asyncio.Event) -> tuple[int, float]:
        """Reports applied until it is over, and the seconds that took."""
        began, count = time.perf_counter(), 0
        while not over.is_set():
            said = say(self._chance.sample(messages, COMING), self._chance)
            now = await clock(self._other)
            await reports.apply(self._other, self._number, Source.POLL, now, said)
            count += len(said)
        return count, time.perf_counter() - began

    async def _deadlocks(self) -> int:
        """Every backend tells what it knows only when it is asked to, or is idle."""
        for connection in (self._sweeper, self._other, self._connection):
            await connection.execute("select pg_stat_force_next_flush()")
        count: int = await self._connection.fetchval(waiting.QUERIES.deadlocks)
        return count

    async def _settled(self, messages: Sequence[Message]) -> int:
        ids = [message.id for message in messages]
        count: int = await self._connection.fetchval(waiting.QUERIES.settled, self._number, ids)
        return count

    def raw(self, write: Write) -> Callable[[], Awaitable[Figures]]:
        """The same messages settled by whom no rule hinders."""

        async def trial() -> Figures:
            messages = await self._next()
            now = await clock(self._connection)
            word = Word(Status.TIMED_OUT.bit, now)
            said = [Said(word, message.provider_id, "", message.id) for message in messages]
            async with measure(self._connection, table="landed.message") as cost:
                written = await write(self._connection, self._number, messages, said, by_id=True)
            sure(written, len(messages), "messages written")
            await self._connection.execute(waiting.QUERIES.forget, self._number, [one.id for one in messages])
            return cost.figures(len(messages), "messages")

        return trial

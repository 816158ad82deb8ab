"""Reading a report while reports about the same communication come in: its counts, its first and its last page.

A communication of a million messages is read in a table that holds nothing else, and in one ten times as large. There
it lies in the middle and in one piece, because a communication is sent at one go. What comes in meanwhile always brings
news about messages all over it.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import asyncpg

from bench import filling
from bench.filling import SENT_AT
from bench.rounds import Figures, Goal, Variant, sure
from bench.stage import Stage
from rules.reports import Word
from rules.statuses import Reason, Source, Status
from store import messages, reports
from store.connections import Connection
from store.messages import PAGE
from store.queries import Queries
from store.reports import Said

MEANING = "reading a report of 1 M messages in a table of 1 M and of 10 M, while reports come in"

QUERIES = Queries("sending", Path(__file__).parent / "queries")

#: Messages of the communication, and how many times as many a table holds.
COMMUNICATION = 1_000_000
TABLES = {"1 M": 1, "10 M": 10}

READS = ("counts", "first page", "last page")

GOALS = (
    *(Goal(f"{read}, 10 M", at_most=1.2, of=f"{read}, 1 M") for read in READS),
    *(Goal(f"last page, {table}", at_most=1.5, of=f"first page, {table}") for table in TABLES),
)

#: Times that a trial counts, and pages that it reads.
COUNTS, PAGES = 3, 20

#: Reports that come in at once, and seconds until the next.
INCOMING, PAUSE = 1000, 0.05

Run = Callable[[], Awaitable[Figures]]


@asynccontextmanager
async def variants(stage: Stage) -> AsyncIterator[list[Variant]]:
    """Each read in each table; those of the larger are divided by those of the smaller."""
    many = stage.rows(COMMUNICATION)
    async with AsyncExitStack() as stack:
        found = []
        for name, times in TABLES.items():
            url = await stack.enter_async_context(stage.database())
            connections = [await asyncpg.connect(url) for _ in range(2)]
            for connection in connections:
                stack.push_async_callback(connection.close)
            stage.note(f"recording {many * times:,} messages")
            table = await filled(connections[0], connections[1], many, times)
            floors = [None if times == 1 else f"{read}, {next(iter(TABLES))}" for read in READS]
            runs = (table.counts, table.first_page, table.last_page)
            found += [
                Variant(f"{read}, {name}", table.meanwhile(run), floor)
                for read, run, floor in zip(READS, runs, floors, strict=True)
            ]
        yield found


@dataclass
class Table:
    """A communication with the messages `ids`, who reads it, and who writes what comes in."""

    reader: Connection
    writer: Connection
    account: int
    communication: int
    ids: range
    batches: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - whom news is about

    async def counts(self) -> Figures:
        """How many stand how."""
        began = time.perf_counter()
        found = [await messages.classes(self.reader, self.communication) for _ in range(COUNTS)]
        seconds = time.perf_counter() - began
        for classes in found:
            sure(sum(one.messages for one in classes), len(self.ids), "messages counted")
        return {"ms": seconds / COUNTS * 1000}

    async def first_page(self) -> Figures:
        """The first of the pages in which a report is read."""
        return await self._page(0, self.ids[:PAGE])

    async def last_page(self) -> Figures:
        """The last one."""
        last = self.ids[-PAGE:]
        return await self._page(last[0] - 1, last)

    async def _page(self, after: int, expected: range) -> Figures:
        began = time.perf_counter()
        pages = [await messages.page(self.reader, self.communication, after, PAGE) for _ in range(PAGES)]
        seconds = time.perf_counter() - began
        for page in pages:
            sure([row["id"] for row in page], list(expected), "messages of the page")
        return {"ms": seconds / PAGES * 1000}

    def meanwhile(self, read: Run) -> Run:
        """`read` while reports come in."""

        async def run() -> Figures:
            coming = asyncio.create_task(self._apply_on())
            try:
                return await read()
            finally:
                coming.cancel()
                with suppress(asyncio.CancelledError):
                    await coming

        return run

    async def _apply_on(self) -> None:
        """Every batch tells of one attempt more, so that each report changes its message."""
        while True:
            self.batches += 1
            at = SENT_AT + timedelta(hours=1, seconds=self.batches)
            word = Word(Status.DEFERRED.bit, at, Reason.UNREACHABLE, "30003", self.batches, at)
            numbers = self.chance.sample(self.ids, min(INCOMING, len(self.ids)))
            said = [Said(word, "", "", number) for number in numbers]
            applied = await reports.apply(self.writer, self.account, Source.POLL, at, said)
            sure(applied.written, len(said), "messages about which there was news")
            await asyncio.sleep(PAUSE)


async def filled(reader: Connection, writer: Connection, many: int, times: int) -> Table:
    """A table of `many * times` messages, of which `many` in the middle are the communication that is read."""
    account = await filling.account(reader)
    other, read = [await reader.fetchval(QUERIES.communication, name) for name in ("other", "bench")]
    before = many * (times - 1) // 2
    at = 1
    for count, communication in ((before, other), (many, read), (many * (times - 1) - before, other)):
        await reader.execute(QUERIES.fill, account, at, count, SENT_AT, communication, timeout=3600)
        at += count
    await filling.settle(reader)
    first = await reader.fetchval("select min(id) from landed.message where communication = $1", read)
    ids = range(first, first + many)
    last = await reader.fetchval("select max(id) from landed.message where communication = $1", read)
    sure(last, ids[-1], "the last message of a communication in one piece")
    return Table(reader, writer, account, read, ids)

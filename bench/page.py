"""The page of a communication of a million recipients, beside SQL that reads the same rows, while reports come in.

The page is the real one: `python -m cli web`, asked over a socket. A view shows totals and a page of recipients, so its
SQL counts all messages by the ways in which they stand and reads a page with LIMIT and OFFSET, as one would by hand.
A first view is the first that a new process answers. Files are compared with COPY of the same columns.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import asyncpg

from bench.report import COMMUNICATION, Table, filled
from bench.rounds import Figures, Goal, Variant, Wrong, sure
from bench.stage import Stage
from rules.statuses import Status
from store.queries import Queries
from web.paging import SIZE

MEANING = "the page of 1 M recipients beside the SQL that reads the same rows, while reports come in"

QUERIES = Queries("page", Path(__file__).parent / "queries")

ROOT = Path(__file__).parent.parent

#: How long a page may take to come at all, in seconds.
PATIENCE = 120.0

#: Times that a trial asks for a page.
TIMES = 5

VIEWS = ("first view", "filter", "last page")
FILES = ("Copy IDs", "CSV")

GOALS = (
    *(Goal(view, at_most=2, of=f"{view}, SQL") for view in VIEWS),
    *(Goal(file, at_least=0.5, of=f"{file}, COPY") for file in FILES),
    Goal("CSV", at_most=1.1, unit="memory after / before"),
)

Run = Callable[[], Awaitable[Figures]]


@asynccontextmanager
async def variants(stage: Stage) -> AsyncIterator[list[Variant]]:
    """Each view and file, and what it is compared with."""
    many = stage.rows(COMMUNICATION)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(stage.database())
        connections = [await asyncpg.connect(url, command_timeout=PATIENCE) for _ in range(2)]
        for connection in connections:
            stack.push_async_callback(connection.close)
        stage.note(f"recording {many:,} messages")
        table = await filled(connections[0], connections[1], many, 1)
        await connections[0].execute(QUERIES.deliver, table.communication, Status.DELIVERED, 20)
        site = await stack.enter_async_context(_served(url))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE), read_bufsize=1 << 20)
        )
        bench = _Bench(url, site, session, table)
        # So that a first view is the only first thing that happens.
        await bench.look("")
        runs: dict[str, tuple[Run, str | None]] = {
            "first view, SQL": (bench.sql(0, None), None),
            "first view": (bench.first, "first view, SQL"),
            "filter, SQL": (bench.sql(0, Status.DELIVERED), None),
            "filter": (bench.filter, "filter, SQL"),
            "last page, SQL": (bench.sql(many - SIZE, None), None),
            "last page": (bench.last, "last page, SQL"),
            "Copy IDs, COPY": (bench.copy(QUERIES.ids), None),
            "Copy IDs": (bench.file("txt"), "Copy IDs, COPY"),
            "CSV, COPY": (bench.copy(QUERIES.csv), None),
            "CSV": (bench.file("csv"), "CSV, COPY"),
        }
        yield [Variant(name, table.meanwhile(run), floor) for name, (run, floor) in runs.items()]


class _Site:
    """A process that serves the page."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process = process
        self.address = address

    def memory(self) -> int:
        """What is resident of it, in kB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@asynccontextmanager
async def _served(url: str) -> AsyncIterator[_Site]:
    with TemporaryDirectory(prefix="landed-bench-") as folder:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("LANDED_")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "cli", "web", "--port", "0"),
            cwd=folder,
            env={**environment, "LANDED_DATABASE_URL": url, "LANDED_HOME": f"{folder}/home", "PYTHONPATH": str(ROOT)},
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield _Site(process, await _address(process))
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    """Where it says that the page is. What it says later is read away, so that it never waits for us."""
    assert process.stderr is not None  # noqa: S101 - it was asked for
    said = b""
    async for line in process.stderr:
        said += line
        if b"the page is at " in line:
            away = asyncio.ensure_future(process.stderr.read())
            away.add_done_callback(lambda done: done.exception())
            return line.decode().rpartition(" ")[2].strip()
    raise Wrong(f"the page did not start: {said.decode()[-1000:]}")


class _Bench:
    """What is asked of the page, and of Postgres."""

    def __init__(self, url: str, site: _Site, session: aiohttp.ClientSession, table: Table) -> None:
        self._url = url
        self._site = site
        self._session = session
        self._table = table
        self._many = len(table.ids)
        self._path = f"/communications/{table.communication}"

    async def look(self, query: str, site: _Site | None = None) -> str:
        """The page."""
        async with self._session.get(f"{(site or self._site).address}{self._path}{query}") as answer:
            sure(answer.status, 200, "status of the page")
            return await answer.text()

    async def first(self) -> Figures:
        """The first answer of a new process; its start does not count."""
        async with _served(self._url) as site:
            async with self._session.get(f"{site.address}/healthz") as answer:
                await answer.read()
            began = time.perf_counter()
            page = await self.look("", site)
            seconds = time.perf_counter() - began
        self._has_rows(page)
        return {"ms": seconds * 1000}

    async def filter(self) -> Figures:
        """Those that stand one way, of which there are few."""
        return await self._view("?status=Delivered&words=crisis")

    async def last(self) -> Figures:
        """Page 10,000, by its number."""
        return await self._view(f"?page={self._many // SIZE}")

    async def _view(self, query: str) -> Figures:
        await self.look("")
        began = time.perf_counter()
        pages = [await self.look(query) for _ in range(TIMES)]
        seconds = time.perf_counter() - began
        for page in pages:
            self._has_rows(page)
        return {"ms": seconds / TIMES * 1000}

    def _has_rows(self, page: str) -> None:
        sure(page.count('<td data-title="Recipient">'), SIZE, "recipients on the page")

    def sql(self, offset: int, status: Status | None) -> Run:
        """The totals, and a page."""

        async def run() -> Figures:
            reader, number = self._table.reader, self._table.communication
            began = time.perf_counter()
            for _ in range(TIMES):
                counts = await reader.fetch(QUERIES.counts, number)
                rows = await reader.fetch(QUERIES.rows, number, status, offset, SIZE)
                sure(sum(row["messages"] for row in counts), self._many, "messages counted")
                sure(len(rows), SIZE, "recipients on the page")
            return {"ms": (time.perf_counter() - began) / TIMES * 1000}

        return run

    def file(self, form: str) -> Run:
        """A file of everyone."""

        async def run() -> Figures:
            before, began, lines = self._site.memory(), time.perf_counter(), 0
            async with self._session.get(f"{self._site.address}{self._path}/files/{form}") as answer:
                sure(answer.status, 200, "status of the file")
                async for piece in answer.content.iter_any():
                    lines += piece.count(b"\n")
            seconds = time.perf_counter() - began
            sure(lines, self._many + (form == "csv"), "lines of the file")
            return {"rows/s": self._many / seconds, "memory after / before": self._site.memory() / before}

        return run

    def copy(self, query: str) -> Run:
        """The same by COPY, straight from Postgres."""

        async def run() -> Figures:
            lines = 0

            async def take(piece: bytes) -> None:
                nonlocal lines
                lines += piece.count(b"\n")

            began = time.perf_counter()
            reader, number = self._table.reader, self._table.communication
            await reader.copy_from_query(query, number, output=take, format="csv")
            seconds = time.perf_counter() - began
            sure(lines, self._many, "lines of the file")
            return {"rows/s": self._many / seconds}

        return run

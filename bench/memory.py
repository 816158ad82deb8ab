"""The memory of a worker process with nothing, much and very much open, while nothing is due and while some is.

The worker is the real one, `python -m cli worker`, with a provider on this machine that speaks Twilio's API and says of
every message that it is sent still. Only messages that are due, or sent about the same time, are recorded whole; of the
others only their watches are, which is all that is open about them.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import md5
from pathlib import Path

import asyncpg
from aiohttp import web

from bench import filling, waiting
from bench.rounds import Figures, Goal, Variant, Wrong, sure
from bench.stage import Stage
from store.connections import Connection, clock

MEANING = "resident memory of a worker with 1 M messages open, with ten times as many, and with none"

OPEN, TIMES = 1_000_000, 10

#: Messages that are due in one trial, and those sent about the same time that a window shows too.
DUE, AROUND = 10_000, 100_000

#: How long a worker runs before its memory is read: some ticks and sweeps, and the upkeep with which it begins.
SECONDS = 10.0

#: How long it may take to ask about what is due.
PATIENCE = 120.0

#: What a worker says when it is ready.
STARTED = "worker_started"

UNIT = "MB"
SIZES = ("nothing", "many", f"{TIMES} x as many")

GOALS = (
    *(Goal(f"{size} open", at_most=120) for size in SIZES),
    *(Goal(f"{size} open, some due", at_most=120) for size in SIZES[1:]),
    *(Goal(f"{size} open", at_most=1.05, of=f"{SIZES[0]} open") for size in SIZES[1:]),
    Goal(f"{SIZES[2]} open, some due", at_most=1.05, of=f"{SIZES[1]} open, some due"),
)

ROOT = Path(__file__).parent.parent

SID = "AC" + "0" * 32

#: A page of a listing, as Twilio gives it.
PAGE = 1000


@asynccontextmanager
async def variants(stage: Stage) -> AsyncIterator[list[Variant]]:
    """Each size has a database and an account of its own, so that no job of one is taken for one of another."""
    if not stage.redis:
        raise Wrong("a worker needs Redis or Valkey too; set LANDED_BENCH_REDIS_URL")
    count = stage.rows(OPEN)
    async with AsyncExitStack() as open_still:
        found = []
        for size, rows in zip(SIZES, (0, count, count * TIMES), strict=True):
            bench = await open_still.enter_async_context(_opened(stage, rows))
            found.append(Variant(f"{size} open", bench.idle))
            if rows:
                found.append(Variant(f"{size} open, some due", bench.busy))
        yield found


@asynccontextmanager
async def _opened(stage: Stage, rows: int) -> AsyncIterator["_Opened"]:
    due = stage.rows(DUE)
    name = f"bench_{rows}"
    async with stage.database() as url, AsyncExitStack() as open_still:
        connection = await asyncpg.connect(url, command_timeout=waiting.PATIENCE)
        open_still.push_async_callback(connection.close)
        number = await filling.account(connection, name)
        # Due in an hour, unless a trial makes them due now.
        sent_at = await clock(connection)
        whole = min(rows, stage.trials * due + AROUND)
        await waiting.fill(connection, number, rows, stage.note, sent_at=sent_at, messages=whole)
        provider = Provider(number, rows, sent_at)
        address = await open_still.enter_async_context(provider.served())
        folder = Path(open_still.enter_context(tempfile.TemporaryDirectory(prefix="landed-bench-")))
        yield _Opened(connection, _Worker(folder, url, stage.redis, name, address), number, due, provider)


@dataclass
class Provider:
    """Speaks Twilio's API about the messages of one account, sent a millisecond apart, all of them sent still."""

    account: int
    rows: int
    sent_at: datetime
    asked: int = 0

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """The URL at which it is asked."""
        app = web.Application()
        app.router.add_get(f"/2010-04-01/Accounts/{SID}/Messages/{{sid}}.json", self._one)
        app.router.add_get(f"/2010-04-01/Accounts/{SID}/Messages.json", self._window)
        runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _one(self, request: web.Request) -> web.Response:
        self.asked += 1
        return web.json_response(self._said(request.match_info["sid"]))

    async def _window(self, request: web.Request) -> web.Response:
        self.asked += 1
        first = max(self._number(request.query["DateSent>"]), 1) + PAGE * int(request.query.get("Page", "0"))
        last = min(self._number(request.query["DateSent<"]), self.rows)
        page = range(first, min(first + PAGE, last + 1))
        more = {**request.query, "Page": str(int(request.query.get("Page", "0")) + 1)}
        return web.json_response(
            {
                "messages": [self._said(self._name(number)) for number in page],
                "next_page_uri": str(request.rel_url.with_query(more)) if page and page[-1] < last else None,
            }
        )

    def _number(self, moment: str) -> int:
        return int((datetime.fromisoformat(moment) - self.sent_at) / timedelta(milliseconds=1))

    def _name(self, number: int) -> str:
        return "SM" + md5(f"{self.account}:{number}".encode(), usedforsecurity=False).hexdigest()

    def _said(self, sid: str) -> dict[str, object]:
        return {
            "account_sid": SID,
            "body": "Your parcel comes today. " * 6,
            "date_updated": None,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": "+15005550006",
            "num_segments": "1",
            "price": "-0.00750",
            "sid": sid,
            "status": "sent",
            "to": "+447700900001",
        }


class _Opened:
    """An account with so many open messages, and a worker that may be started for it."""

    def __init__(self, connection: Connection, worker: "_Worker", number: int, due: int, provider: Provider) -> None:
        self._connection = connection
        self._worker = worker
        self._number = number
        self._due = due
        self._provider = provider
        self._next = 1

    async def idle(self) -> Figures:
        """Nothing is due, so nobody is asked."""
        asked = self._provider.asked
        figures = await self._worker.run(_at_once)
        sure(self._provider.asked, asked, "requests made")
        return figures

    async def busy(self) -> Figures:
        """Ever other messages become due, and the worker has asked about all of them when its memory is read."""
        first, last = self._next, self._next + self._due - 1
        self._next = last + 1
        now = await clock(self._connection)
        done = await self._connection.execute(waiting.QUERIES.make_due, self._number, first, last, now)
        sure(done, f"UPDATE {self._due}", "messages made due")

        async def all_asked() -> bool:
            looked = await self._connection.fetchval(waiting.QUERIES.looked_at, self._number, first, last)
            return bool(looked == self._due)

        return await self._worker.run(all_asked)


async def _at_once() -> bool:
    return True


class _Worker:
    """`python -m cli worker` with one account; what it says goes to a file, which is shown if it ends too soon."""

    def __init__(self, folder: Path, database: str, redis: str, name: str, provider: str) -> None:
        self._folder = folder
        self._log = folder / "worker.log"
        (folder / "landed.toml").write_text(
            f'log_format = "json"\n[accounts.{name}]\nadapter = "twilio"\nbase_url = "{provider}"\n'
            f'account_sid = "{SID}"\nauth_token = "nobody asks"\nrate = 1000\nconcurrency = 8\n'
            # What was looked at once is not due again while this runs.
            'looks = ["12h"]\nthen = "12h"\n'
        )
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("LANDED_")},
            "LANDED_CONFIG": str(folder / "landed.toml"),
            "LANDED_DATABASE_URL": database,
            "LANDED_REDIS_URL": redis,
            "LANDED_HOME": str(folder / "home"),
            "PYTHONPATH": str(ROOT),
        }

    async def run(self, is_done: Callable[[], Awaitable[bool]]) -> Figures:
        """Start it, let it work until everything is done and some time has passed, read its memory, end it."""
        with self._log.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "cli", "worker"),
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        try:
            await self._working(process, is_done)
            figures = _memory(process.pid)
        finally:
            if process.returncode is None:
                process.terminate()
            code = await process.wait()
        sure(code, 0, "exit code of the worker")
        return figures

    async def _working(self, process: asyncio.subprocess.Process, is_done: Callable[[], Awaitable[bool]]) -> None:
        began = time.monotonic()
        while (
            (ran := time.monotonic() - began) < SECONDS or "worker_started" not in self._said() or not await is_done()
        ):
            if process.returncode is not None or ran > PATIENCE:
                raise Wrong(f"the worker has not done its work; it said last: {self._said()[-1000:]}")
            await asyncio.sleep(0.2)

    def _said(self) -> str:
        return self._log.read_text("utf-8", "replace")


def _memory(pid: int) -> Figures:
    """What is resident of a process now, and what was at most."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {UNIT: int(lines["VmRSS"].split()[0]) / 1000, f"{UNIT} at most": int(lines["VmHWM"].split()[0]) / 1000}

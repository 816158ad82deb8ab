"""A worker that dies at a line: `python -m tests.worker.dying DATABASE_URL PROVIDER_URL`.

For each line read from standard input it makes one round of every pass, in a process of its own. That process kills
itself before it runs the named line of `worker/` or `store/` for the N-th time: `worker/stream.py:120 N`. With `- 0` it
lives. The answer is empty if it was killed, else every line that ran and how often, as JSON.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import aiohttp
import httpx
import msgspec
import structlog

from store import accounts as rows
from store.connections import open_pool
from tests.worker.pretend import account, budget
from worker.accounts import Account
from worker.desk import Desk
from worker.intake import intake
from worker.poll import poll
from worker.sweep import sweep
from worker.upkeep import Retention, Upkeep

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = (f"{ROOT / 'worker'}/", f"{ROOT / 'store'}/")


def accounts() -> dict[str, Account]:
    """One account for each way to ask."""
    every = timedelta(seconds=5)
    known = (
        account("lookup", ids=4),
        account("listing", ids=1, listing=1000),
        account("feed", ids=0, feed=3, horizon=timedelta(minutes=30), read_every=every),
        account("queue", ids=0, queue=3, read_every=every),
        account("drain", ids=4, drain=3, read_every=every),
    )
    return {one.name: one for one in known}


class Wire:
    """Sends to a real server what is meant for the pretended provider."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def send(self, request: httpx.Request) -> httpx.Response:
        """The server's answer."""
        async with self._session.post(self._base + request.url.path, data=request.content) as answer:
            return httpx.Response(answer.status, content=await answer.read(), request=request)


async def work(database: str, provider: str) -> None:
    """One round of every pass."""
    known = accounts()
    async with open_pool(database, size=4) as pool, aiohttp.ClientSession() as session:
        async with pool.acquire() as connection:
            numbers = await rows.ensure(connection, dict.fromkeys(known, "pretend"))
        await intake(pool, known, numbers)
        for name, one in known.items():
            desk = Desk(pool, one, numbers[name], Wire(session, f"{provider}/{name}"))
            await poll(desk, "dying", budget(10))
            await sweep(pool, name, one)
        await Upkeep(pool, known, numbers, Retention()).run()


class Lines:
    """Counts the lines of ours that run, and ends the process before one of them as `kill -9` would."""

    def __init__(self, last: str, time: int) -> None:
        self.counts: dict[str, int] = {}
        self._last = last
        self._time = time
        self._ours: dict[CodeType, str] = {}

    def call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        """Count in our own functions only."""
        code = frame.f_code
        if code not in self._ours:
            name = code.co_filename
            self._ours[code] = name.removeprefix(f"{ROOT}/") if name.startswith(OURS) else ""
        return self._line if self._ours[code] else None

    def _line(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            place = f"{self._ours[frame.f_code]}:{frame.f_lineno}"
            self.counts[place] = self.counts.get(place, 0) + 1
            if place == self._last and self.counts[place] == self._time:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._line


def live(work: Callable[[], Coroutine[Any, Any, None]], last: str, time: int) -> bytes:
    """Do `work` in a process of its own; the lines that ran as JSON, or nothing if it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        lines = Lines(last, time)
        # Files are written in threads.
        threading.settrace(lines.call)
        sys.settrace(lines.call)
        asyncio.run(work())
        sys.settrace(None)
        with os.fdopen(writing, "wb") as file:
            file.write(msgspec.json.encode(lines.counts))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        said = file.read()
    _, status = os.waitpid(child, 0)
    if not said and not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
        sys.exit(f"the worker ended by itself with status {status}")
    return said


def main() -> None:
    """Answer each number."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    database, provider = sys.argv[1:]
    for line in sys.stdin:
        last, time = line.split()
        print(live(lambda: work(database, provider), last, int(time)).decode(), flush=True)  # noqa: T201 - whoever started us reads it


if __name__ == "__main__":
    main()

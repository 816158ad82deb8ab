"""A worker that dies while it archives: `python -m tests.worker.dying_archive DATABASE_URL FOLDER`.

As `tests.worker.dying`, but each line read makes it archive everything of the account `pretend`.
"""

import asyncio
import os
import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path

import msgspec

from store.connections import clock, open_pool
from tests.worker.dying import Lines
from worker.archive import Leaving, archive, cutoff


async def work(database: str, folder: Path) -> None:
    """Archive what was quiet for a day."""
    async with open_pool(database, size=4) as pool:
        number = await pool.fetchval("select id from landed.account where name = 'pretend'")
        async with pool.acquire() as connection:
            now = await clock(connection)
        leaving, place, more = Leaving(number, "pretend", cutoff(now, timedelta(days=1)), folder), 0, True
        while more:
            done = await archive(pool, leaving, now, place)
            place, more = done.place, done.more


def live(database: str, folder: Path, last: str, time: int) -> bytes:
    """Work in a process of its own; the lines that ran as JSON, or nothing if it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        lines = Lines(last, time)
        # Files are written in threads.
        threading.settrace(lines.call)
        sys.settrace(lines.call)
        asyncio.run(work(database, folder))
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
    """Answer each line."""
    database, folder = sys.argv[1:]
    for line in sys.stdin:
        last, time = line.split()
        print(live(database, Path(folder), last, int(time)).decode(), flush=True)  # noqa: T201 - whoever started us reads it


if __name__ == "__main__":
    main()

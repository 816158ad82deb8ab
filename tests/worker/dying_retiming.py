"""A worker that dies while it re-times: `python -m tests.worker.dying_retiming DATABASE_URL`.

As `tests.worker.dying`, but each line read makes it re-time what is to be re-timed by the schedule of that line:
`worker/retiming.py:80 1 2h` dies there, and the schedule looks every two hours.
"""

import sys
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog

from rules import durations
from rules.schedules import Schedule
from rules.statuses import Channel
from store.connections import clock, open_pool
from tests.worker.dying import live
from tests.worker.pretend import account
from worker import retiming
from worker.accounts import Account

#: Chunks so small that there are several.
CHUNK = 3


def every(then: str) -> Account:
    """The pretended account, whose schedule looks so often."""
    schedule = Schedule((), durations.parse(then), jitter=0)
    return replace(account(), schedules=dict.fromkeys(Channel, schedule))


async def work(database: str, then: str) -> None:
    """Make every step, also those that wait for some time."""
    retiming.CHUNK = CHUNK
    async with open_pool(database, size=4) as pool:
        number = await pool.fetchval("select id from landed.account where name = 'pretend'")
        async with pool.acquire() as connection:
            now = await clock(connection)
        for seconds in range(0, 40, 4):
            await retiming.retime(pool, {number: every(then)}, now + timedelta(seconds=seconds))


def main() -> None:
    """Answer each line."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    for line in sys.stdin:
        last, time, then = line.split()
        print(live(partial(work, sys.argv[1], then), last, int(time)).decode(), flush=True)  # noqa: T201 - whoever started us reads it


if __name__ == "__main__":
    main()

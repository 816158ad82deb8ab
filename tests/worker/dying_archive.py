"""A worker that dies while it archives: `python -m tests.worker.dying_archive DATABASE_URL FOLDER`.

As `tests.worker.dying`, but each line read makes it archive everything of the account `pretend`.
"""

import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

from store.connections import clock, open_pool
from tests.worker.dying import live
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


def main() -> None:
    """Answer each line."""
    database, folder = sys.argv[1:]
    for line in sys.stdin:
        last, time = line.split()
        print(live(partial(work, database, Path(folder)), last, int(time)).decode(), flush=True)  # noqa: T201 - whoever started us reads it


if __name__ == "__main__":
    main()

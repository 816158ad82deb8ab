"""The page follows `landed.toml` as workers do: what it shows of accounts is as they are configured now."""

import asyncio
import time
from collections.abc import Awaitable

from cli import session
from cli.configured import configured
from config import Settings
from config.watching import Watching
from store.standing import Configured

#: How often the files are looked at, in seconds.
EVERY = 1.0


async def following(accounts: dict[str, Configured], work: Awaitable[None]) -> None:
    """Do `work`, and meanwhile keep `accounts` as the files say. What is wrong with a file, workers tell."""
    task = asyncio.ensure_future(_follow(accounts, Watching(session.configuration)))
    try:
        await work
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _follow(accounts: dict[str, Configured], watching: Watching) -> None:
    while True:
        found = await asyncio.to_thread(watching.look, time.monotonic())
        if isinstance(found, Settings):
            now = configured(session.accounts(found))
            for name in set(accounts) - set(now):
                del accounts[name]
            accounts |= now
        await asyncio.sleep(EVERY)

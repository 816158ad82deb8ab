"""Running a worker in this process: logs, signals, a clean end."""

import asyncio
import signal

import click

from cli import logs, session
from config import Settings
from config.watching import Watching
from embedded import Servers
from worker.run import Files, run

#: How often the embedded servers are looked after, in seconds.
LOOK_AFTER = 0.5


async def work(settings: Settings, embedded: Servers | None = None) -> None:
    """Work until SIGINT or SIGTERM; trouble if one of the embedded servers ends before that."""
    logs.begin(settings)
    accounts = session.accounts(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for word in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(word, stop.set)
    files = Files(Watching(session.configuration), logs.begin)
    if embedded is None:
        await run(settings, accounts, stop, files)
        return
    watching = asyncio.ensure_future(_until_one_dies(embedded, stop))
    try:
        await run(settings, accounts, stop, files)
    finally:
        watching.cancel()
        ended = (await asyncio.gather(watching, return_exceptions=True))[0]
    if isinstance(ended, str):
        raise click.ClickException(f"{ended}\nStart again; if it ends again, its log says why")


async def _until_one_dies(embedded: Servers, stop: asyncio.Event) -> str:
    while (ended := embedded.died()) is None:  # noqa: ASYNC110 - a process that ends sets no event
        await asyncio.sleep(LOOK_AFTER)
    stop.set()
    return ended

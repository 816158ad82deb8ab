"""Running a worker in this process: logs, signals, a clean end."""

import asyncio
import signal
from collections.abc import Callable

import click

from cli import logs, session
from config import Settings
from config.watching import Watching
from worker.run import Files, run

#: How often it is looked after what must not die, in seconds.
LOOK_AFTER = 0.5


#: What to say if something ended without which we cannot go on.
Died = Callable[[], str | None]


async def work(settings: Settings, died: Died | None = None) -> None:
    """Work until SIGINT or SIGTERM; trouble if something dies before that."""
    logs.begin(settings)
    accounts = session.accounts(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for word in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(word, stop.set)
    files = Files(Watching(session.configuration), logs.begin)
    if died is None:
        await run(settings, accounts, stop, files)
        return
    watching = asyncio.ensure_future(_until_one_dies(died, stop))
    try:
        await run(settings, accounts, stop, files)
    finally:
        watching.cancel()
        ended = (await asyncio.gather(watching, return_exceptions=True))[0]
    if isinstance(ended, str):
        raise click.ClickException(f"{ended}\nStart again; if it ends again, its log says why")


async def _until_one_dies(died: Died, stop: asyncio.Event) -> str:
    while (ended := died()) is None:  # noqa: ASYNC110 - a process that ends sets no event
        await asyncio.sleep(LOOK_AFTER)
    stop.set()
    return ended

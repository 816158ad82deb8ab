"""Running a worker process, from its settings to its clean end."""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from config.settings import Settings
from rules.hashing import Hashing
from store import accounts as rows
from store import hashing, inbox, migrations
from store.connections import Pool, clock, open_pool
from worker.accounts import Account
from worker.configured import Configured, configured
from worker.live import Live, Watches
from worker.program import Program
from worker.queue import Queue
from worker.reread import reread

log = structlog.get_logger()


class NotMigrated(Exception):
    """The database lacks migrations that this program needs."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where changed settings come from while a worker runs, and what else hears of them."""

    watching: Watches
    changed: Callable[[Settings], None]


async def run(
    settings: Settings, accounts: Mapping[str, Account], stop: asyncio.Event, files: Files | None = None
) -> None:
    """Work until `stop` is set. Raises StoreUnreachable, NotMigrated, NewerDatabase and WrongKey at the start only."""
    begun = asyncio.Event()
    working = asyncio.ensure_future(_work(settings, accounts, stop, begun, files))
    cutting_off = asyncio.ensure_future(_cut_off(working, stop, begun))
    try:
        await working
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    finally:
        working.cancel()
        cutting_off.cancel()
        await asyncio.gather(working, cutting_off, return_exceptions=True)
    log.info("worker_stopped")


async def _cut_off(working: asyncio.Future[None], stop: asyncio.Event, begun: asyncio.Event) -> None:
    """A worker that still waits for its servers has nothing to end in order."""
    await stop.wait()
    if not begun.is_set():
        working.cancel()


async def _work(
    settings: Settings,
    accounts: Mapping[str, Account],
    stop: asyncio.Event,
    begun: asyncio.Event,
    files: Files | None,
) -> None:
    if settings.database_url is None or settings.redis_url is None:
        msg = "a worker needs LANDED_DATABASE_URL and LANDED_REDIS_URL"
        raise ValueError(msg)
    url, prepared = settings.database_url.get_secret_value(), settings.prepared_statements
    async with open_pool(url, size=settings.worker.connections, prepared=prepared) as pool:
        numbers = await _prepare(pool, accounts, settings.hashing())
        name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        queue = _queue(settings, settings.redis_url.get_secret_value(), name)
        program = _program(settings, pool, queue, configured(settings, pool, accounts, numbers), name, stop)
        live = Live(program, settings) if files is None else Live(program, settings, files.watching, files.changed)
        await _begin(program)
        await live.begin()
        begun.set()
        keeping_up = asyncio.ensure_future(live.run())
        try:
            await _serve(queue, program, stop)
        finally:
            keeping_up.cancel()
            await asyncio.gather(keeping_up, return_exceptions=True)
            await live.end()
            await program.close()


def _queue(settings: Settings, url: str, name: str) -> Queue:
    options = settings.worker
    # Places also for accounts that are slow, and a few for ticks, intake, sweeps and upkeep.
    return Queue(url, name, at_once=options.accounts_at_once * 2 + 4, timeout=options.poll_seconds.total_seconds() + 90)


def _program(settings: Settings, pool: Pool, queue: Queue, work: Configured, name: str, stop: asyncio.Event) -> Program:
    options = settings.worker
    return Program(
        pool,
        queue,
        work,
        stop.is_set,
        options.poll_seconds.total_seconds(),
        options.lease,
        options.batch,
        options.accounts_at_once,
        name,
        settings.hashing(),
    )


async def _serve(queue: Queue, program: Program, stop: asyncio.Event) -> None:
    """Do jobs until told to stop."""
    await queue.serve(
        {"poll": program.poll, "slice": program.slice, "intake": program.intake},
        {
            "tick": (program.tick, range(60)),
            "sweep": (program.sweep, range(0, 60, 3)),
            "upkeep": (program.upkeep, [7]),
        },
        stop,
    )


async def _prepare(pool: Pool, accounts: Mapping[str, Account], keep: Hashing) -> dict[str, int]:
    async with pool.acquire() as connection:
        if missing := await migrations.pending(connection):
            names = ", ".join(f"{migration.number:04}_{migration.name}" for migration in missing)
            msg = f"the database lacks migrations ({names}); run ./landed migrate"
            raise NotMigrated(msg)
        await hashing.keep(connection, keep, await clock(connection))
        return await rows.ensure(connection, {account.name: account.adapter.name for account in accounts.values()})


async def _begin(program: Program) -> None:
    """What a new program or a new configuration may have made possible."""
    await program.prepare()
    async with program.pool.acquire() as connection:
        strays = await inbox.retry_strays(connection)
    again = await reread(program.pool, program.accounts)
    log.info("worker_started", accounts=len(program.accounts), strays_retried=strays, answers_read_again=again.read)

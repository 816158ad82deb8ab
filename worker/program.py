"""The passes of a worker process put together: what a tick starts, and what each job does."""

import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import wraps
from typing import Protocol

import asyncpg
import structlog

from adapters.http import Sender
from rules.hashing import PLAIN, Hashing
from store import accounts as rows
from store import inbox
from store.accounts import Askable
from store.connections import LOST, Pool, clock
from store.watches import Place
from worker.accounts import Account
from worker.ask import Sends
from worker.configured import Configured
from worker.desk import Budget
from worker.desks import Desks
from worker.intake import intake
from worker.pace import Pace
from worker.poll import poll
from worker.sweep import START, sweep

log = structlog.get_logger()

Counts = dict[str, int]

#: A job that a killed worker left in the queue stands in the way for so many seconds at most.
SLOT = 10


class Starts(Protocol):
    """Whatever has a job done soon: `worker.queue.Queue`."""

    async def start(self, job: str, *arguments: str, job_id: str) -> None:
        """Have a job done, unless one of the same id waits or runs."""
        ...


def _survives(job: Callable[..., Awaitable[Counts]]) -> Callable[..., Awaitable[Counts]]:
    """A server that goes away ends a job with one line; the next tick starts it again."""

    @wraps(job)
    async def run(*arguments: object) -> Counts:
        try:
            return await job(*arguments)
        except LOST as error:
            log.warning("postgres_unreachable", job=job.__name__, problem=type(error).__name__)
            return {}

    return run


@dataclass
class Program:
    """One worker process. `stopping` says whether it is about to end."""

    pool: Pool
    queue: Starts
    configured: Configured
    stopping: Callable[[], bool]
    poll_seconds: float = 20.0
    lease: timedelta = timedelta(seconds=30)
    batch: int = 1000
    #: Accounts asked at once by this process.
    at_once: int = 20
    #: Who holds the leases; no other process has this name.
    holder: str = field(default_factory=lambda: secrets.token_hex(8))
    #: How recipients are kept.
    hashing: Hashing = PLAIN
    _desks: Desks = field(init=False)
    _places: dict[str, Place] = field(default_factory=dict)
    _polls: set[str] = field(default_factory=set)
    _hand: inbox.Hand = field(default_factory=inbox.Hand)

    def __post_init__(self) -> None:
        """No desk before it is needed."""
        self._desks = Desks(self.pool, self.sender)

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The accounts that are configured now."""
        return self.configured.accounts

    async def change(self, configured: Configured) -> None:
        """Work with another configuration from now on; polls under way end with the one they began with."""
        self.configured = configured
        self._desks.change(configured.accounts)
        await self._desks.close_left()

    @_survives
    async def tick(self) -> Counts:
        """Start a poll of each account that has something to ask, and intake if anything waits."""
        async with self.pool.acquire() as connection:
            now = await clock(connection)
            due = await rows.askable(connection, now, self._askable())
            waits = await inbox.has_some(connection)
        # Where more accounts are due than can be asked at once, no account is always the last.
        random.shuffle(due)
        slot = int(now.timestamp()) // SLOT
        for name, term in due:
            # Each lease makes the id new, and so does time: the job of a killed worker cannot stand in the way.
            await self.queue.start("poll", name, job_id=f"poll:{name}:{term}:{slot}")
        if waits:
            await self.queue.start("intake", job_id=f"intake:{slot}")
        return {"polls": len(due), "intakes": int(waits)}

    def _askable(self) -> list[Askable]:
        return [
            Askable(account.name, account.fingerprint, account.limits.streams)
            for account in self.accounts.values()
            if not account.paused
        ]

    @_survives
    async def poll(self, name: str) -> Counts:
        """Ask one account."""
        # Ticks, intake and sweeps always find a free place, whatever the providers do; the next tick tries again.
        if name not in self.accounts or self.stopping() or len(self._polls) >= self.at_once or name in self._polls:
            return {}
        self._polls.add(name)
        try:
            return await self._poll(name)
        finally:
            self._polls.remove(name)

    async def _poll(self, name: str) -> Counts:
        async with self.pool.acquire() as connection:
            wanted = [one for one in self._askable() if one.name == name]
            # A job may have waited, and the provider may have asked for a rest meanwhile.
            if not await rows.askable(connection, await clock(connection), wanted):
                return {}
        budget, configured = Budget(self.poll_seconds, self.lease, self.batch, self.stopping), self.configured
        if name not in configured.accounts:
            return {}
        async with self._desks.at(configured.accounts[name], configured.numbers[name]) as desk:
            done = asdict(await poll(desk, self.holder, budget))
        if any(done.values()):
            log.info("poll", account=name, **{key: count for key, count in done.items() if count})
        return done

    def sender(self, account: Account, number: int) -> Sends:
        """A sender that keeps the account's pace."""
        pace = Pace(self.pool, number, account.limits.rate)
        return Sender(
            account.adapter,
            account.name,
            timeout=account.timeout,
            concurrency=account.limits.concurrency,
            permit=pace.permit,
        )

    @_survives
    async def intake(self) -> Counts:
        """Take in what senders said."""
        known = self.configured
        return asdict(await intake(self.pool, known.accounts, known.numbers, hashing=self.hashing, hand=self._hand))

    @_survives
    async def sweep(self) -> Counts:
        """Settle what polls leave, some of each account."""
        async with self.pool.acquire() as connection:
            names = await rows.overdue(connection, await clock(connection))
        settled = 0
        for name in names:
            try:
                settled += await self._sweep(name)
            except asyncpg.DeadlockDetectedError:
                # The next pass does it; the other accounts do not wait for that.
                log.info("sweep_put_off", account=name)
        return {"accounts": len(names), "settled": settled}

    async def _sweep(self, name: str) -> int:
        swept = await sweep(self.pool, name, self.accounts.get(name), self._places.get(name, START))
        self._places[name] = swept.place
        if swept.settled:
            log.info("sweep", account=name, settled=swept.settled)
        return swept.settled

    @_survives
    async def prepare(self) -> Counts:
        """Upkeep before anything is asked, without what may take long."""
        return await self.configured.upkeep.run(starting=True)

    @_survives
    async def upkeep(self) -> Counts:
        """Partitions, what is old, and what a crash may have left."""
        return await self.configured.upkeep.run()

    async def close(self) -> None:
        """Close what was opened."""
        await self._desks.close()

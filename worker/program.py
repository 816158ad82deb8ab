"""The passes of a worker process put together: what a tick starts, and what each job does."""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import wraps
from typing import Protocol

import asyncpg
import structlog

from rules.hashing import PLAIN, Hashing
from store import accounts as rows
from store import inbox, slices
from store.accounts import Askable, Floors
from store.connections import LOST, Pool, clock
from store.slices import Sliced
from store.watches import Place
from worker.accounts import Account
from worker.ask import Sends
from worker.configured import Configured
from worker.desk import Budget
from worker.desks import Desks
from worker.intake import intake
from worker.paced import PacedSender
from worker.places import PATIENCE, Places
from worker.poll import poll
from worker.sweep import START, sweep

log = structlog.get_logger()

Counts = dict[str, int]

#: A job that a killed worker left in the queue stands in the way for so many seconds at most.
SLOT = 10


class Starts(Protocol):
    """Whatever has a job done soon: `worker.queue.Queue`."""

    async def start(self, job: str, *arguments: str, job_id: str, after: float = 0.0) -> None:
        """Have a job done, `after` so many seconds, unless one of the same id waits or runs."""
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
    #: Accounts asked at once by this process, and how many more of those that are slow.
    at_once: int = 20
    #: Who holds the leases; no other process has this name.
    holder: str = field(default_factory=lambda: secrets.token_hex(8))
    #: How recipients are kept.
    hashing: Hashing = PLAIN
    _desks: Desks = field(init=False)
    _places: dict[str, Place] = field(default_factory=dict)
    #: A poll that has had no answer for so many seconds makes room for others.
    patience: float = PATIENCE
    _polls: Places = field(init=False)
    _hand: inbox.Hand = field(default_factory=inbox.Hand)
    _due_floors: Floors = field(default_factory=Floors)
    _overdue_floors: Floors = field(default_factory=Floors)

    def __post_init__(self) -> None:
        """No desk before it is needed."""
        self._desks = Desks(self.pool, self.sender)
        self._polls = Places(self.at_once)

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
            due = await rows.askable(connection, now, self._askable(), self._due_floors)
            beside = await slices.startable(connection, now, self._sliced(), self.batch) if self._sliced() else []
            waits = await inbox.has_some(connection)
        # Where more accounts are due than can be asked at once, no account is always the last.
        random.shuffle(due)
        slot = int(now.timestamp()) // SLOT
        for name, term in due:
            # Each lease makes the id new, and so does time: the job of a killed worker cannot stand in the way.
            await self.queue.start("poll", name, job_id=f"poll:{name}:{term}:{slot}")
        for name, number, term in beside:
            # Not all at one time: whoever looks into the queue first would get them all, though it may be busy.
            after = random.random()  # noqa: S311 - spreads jobs, guards nothing
            job_id = f"slice:{name}:{number}:{term}:{slot}"
            await self.queue.start("slice", name, str(number), job_id=job_id, after=after)
        if waits:
            await self.queue.start("intake", job_id=f"intake:{slot}")
        return {"polls": len(due) + len(beside), "intakes": int(waits)}

    def _askable(self) -> list[Askable]:
        return [
            Askable(account.name, account.fingerprint, account.limits.streams)
            for account in self.accounts.values()
            if not account.paused
        ]

    def _sliced(self) -> list[Sliced]:
        return [
            Sliced(account.name, account.fingerprint, account.slices)
            for account in self.accounts.values()
            if account.slices > 1 and not account.paused
        ]

    @_survives
    async def poll(self, name: str) -> Counts:
        """Ask one account."""
        return await self._once(name, 0)

    @_survives
    async def slice(self, name: str, number: str) -> Counts:
        """Look messages up in a slice of an account, beside its own poll."""
        return await self._once(name, int(number))

    async def _once(self, name: str, number: int) -> Counts:
        # Ticks, intake and sweeps always find a free place, whatever the providers do; the next tick tries again.
        this = (name, number)
        if name not in self.accounts or self.stopping() or not self._polls.take(this):
            return {}
        budget = Budget(self.poll_seconds, self.lease, self.batch, self.stopping)
        budget.begin()
        waiting = asyncio.ensure_future(self._notice(this, budget))
        try:
            return await self._poll(name, number, budget)
        finally:
            was_slow = waiting.done()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            self._polls.leave(this, was_slow=was_slow)

    async def _notice(self, this: tuple[str, int], budget: Budget) -> None:
        """Let a poll make room for others once it waits for long."""
        loop = asyncio.get_running_loop()
        while (left := budget.answered_at + self.patience - loop.time()) > 0:  # noqa: ASYNC110 - a time moves
            await asyncio.sleep(left)
        self._polls.slow(this)

    async def _starts(self, name: str, number: int) -> bool:
        """Whether there is still something to do: a job may have waited, and the provider have asked for a rest."""
        async with self.pool.acquire() as connection:
            now = await clock(connection)
            if not number:
                return bool(await rows.askable(connection, now, [one for one in self._askable() if one.name == name]))
            wanted = [one for one in self._sliced() if one.name == name]
            # There may be enough for some of the slices only.
            return any(one[1] == number for one in await slices.startable(connection, now, wanted, self.batch))

    async def _poll(self, name: str, number: int, budget: Budget) -> Counts:
        if not await self._starts(name, number):
            return {}
        configured = self.configured
        if name not in configured.accounts:
            return {}
        async with self._desks.at(configured.accounts[name], configured.numbers[name]) as desk:
            done = asdict(await poll(desk, self.holder, budget, number))
        if any(done.values()):
            slice_ = {"slice": number} if number else {}
            log.info("poll", account=name, **slice_, **{key: count for key, count in done.items() if count})
        return done

    def sender(self, account: Account, number: int) -> Sends:
        """A sender that keeps the account's pace."""
        # A desk that is left while its last polls go on must not be taken for the one that follows.
        return PacedSender(self.pool, account, f"{self.holder} {number} {secrets.token_hex(4)}")

    @_survives
    async def intake(self) -> Counts:
        """Take in what senders said."""
        known = self.configured
        return asdict(await intake(self.pool, known.accounts, known.numbers, hashing=self.hashing, hand=self._hand))

    @_survives
    async def sweep(self) -> Counts:
        """Settle what polls leave, some of each account."""
        async with self.pool.acquire() as connection:
            names = await rows.overdue(connection, await clock(connection), list(self.accounts), self._overdue_floors)
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

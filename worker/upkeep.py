"""Upkeep, once a minute: partitions, what is old, what a crash may have left, soft bounces, archiving, hashing.

Each step stands alone: one that fails is logged, and the next ones are still done.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import structlog

from rules.hashing import PLAIN, Hashing
from rules.statuses import Channel
from rules.suppression import Triggers
from store import events, hashing, journal, reports, settlings, suppression
from store.connections import Pool, clock
from worker.accounts import Account
from worker.adapting import judge_all
from worker.archive import Leaving, archive, cutoff
from worker.reread import reread

log = structlog.get_logger()

#: Soft bounces are counted for addresses that had one in the last while; upkeep runs far more often than this.
LATELY = timedelta(minutes=30)

#: How long one pass goes on archiving, in seconds, over all accounts. The next one goes on.
ARCHIVING = 20

#: How long one pass goes on hashing recipients that are still plain, in seconds.
HASHING = 10


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept, and how much of them."""

    events: timedelta = timedelta(days=90)
    looks: timedelta = timedelta(days=14)
    journal: timedelta = timedelta(days=7)
    journal_bytes: int = 1 << 30
    early: timedelta = timedelta(hours=24)
    early_most: int = 100_000


@dataclass(frozen=True, slots=True)
class Upkeep:
    """One pass and what it needs."""

    pool: Pool
    accounts: Mapping[str, Account]
    numbers: Mapping[str, int]
    retention: Retention
    triggers: Mapping[Channel, Triggers] = field(default_factory=dict)
    #: The folder of the archive. Without one, what would be archived is dropped.
    archive: Path | None = None
    #: How recipients are kept.
    hashing: Hashing = PLAIN
    #: Where the next pass goes on archiving, by account.
    _places: dict[str, int] = field(default_factory=dict)

    async def run(self, *, starting: bool = False) -> dict[str, int]:
        """Do every step; what each did, by name. A worker that is `starting` leaves out what may take long."""
        async with self.pool.acquire() as connection:
            now = await clock(connection)
        steps: dict[str, Callable[[datetime], Awaitable[int]]] = {
            "partitions_made": self._make_partitions,
            "partitions_dropped": self._drop_partitions,
            "drains_read": self._reread_drains,
            "early_joined": self._join_early,
            "early_forgotten": self._forget_early,
            "journal_forgotten": self._forget_journal,
            "settlings_forgotten": self._forget_settlings,
            "soft_bouncers_blocked": self._block_soft_bouncers,
        }
        if not starting:
            steps["schedules_adapted"] = self._adapt_schedules
            steps["messages_archived"] = self._archive
            if self.hashing.everyone:
                steps["recipients_hashed"] = self._hash_recipients
        done: dict[str, int] = {}
        for name, step in steps.items():
            try:
                done[name] = await step(now)
            except asyncpg.LockNotAvailableError:
                # Somebody reads the history for long. Whoever writes it would have waited behind us.
                log.warning("upkeep_put_off", step=name)
            except Exception:  # one step must not stop the others, whatever happened to it
                log.exception("upkeep_failed", step=name)
        if any(done.values()):
            log.info("upkeep", **{name: count for name, count in done.items() if count})
        return done

    async def _make_partitions(self, now: datetime) -> int:
        async with self.pool.acquire() as connection:
            for table in events.TABLES:
                if astray := await events.astray(connection, table):
                    log.warning("rows_in_default_partition", table=table, rows=astray)
            return len(await events.make_partitions(connection, now.date()))

    async def _drop_partitions(self, now: datetime) -> int:
        async with self.pool.acquire() as connection:
            dropped = await events.drop_partitions(connection, "event", now - self.retention.events)
            dropped += await events.drop_partitions(connection, "look", now - self.retention.looks)
        return len(dropped)

    async def _reread_drains(self, _now: datetime) -> int:
        return (await reread(self.pool, self.accounts, drains_only=True)).read

    async def _join_early(self, now: datetime) -> int:
        joined = 0
        async with self.pool.acquire() as connection:
            for number in self.numbers.values():
                joined += (await reports.join_all_early(connection, number, now)).written
        return joined

    async def _forget_early(self, now: datetime) -> int:
        before, most = now - self.retention.early, self.retention.early_most
        async with self.pool.acquire() as connection:
            dropped = [await reports.forget_early(connection, number, before, most) for number in self.numbers.values()]
        return sum(dropped)

    async def _forget_journal(self, now: datetime) -> int:
        async with self.pool.acquire() as connection:
            return await journal.forget(connection, now - self.retention.journal, self.retention.journal_bytes)

    async def _forget_settlings(self, now: datetime) -> int:
        async with self.pool.acquire() as connection:
            return await settlings.forget(connection, now - self.retention.looks)

    async def _adapt_schedules(self, now: datetime) -> int:
        return await judge_all(self.pool, self.accounts, self.numbers, now, self.retention.looks)

    async def _block_soft_bouncers(self, now: datetime) -> int:
        blocked = 0
        async with self.pool.acquire() as connection:
            for channel, triggers in self.triggers.items():
                if triggers.soft_bounces is not None:
                    rule = triggers.soft_bounces
                    blocked += await suppression.block_soft_bouncers(
                        connection, channel, rule.count, rule.within, now - LATELY, now
                    )
        return blocked

    async def _hash_recipients(self, _now: datetime) -> int:
        """What was recorded before all recipients were hashed, or by a worker that did not know that yet."""
        ends_at = asyncio.get_running_loop().time() + HASHING
        async with self.pool.acquire() as connection:
            done = await hashing.hash_blocked(connection, self.hashing)
            while asyncio.get_running_loop().time() < ends_at:
                some = await hashing.hash_messages(connection, self.hashing)
                done += some
                if not some:
                    break
        return done

    async def _archive(self, now: datetime) -> int:
        """Whoever comes first this time may be last the next, because the time is for all."""
        waiting = [account for account in self.accounts.values() if account.keep_settled is not None]
        random.shuffle(waiting)
        ends_at = asyncio.get_running_loop().time() + ARCHIVING
        archived = 0
        while waiting and asyncio.get_running_loop().time() < ends_at:
            account = waiting.pop(0)
            gone, more = await self._archive_some(account, now)
            archived += gone
            if more:
                waiting.append(account)
        return archived

    async def _archive_some(self, account: Account, now: datetime) -> tuple[int, bool]:
        """One file of one account: how many messages left, and whether there may be more."""
        assert account.keep_settled is not None  # noqa: S101 - others are not asked for
        before = cutoff(now, account.keep_settled)
        leaving = Leaving(self.numbers[account.name], account.name, before, self.archive)
        done = await archive(self.pool, leaving, now, self._places.get(account.name, 0))
        self._places[account.name] = done.place
        return done.messages, done.more

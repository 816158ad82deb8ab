"""A worker's program over pretended providers, with a queue that only remembers what was started."""

from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from store import accounts as rows
from store.connections import Pool
from tests.worker.pretend import Provider
from worker.accounts import Account
from worker.ask import Sends
from worker.configured import Configured
from worker.desk import Desk
from worker.program import Program
from worker.upkeep import Retention, Upkeep


@dataclass
class Started:
    """Stands in for the queue."""

    jobs: list[tuple[str, ...]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    async def start(self, job: str, *arguments: str, job_id: str, after: float = 0.0) -> None:  # noqa: ARG002
        """Remember the job; one of the same id waits already."""
        if job_id not in self.ids:
            self.ids.append(job_id)
            self.jobs.append((job, *arguments))


@dataclass
class Office(Program):
    """A program whose requests go to pretended providers, by account."""

    providers: dict[str, Provider] = field(default_factory=dict)

    def sender(self, account: Account, number: int) -> Sends:  # noqa: ARG002 - as the real one
        """The pretended provider."""
        return self.providers[account.name]

    @property
    def started(self) -> Started:
        """What ticks started."""
        assert isinstance(self.queue, Started)
        return self.queue


async def office(pool: Pool, *known: Account, stopping: bool = False, at_once: int = 20) -> Office:
    """A program for these accounts, each with a provider of its own."""
    async with pool.acquire() as connection:
        numbers = await rows.ensure(connection, {one.name: one.adapter.name for one in known})
    by_name = {one.name: one for one in known}
    upkeep = Upkeep(pool, by_name, numbers, Retention())
    providers = {name: Provider() for name in by_name}
    return Office(
        pool, Started(), Configured(by_name, numbers, upkeep), lambda: stopping, at_once=at_once, providers=providers
    )


def desk_of(program: Office, name: str) -> Desk:
    """The desk of one account, to record messages at."""
    return Desk(program.pool, program.accounts[name], program.configured.numbers[name], program.providers[name])


async def standing(pool: Pool, name: str) -> asyncpg.Record:
    """The row of one account."""
    row = await pool.fetchrow("select * from landed.account where name = $1", name)
    assert row is not None
    return row


async def later(pool: Pool) -> datetime:
    """Let every rest and every pause between looks be over; the present by Postgres's clock."""
    await pool.execute("update landed.account set ask_after = null, next_read_at = null, lease_until = null")
    await pool.execute("update landed.watch set next_look_at = clock_timestamp()")
    now: datetime = await pool.fetchval("select clock_timestamp()")
    return now

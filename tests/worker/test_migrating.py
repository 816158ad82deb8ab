"""A worker at work while its database is migrated: nothing fails, and nothing is lost.

Its connections are open and its statements prepared from before. What a release may change is tested in
`tests/store/test_compatible.py`; here is what a worker makes of it.
"""

import asyncio
from dataclasses import dataclass, field

import asyncpg
import pytest

from store import events, migrations
from store.connections import Pool
from store.events import Position
from store.migrations import Migration
from tests.worker.office import Office, office
from tests.worker.pretend import account, statuses

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

#: What a release may do to tables that a worker of the release before it reads and writes: columns and indexes more.
ADDING = "; ".join(
    f"alter table landed.{table} add column more text, add column most integer not null default 7"
    for table in ("account", "inbox", "message", "watch", "early", "event", "look", "journal", "suppression")
)
LATER = Migration(9001, "later", f"{ADDING}; create index message_by_more on landed.message (account, more)")


@dataclass
class Work:
    """What a worker does again and again, and a reader of the history beside it."""

    program: Office
    place: Position = field(default_factory=Position)
    read: int = 0
    rounds: int = 0

    async def once(self) -> None:
        """Messages are sent, taken in and asked about; one in two is settled by the sweep."""
        pool, self.rounds = self.program.pool, self.rounds + 1
        names = [f"m{self.rounds}.{n}" for n in range(6)]
        known = self.program.providers["pretend"].known
        known.update({name: "delivered" if n % 2 else "sent" for n, name in enumerate(names)})
        await pool.executemany(SEND, [(name,) for name in names])
        await self.program.intake()
        await self.program.tick()
        await pool.execute("update landed.watch set next_look_at = now()")
        await self.program.poll("pretend")
        await pool.execute("update landed.watch set deadline_at = now() - interval '9 days', looked_at = now()")
        await self.program.sweep()
        async with pool.acquire() as connection:
            rows, self.place = await events.since(connection, self.place, 1000)
        self.read += len(rows)

    @property
    def expected(self) -> dict[str, str]:
        """How everything sent ends: as the provider says, or timed out where it says no more than `sent`."""
        known = self.program.providers["pretend"].known
        return {name: "timed_out" if word == "sent" else word for name, word in known.items()}


SEND = """
insert into landed.inbox (account, channel, recipient, provider_id) values ('pretend', 'sms', '+447700900000', $1)
"""


def knows(monkeypatch: pytest.MonkeyPatch, migration: Migration) -> None:
    """Let whoever migrates know one migration more."""
    known = [*migrations.known(), migration]
    monkeypatch.setattr(migrations, "known", lambda: known)


async def migrate(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await migrations.migrate(connection)
    finally:
        await connection.close()


async def test_a_worker_goes_on_while_a_later_release_adds_to_every_table_that_it_uses(
    pool: Pool, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows(monkeypatch, LATER)
    work = Work(await office(pool, account()))
    for _ in range(3):
        await work.once()
    migrating = asyncio.ensure_future(migrate(database))
    while not migrating.done():
        await work.once()
    await migrating
    await work.once()

    assert await pool.fetchval("select max(number) from landed.migration") == LATER.number
    assert await statuses(pool) == work.expected
    assert await pool.fetchval("select count(*) from landed.watch") == 0
    assert work.read == await pool.fetchval("select count(*) from landed.event")


async def test_a_migration_that_loses_a_deadlock_begins_again(
    db: asyncpg.Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes tables in its own order, and workers in theirs."""
    text = "lock table landed.watch in access exclusive mode; alter table landed.message add column more text"
    knows(monkeypatch, Migration(9001, "later", text))
    watcher, migrator = [await asyncpg.connect(database) for _ in range(2)]
    await db.execute("set deadlock_timeout = '60s'")
    await migrator.execute("set deadlock_timeout = '50ms'")
    async with db.transaction():
        await db.execute("update landed.message set code = code")
        migrating = asyncio.ensure_future(migrations.migrate(migrator))
        waiting = "select exists (select from pg_locks where pid = $1 and not granted)"
        while not await watcher.fetchval(waiting, migrator.get_server_pid()):
            assert not migrating.done()
        await db.execute("update landed.watch set looks = looks")
    applied = await migrating

    assert [one.number for one in applied] == [9001]

    for connection in (watcher, migrator):
        await connection.close()

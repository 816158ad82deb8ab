"""Servers of one's own in place of the embedded ones: PostgreSQL 15 and Redis 7 of Debian, with passwords, over TCP."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import asyncpg
import pytest
from redis.asyncio import Redis

from embedded import Urls
from store import migrations, queries
from store.connections import Pool, open_pool
from store.queries import Queries
from tests.servers import NoServers, debian_servers
from tests.worker.gate import postgres_gate
from tests.worker.office import desk_of, office
from tests.worker.pretend import account, record, statuses
from tests.worker.process import ROOT, Twilio, Worker, configuration
from tests.worker.test_killed import INSERT, settled, until

pytestmark = pytest.mark.once

#: Steps of upkeep, archiving included.
STEPS = 10


@pytest.fixture(scope="module")
def debian() -> Iterator[Urls]:
    """Both servers, or a skip that says why they are not to be had."""
    try:
        with debian_servers() as urls:
            yield urls
    except NoServers as why:
        pytest.skip(str(why))


@pytest.fixture
async def fresh(debian: Urls) -> AsyncIterator[str]:
    """The URL of an empty database on the PostgreSQL 15."""
    async with open_pool(debian.database, size=1) as pool:
        name = f"landed_{uuid4().hex}"
        await pool.execute(f'create database "{name}"')
        yield urlsplit(debian.database)._replace(path=f"/{name}").geturl()
        await pool.execute(f'drop database "{name}" with (force)')


@pytest.fixture
async def there(fresh: str) -> AsyncIterator[Pool]:
    """A pool on a migrated database of the PostgreSQL 15."""
    async with open_pool(fresh, size=4) as pool, pool.acquire() as connection:
        await migrations.migrate(connection)
        yield pool


def command(urls: dict[str, str], *arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the `landed` of `root` on these servers."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("LANDED_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "cli", *arguments],
        cwd=root,
        env={**ours, **urls, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_they_are_what_they_are_said_to_be(debian: Urls) -> None:
    connection = await asyncpg.connect(debian.database)
    async with Redis.from_url(debian.redis) as redis:
        version = (await redis.info())["redis_version"]

    assert connection.get_server_version().major == 15
    assert version.startswith("7.")

    await connection.close()


async def test_migrate_brings_it_to_this_release_and_makes_the_roles(fresh: str, tmp_path: Path) -> None:
    urls = {"LANDED_DATABASE_URL": fresh, "LANDED_HOME": str(tmp_path / "home")}

    ran = await asyncio.to_thread(command, urls, "migrate", "--roles")
    again = await asyncio.to_thread(command, urls, "migrate", "--roles")
    checked = await asyncio.to_thread(command, urls, "migrate", "--check")

    assert (ran.returncode, again.returncode, checked.returncode) == (0, 0, 0), ran.stderr + again.stderr
    assert not (tmp_path / "home").exists()
    connection = await asyncpg.connect(fresh)
    await connection.execute("set role landed_sender")
    await connection.execute("insert into landed.inbox (account, channel, provider_id) values ('sms', 'sms', 'a')")
    assert await connection.fetchval("select landed.is_blocked('sms', '+447700900000')") is False
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch("select * from landed.message")
    await connection.execute("set role landed_reader")
    assert await connection.fetch("select * from landed.messages") == []
    await connection.close()


async def test_every_query_can_be_prepared(there: Pool) -> None:
    async with there.acquire() as connection:
        for file in queries.files():
            known = Queries(file)
            for name in known.names():
                await connection.prepare(getattr(known, name))


async def test_a_round_of_every_pass(there: Pool) -> None:
    program = await office(there, account(), account("feed", ids=0, feed=3))
    await there.execute(
        "insert into landed.inbox (account, channel, recipient, provider_id, deadline_at, sent_at)"
        " values ('pretend', 'sms', '+447700900000', 'a', null, now()),"
        " ('pretend', 'sms', '+447700900001', 'b', now() - interval '1 h', now() - interval '2 h'),"
        " ('nobody', 'sms', '+447700900002', 'c', null, null)"
    )
    program.providers["pretend"].known = {"a": "hard_bounced", "b": "deferred"}

    taken = await program.intake()
    ticked = await program.tick()
    await there.execute("update landed.watch set next_look_at = now()")
    await program.poll("pretend")
    await program.poll("feed")
    await record(desk_of(program, "pretend"), ["d"], age=timedelta(hours=49))
    await there.execute("update landed.watch set looked_at = deadline_at, found = true where provider_id = 'd'")
    await program.sweep()
    done = await program.upkeep()

    assert (taken["new"], taken["strays"], ticked["polls"]) == (2, 1, 2)
    assert await statuses(there) == {"a": "hard_bounced", "b": "expired_ours", "d": "timed_out"}
    # A step that fails is left out.
    assert len(done) == STEPS
    assert await there.fetchval("select landed.is_blocked('sms', '+447700900000')")


async def test_a_worker_runs_on_them_and_shows_no_password(
    there: Pool, fresh: str, debian: Urls, tmp_path: Path
) -> None:
    twilio = Twilio(words={"SM1": ("delivered", None), "SM2": ("undelivered", 30005)})
    async with twilio.served() as url:
        worker = Worker(tmp_path, fresh, debian.redis, configuration(url))
        async with worker:
            for sid in twilio.words:
                await there.execute(INSERT, sid, timedelta(minutes=10))
            await until(settled(there, 2), "all messages are settled")
            code, _ = await worker.stop()

    log = worker.log.read_text()
    secrets = [urlsplit(url).password or "" for url in (debian.database, debian.redis)]
    assert (code, await statuses(there)) == (0, {"SM1": "delivered", "SM2": "hard_bounced"})
    assert all(one and one not in log and unquote(one) not in log for one in secrets)
    assert not (tmp_path / "home").exists()


async def test_a_worker_as_a_member_of_the_workers_role(there: Pool, fresh: str, debian: Urls, tmp_path: Path) -> None:
    """In production the worker's login is a member of landed_worker, and no owner of anything."""
    async with there.acquire() as connection:
        await migrations.create_roles(connection)
    await there.execute("create role landed_login login password 'its own' in role landed_worker")
    twilio = Twilio(words={"SM1": ("delivered", None)})
    place = urlsplit(fresh)
    login = place._replace(netloc=f"landed_login:its%20own@127.0.0.1:{place.port}").geturl()
    try:
        async with twilio.served() as url:
            worker = Worker(tmp_path, login, debian.redis, configuration(url))
            async with worker:
                await there.execute(INSERT, "SM1", timedelta(minutes=10))
                await until(settled(there, 1), "the message is settled")
                await worker.stop()
    finally:
        await there.execute("drop owned by landed_login")
        await there.execute("drop role landed_login")

    assert worker.events("upkeep_failed") == []
    assert await there.fetchval("select count(*) from pg_inherits where inhparent = 'landed.event'::regclass") > 1


async def test_a_wrong_password_is_said_at_once_and_not_shown(debian: Urls, tmp_path: Path) -> None:
    parts = urlsplit(debian.database)
    wrong = parts._replace(netloc=f"landed:planted-secret@127.0.0.1:{parts.port}").geturl()
    urls = {"LANDED_DATABASE_URL": wrong, "LANDED_HOME": str(tmp_path / "home")}

    ran = await asyncio.to_thread(command, urls, "migrate", "--check")

    assert ran.returncode == 1
    assert "planted-secret" not in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


async def test_the_gates_of_other_tests_lead_to_them_too(fresh: str) -> None:
    gate, through = postgres_gate(fresh)
    async with gate:
        connection = await asyncpg.connect(through())

        assert await connection.fetchval("select 1") == 1

        await connection.close()

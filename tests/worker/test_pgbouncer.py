"""All that Landed does, through a pgbouncer 1.18 that pools by transaction, with `prepared_statements = false`.

Each transaction is given another connection to Postgres than the one before it, so whatever rests on a session fails.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from bench.racing import race
from embedded import Urls
from store.connections import Pool, open_pool
from tests.servers import NoServers, pgbouncer
from tests.worker.office import desk_of, office
from tests.worker.pretend import account, record, statuses
from tests.worker.process import Twilio, Worker, configuration
from tests.worker.test_killed import INSERT, settled, until
from tests.worker.test_servers import command

pytestmark = pytest.mark.once

#: Connections to Postgres for each database. Fewer than racers, so that they must be shared.
SHARED = 6


@pytest.fixture(scope="module")
def bouncer(servers: Urls) -> Iterator[str]:
    """Its URL, or a skip that says why it is not to be had."""
    try:
        with pgbouncer(servers.database, SHARED) as url:
            yield url
    except NoServers as why:
        pytest.skip(str(why))


@pytest.fixture
def through(bouncer: str, database: str) -> str:
    """The URL of a fresh database through the pgbouncer."""
    return urlsplit(bouncer)._replace(path=urlsplit(database).path).geturl()


@pytest.fixture
async def pooled(through: str) -> AsyncIterator[Pool]:
    async with open_pool(through, size=12, prepared=False) as opened:
        yield opened


def environment(url: str, home: Path) -> dict[str, str]:
    return {"LANDED_DATABASE_URL": url, "LANDED_HOME": str(home), "LANDED_PREPARED_STATEMENTS": "false"}


async def test_it_gives_one_client_several_sessions(pooled: Pool) -> None:
    await asyncio.gather(*(pooled.execute("select pg_sleep(0.05)") for _ in range(SHARED)))
    async with pooled.acquire() as connection:
        sessions = {await connection.fetchval("select pg_backend_pid()") for _ in range(2 * SHARED)}

    assert 1 < len(sessions) <= SHARED


async def test_of_two_that_migrate_through_it_at_once_one_does_it_and_the_roles_are_there(
    bouncer: str, admin: asyncpg.Connection, tmp_path: Path
) -> None:
    name = f"landed_empty_{uuid4().hex}"
    await admin.execute(f'create database "{name}"')
    urls = environment(urlsplit(bouncer)._replace(path=f"/{name}").geturl(), tmp_path)
    try:
        migrate = [asyncio.to_thread(command, urls, "migrate", "--roles") for _ in range(2)]
        ran = await asyncio.gather(*migrate)
        checked = await asyncio.to_thread(command, urls, "migrate", "--check")
    finally:
        await admin.execute(f'drop database "{name}" with (force)')

    assert [one.returncode for one in (*ran, checked)] == [0, 0, 0], ran[0].stderr + ran[1].stderr
    assert sum("0001 landed applied" in one.stdout for one in ran) == 1


async def test_what_is_recorded_in_bulk_goes_through_every_pass(through: str, pooled: Pool, tmp_path: Path) -> None:
    said = tmp_path / "sent.csv"
    lines = [f"pretend,sms,+4477009{n:05},m{n}" for n in range(2500)]
    said.write_text("\n".join(["account,channel,recipient,provider_id", *lines]))
    ran = await asyncio.to_thread(command, environment(through, tmp_path), "record", str(said))
    program = await office(pooled, account(), account("feed", ids=0, feed=3))
    program.providers["pretend"].known = {f"m{n}": "delivered" if n % 2 else "hard_bounced" for n in range(2500)}

    taken = await program.intake()
    await pooled.execute("update landed.watch set next_look_at = now()")
    ticked = await program.tick()
    for name in program.accounts:
        await program.poll(name)
    await record(desk_of(program, "pretend"), ["late"], age=timedelta(hours=49))
    await pooled.execute("update landed.watch set looked_at = deadline_at, found = true where provider_id = 'late'")
    swept = await program.sweep()
    done = await program.upkeep()

    assert ran.returncode == 0, ran.stderr
    assert (taken["new"], taken["strays"], ticked["polls"], swept["settled"]) == (2500, 0, 2, 1)
    assert await statuses(pooled) == {**program.providers["pretend"].known, "late": "timed_out"}
    assert done["partitions_made"] == 8
    assert await pooled.fetchval("select count(*) from landed.blocked") == 1250


@pytest.mark.parametrize("seed", [3, 4])
async def test_races_end_in_the_join_of_all_that_was_said(through: str, seed: int) -> None:
    came = await race(through, seed, lambda track: track.sent >= 320, prepared=False)

    assert came.differences == []
    assert came.counts["claimed"] > 0


async def test_a_worker_runs_behind_it(through: str, pooled: Pool, redis_url: str, tmp_path: Path) -> None:
    twilio = Twilio(words={f"SM{n}": ("delivered", None) for n in range(20)})
    async with twilio.served() as url:
        text = "prepared_statements = false\n" + configuration(url)
        worker = Worker(tmp_path, through, redis_url, text)
        async with worker:
            for sid in twilio.words:
                await pooled.execute(INSERT, sid, timedelta(minutes=10))
            await until(settled(pooled, len(twilio.words)), "all messages are settled")
            code, _ = await worker.stop()

    assert (code, await statuses(pooled)) == (0, dict.fromkeys(twilio.words, "delivered"))
    assert worker.events("upkeep_failed") == worker.events("postgres_unreachable") == []

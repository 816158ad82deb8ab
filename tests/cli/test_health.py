"""`landed worker --health`: which workers live, for a person, a program and whatever watches over containers."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from redis.asyncio import Redis

from store import retiming
from store.connections import clock
from tests.cli.conftest import Place
from worker.queue import HEALTH

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


def _says(redis_url: str, name: str, said: str) -> None:
    async def run() -> None:
        async with Redis.from_url(redis_url) as redis:
            await redis.set(f"{HEALTH}{name}", said, ex=60)

    asyncio.run(run())


def test_the_workers_that_live_are_named_with_what_they_last_said(landed: Place, redis_url: str) -> None:
    _says(redis_url, "host-1:7", "Nov-24 22:00:00 j_complete=5")
    shown, plain = landed("worker", "--health"), landed("worker", "--health", "--json")

    assert "host-1:7" in shown.out
    assert "j_complete=5" in shown.out
    assert plain.json == {"host-1:7": "Nov-24 22:00:00 j_complete=5"}


def test_where_no_worker_lives_the_exit_code_is_1(landed: Place) -> None:
    said = landed("worker", "--health", "--json", code=1)

    assert said.json == {}
    assert "start one with `landed worker`" in said.err


def test_json_alone_is_wrong_use(landed: Place) -> None:
    assert "--json goes with --health" in landed("worker", "--json", code=2).err


def test_a_worker_that_refuses_its_changed_files_is_named_with_everything_that_is_wrong(
    landed: Place, database: str, redis_url: str
) -> None:
    problems = ["accounts.a.rate: 'fast' is not a rate", "unknown setting 'lokks' in accounts.a"]

    async def refuse(ago: timedelta, name: str) -> None:
        connection = await asyncpg.connect(database)
        await retiming.refuse(connection, name, await clock(connection) - ago, problems)
        await connection.close()

    asyncio.run(refuse(timedelta(), "host-1:7"))
    asyncio.run(refuse(timedelta(hours=1), "killed-long-ago"))
    _says(redis_url, "host-1:7", "Nov-24 22:00:00 j_complete=5")

    shown = landed("worker", "--health")

    assert all(f"  {problem}" in shown.out for problem in problems)
    assert "host-1:7 refuses its changed files since" in shown.out
    assert "killed-long-ago" not in shown.out


def test_workers_are_seen_to_live_while_the_changed_file_is_bad(landed: Place, redis_url: str) -> None:
    """Else whatever watches over containers would kill workers that go on by what they read before."""
    landed.write("landed.toml", '[accounts.text_main]\nadapter = "twilio"\nlokks = ["5x"]\n')
    _says(redis_url, "host-1:7", "Nov-24 22:00:00 j_complete=5")

    plain, shown = landed("worker", "--health", "--json"), landed("worker", "--health")

    assert plain.json == {"host-1:7": "Nov-24 22:00:00 j_complete=5"}
    assert "unknown setting 'lokks'" in plain.err
    assert "host-1:7" in shown.out


def test_a_file_that_cannot_be_parsed_hides_no_worker_whose_servers_the_environment_names(
    landed: Place, redis_url: str
) -> None:
    landed.write("landed.toml", "[accounts\n")
    _says(redis_url, "host-1:7", "Nov-24 22:00:00 j_complete=5")

    assert "host-1:7" in landed("worker", "--health").out


def test_a_bad_file_without_servers_is_told_as_it_is(bare: Place) -> None:
    bare.write("landed.toml", "[accounts\n")

    said = bare("worker", "--health", code=1)

    assert "is not valid TOML" in said.err

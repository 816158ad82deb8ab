"""What the embedded servers are: private, durable, one program at a time, and gone when it ends."""

import threading
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from embedded import EmbeddedError, Servers
from embedded.errors import OWN_SERVERS
from tests.embedded.running import Program, a_home, processes, sockets, until, write

pytestmark = pytest.mark.once


async def test_a_database_and_a_redis_are_ready_and_keep_what_they_were_given() -> None:
    with a_home() as home:
        with Servers(home) as urls:
            await write(urls, "kept")
            async with Redis.from_url(urls.redis) as redis:
                await redis.set("kept", "yes")
        with Servers(home) as urls:
            connection = await asyncpg.connect(urls.database)

            assert await connection.fetchval("select text from kept") == "kept"
            assert await connection.fetchval("select current_database()") == "landed"
            assert await connection.fetchval("show fsync") == "on"
            assert await connection.fetchval("show server_encoding") == "UTF8"

            await connection.close()
            async with Redis.from_url(urls.redis) as redis:
                assert await redis.get("kept") == b"yes"


async def test_settings_of_postgres_are_passed_on() -> None:
    with a_home() as home, Servers(home, postgres={"max_connections": "33"}) as urls:
        connection = await asyncpg.connect(urls.database)

        assert await connection.fetchval("show max_connections") == "33"

        await connection.close()


def test_nothing_listens_on_the_network_and_nobody_else_can_open_the_files() -> None:
    with a_home() as home:
        servers = Servers(home)
        with servers:
            ours = {link for pid in servers.pids.values() for link in _sockets_of(pid)}

            assert ours
            assert not ours & (_listening("tcp") | _listening("tcp6"))

            for name in ("run", "postgres", "valkey"):
                assert (home / name).stat().st_mode & 0o777 == 0o700
            for name in ("postgres.log", "valkey.log", "lock"):
                assert (home / name).stat().st_mode & 0o777 == 0o600


def test_a_second_program_on_one_home_is_refused_and_told_what_to_do() -> None:
    with a_home() as home, Program(home) as first:
        first.ready()
        with Program(home) as second:
            said = second.error()

        assert f"{home} is in use by another Landed" in said
        assert "LANDED_HOME" in said

        assert first.stop() == 0


def test_two_homes_run_side_by_side() -> None:
    with a_home() as one, a_home() as other, Servers(one) as first, Servers(other) as second:
        assert first != second


async def test_a_path_of_180_characters_and_odd_ones_is_no_trouble() -> None:
    with a_home("a home, 100% odd? #" + "x" * 140) as home:
        assert len(str(home)) >= 180
        with Servers(home) as urls:
            await write(urls, "kept")
            async with Redis.from_url(urls.redis) as redis:
                assert await redis.ping()

        assert not sockets(home).exists()


def test_a_short_folder_that_a_stranger_made_is_refused() -> None:
    with a_home("x" * 120) as home:
        sockets(home).symlink_to(home.parent)
        try:
            with pytest.raises(EmbeddedError, match="belongs to someone else"):
                Servers(home).start()
        finally:
            sockets(home).unlink()


def test_they_stop_in_order_and_can_start_again() -> None:
    with a_home() as home:
        servers = Servers(home)
        for _ in range(2):
            servers.start()
            assert servers.died() is None
            servers.stop()
            assert not processes(home)
        servers.stop()

        assert "database system is shut down" in (home / "postgres.log").read_text()


def test_they_start_in_the_main_thread_only() -> None:
    raised: list[BaseException] = []

    def start() -> None:
        try:
            Servers(Path("/nowhere")).start()
        except EmbeddedError as error:
            raised.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()

    assert "main thread" in str(raised[0])


def test_data_of_another_major_version_is_refused_with_what_to_do() -> None:
    with a_home() as home:
        with Servers(home):
            pass
        (home / "postgres/PG_VERSION").write_text("17\n")
        with pytest.raises(EmbeddedError, match="made by PostgreSQL 17") as raised:
            Servers(home).start()

        assert "dump it" in str(raised.value)
        assert OWN_SERVERS in str(raised.value)


def test_a_log_that_has_grown_large_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedded.spawn._LOG_BYTES", 1000)
    with a_home() as home:
        with Servers(home):
            pass
        with (home / "postgres.log").open("a") as log:
            log.write("x" * 1000)
        with Servers(home):
            pass

        assert "xxx" not in (home / "postgres.log").read_text()


def test_what_ignores_the_signals_of_its_parent_still_ends_with_it() -> None:
    with a_home() as home:
        with Program(home, before=("/usr/bin/env", "--ignore-signal=INT,QUIT,TERM")) as program:
            program.ready()
            program.kill("program")
        until(lambda: not processes(home), "the servers end")


def _sockets_of(pid: int) -> set[str]:
    links = (str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir())
    return {link.removeprefix("socket:[").rstrip("]") for link in links if link.startswith("socket:")}


def _listening(kind: str) -> set[str]:
    file = Path(f"/proc/net/{kind}")
    rows = [line.split() for line in file.read_text().splitlines()[1:]] if file.exists() else []
    return {row[9] for row in rows if row[3] == "0A"}  # the kernel's number for LISTEN

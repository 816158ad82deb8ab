"""Whatever is killed, the next start works at once and has what was committed."""

import os
import signal
from itertools import count
from pathlib import Path

import pytest
from redis.asyncio import Redis

from embedded import Urls
from tests.embedded.running import Program, a_home, kept, processes, until, write

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    "killed",
    [("program",), ("postgres",), ("valkey",), ("postgres", "program"), ("postgres", "valkey", "program")],
    ids=" and ".join,
)
async def test_it_starts_again_after_any_of_it_was_killed(killed: tuple[str, ...]) -> None:
    with a_home() as home:
        for text in ("first", "second"):
            with Program(home) as program:
                await write(program.ready(), text)
                program.kill(*killed)
        with Program(home) as program:
            urls = program.ready()

            assert await kept(urls) == ["first", "second"]

            assert await _answers(urls)
            assert program.stop() == 0


def test_killed_while_the_cluster_is_made_it_starts_again() -> None:
    with a_home() as home:
        for delay in count():
            with Program(home) as program:
                until(lambda: list(home.glob("postgres.new-*/*")), "initdb writes")
                _let_it_write(home, files=200 * delay)
                program.kill("program")
            if delay == 2:
                break
        with Program(home) as program:
            program.ready()

            assert not list(home.glob("postgres.new-*"))
            assert program.stop() == 0


def test_everything_killed_while_the_cluster_is_made_it_starts_again() -> None:
    with a_home() as home:
        with Program(home) as program:
            until(lambda: list(home.glob("postgres.new-*/*")), "initdb writes")
            for pid in processes(home):
                os.kill(pid, signal.SIGKILL)
        with Program(home) as program:
            program.ready()

            assert program.stop() == 0


def test_a_lock_file_with_the_number_of_a_living_stranger_does_not_stop_it() -> None:
    with a_home() as home:
        with Program(home) as program:
            program.ready()
            program.kill("postgres", "valkey", "program")
        for file in (home / "postgres/postmaster.pid", home / "run/.s.PGSQL.5432.lock"):
            lines = file.read_text().splitlines(keepends=True)
            file.write_text("".join([f"{os.getppid()}\n", *lines[1:]]))
        with Program(home) as program:
            program.ready()

            assert program.stop() == 0


def test_an_empty_lock_file_does_not_stop_it() -> None:
    with a_home() as home:
        with Program(home) as program:
            program.ready()
            program.kill("postgres", "valkey", "program")
        (home / "postgres/postmaster.pid").write_text("")
        with Program(home) as program:
            program.ready()

            assert program.stop() == 0


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_a_program_is_told_that_a_server_died(name: str) -> None:
    with a_home() as home, Program(home) as program:
        program.ready()
        program.kill(name)

        assert f"{name} has ended by itself" in program.error()


def _let_it_write(home: Path, *, files: int) -> None:
    """Wait until initdb has written so many files, so that it is killed at different points."""
    until(lambda: (home / "postgres").exists() or _written(home) >= files, "initdb goes on")


def _written(home: Path) -> int:
    """How many files there are in what initdb makes; some folders of it come and go."""
    return sum(len(names) for new in home.glob("postgres.new-*") for _, _, names in os.walk(new))


async def _answers(urls: Urls) -> bool:
    async with Redis.from_url(urls.redis) as redis:
        return bool(await redis.ping())

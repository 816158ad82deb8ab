"""Fixtures for the command line: it is run in this process, in a folder of its own, on the servers of these tests."""

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner

import adapters
from cli.commands import landed as command
from config import load
from store import hashing
from store.accounts import ensure
from store.connections import clock, open_pool
from tests.cli.twilio import SETTINGS, Twilio, serving
from worker.build import build
from worker.intake import intake


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, read as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """The lines on standard error."""
        return self.err.splitlines()


@dataclass(frozen=True)
class Place:
    """A folder in which commands are run."""

    folder: Path
    patch: pytest.MonkeyPatch

    def __call__(self, *words: str, stdin: str | bytes = "", code: int = 0) -> Said:
        """Run a command, which must end with `code` and never with a traceback."""
        done = CliRunner().invoke(command, list(words), input=stdin, prog_name="landed")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        said = Said(done.exit_code, done.stdout, done.stderr)
        assert said.code == code, said
        return said

    def write(self, name: str, text: str | bytes) -> Path:
        """Put a file into the folder."""
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def set(self, **settings: str) -> None:
        """Set variables LANDED_*."""
        for name, value in settings.items():
            self.patch.setenv(f"LANDED_{name.upper()}", value)

    def unset(self, *names: str) -> None:
        """Unset variables LANDED_*."""
        for name in names:
            self.patch.delenv(f"LANDED_{name.upper()}", raising=False)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A place with no configuration and no servers."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("LANDED_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LANDED_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LANDED_WEB__PORT", "0")  # any that is free
    handlers = list(logging.getLogger().handlers)
    yield Place(tmp_path, monkeypatch)
    # A command sets up logs for its process.
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


@pytest.fixture
def landed(bare: Place, database: str, redis_url: str) -> Place:
    """A place with two accounts, a migrated database and an empty Redis."""
    bare.set(database_url=database, redis_url=redis_url)
    bare.write(
        "landed.toml",
        f"""
        [accounts.text_main]
        adapter = "twilio"
        base_url = "http://127.0.0.1:1"
        account_sid = "{SETTINGS["account_sid"]}"
        auth_token = "{SETTINGS["auth_token"]}"

        [accounts.mail_main]
        adapter = "mailgun"
        domain = "mail.example.org"
        api_key = "planted-mailgun-key"
        """,
    )
    return bare


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    provider = Twilio()
    with serving(provider.answer) as url:
        provider.url = url
        yield provider


def take_in() -> None:
    """Do what a worker does with the rows in the inbox."""

    async def task() -> None:
        settings = load(os.environ, Path.cwd())
        assert settings.database_url is not None
        accounts = build(settings, adapters.find)
        async with open_pool(settings.database_url.get_secret_value(), size=3) as pool:
            async with pool.acquire() as connection:
                await hashing.keep(connection, settings.hashing(), await clock(connection))
                numbers = await ensure(connection, {name: one.adapter.name for name, one in accounts.items()})
            await intake(pool, accounts, numbers, hashing=settings.hashing())

    asyncio.run(task())

"""What a command needs to work: settings, servers, a pool of connections."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click
from pydantic import SecretStr

import adapters
from cli import logs
from config import ConfigError, Settings, load, words
from config.words import BadVocabulary
from embedded import Servers
from embedded.running import running
from store import accounts as rows
from store import adapted, hashing
from store.connections import Connection, Pool, open_pool, place
from store.migrations import migrate, pending
from worker.accounts import Account
from worker.adapting import in_force
from worker.build import build, faults

T = TypeVar("T")

#: How long a command waits for a server that is not there, or just starts, in seconds.
PATIENCE = 10.0

#: How long it waits before it says so, in seconds.
QUIET = 1.5


def settings() -> Settings:
    """The settings of this place. Raises ConfigError, which names every problem."""
    return load(os.environ, Path.cwd(), faults)


def named_schedules() -> dict[str, Container[str]]:
    """The names of the schedules that are set for each account."""
    return {name: table.options.schedules for name, table in settings().accounts.items()}


def configuration(files: set[Path]) -> Settings:
    """The settings as they are now; every file that they are made of is added to `files`.

    Raises ConfigError, which names every problem: of settings, of accounts and of vocabularies.
    """
    known = load(os.environ, Path.cwd(), faults, files)
    found = faults(known)
    try:
        files |= words.files(known)
        words.everyone(known)
    except BadVocabulary as error:
        found += str(error).splitlines()
    if found:
        raise ConfigError(found)
    return known


def accounts(known: Settings) -> dict[str, Account]:
    """The accounts that are configured. Raises ConfigError, which names every problem."""
    return build(known, adapters.find)


async def keeping(connection: Connection, known: dict[str, Account]) -> dict[str, Account]:
    """The same accounts, keeping recipients and adaptive schedules as the database does. Raises WrongKey."""
    hashes = await hashing.agreed(connection, settings().hashing())
    numbers = {row["name"]: row["id"] for row in await rows.everyone(connection)}
    in_use = in_force(known, numbers, await adapted.everything(connection))
    return {name: replace(account, hashing=hashes) for name, account in in_use.items()}


def work(task: Callable[[Pool], Awaitable[T]], *, prepared: bool = True) -> T:
    """Do `task` with the database, and return what it returns.

    An embedded database is brought to this release first; another one must be already, unless `prepared` is false.
    """
    known = settings()
    logs.begin(known)
    with database(known) as url:
        return asyncio.run(_do(known, url, task, prepared=prepared))


async def _do(known: Settings, url: str, task: Callable[[Pool], Awaitable[T]], *, prepared: bool) -> T:
    async with pool_of(known, url) as pool:
        if known.database_url is None:
            async with pool.acquire() as connection:
                await migrate(connection)
        elif prepared:
            async with pool.acquire() as connection:
                await ready(connection)
        return await task(pool)


@asynccontextmanager
async def pool_of(known: Settings, url: str, size: int = 4) -> AsyncIterator[Pool]:
    """A pool of connections; a person who waits for a server that is not there is told so."""
    said = f"waiting for Postgres at {place(url)} ..."
    note = asyncio.get_running_loop().call_later(QUIET, lambda: click.echo(said, err=True))
    try:
        async with open_pool(url, size=size, prepared=known.prepared_statements, patience=PATIENCE) as pool:
            note.cancel()
            yield pool
    finally:
        note.cancel()


async def ready(connection: Connection) -> None:
    """Raise unless the database is at this release."""
    if missing := await pending(connection):
        raise click.ClickException(
            f"the database lacks migration {missing[0].number} ({missing[0].name}): run `landed migrate`"
        )


@contextmanager
def database(known: Settings) -> Iterator[str]:
    """The URL of the database: the one set, that of a Landed that runs in our home, or an embedded one."""
    if known.database_url is not None:
        yield known.database_url.get_secret_value()
    elif there := running(known.home):
        yield there.database
    else:
        with Servers(known.home) as urls:
            yield urls.database


@contextmanager
def servers(known: Settings) -> Iterator[tuple[Settings, Servers | None]]:
    """Settings with both URLs, and the embedded servers that run meanwhile if one was missing."""
    if known.database_url is not None and known.redis_url is not None:
        yield known, None
        return
    embedded = Servers(known.home)
    with embedded as urls:
        missing = {
            "database_url": known.database_url or SecretStr(urls.database),
            "redis_url": known.redis_url or SecretStr(urls.redis),
        }
        yield known.model_copy(update=missing), embedded

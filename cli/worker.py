"""`worker`: the worker alone, on servers of your own or on those of a Landed that runs here."""

import asyncio
import os
from pathlib import Path

import asyncpg
import click
from pydantic import SecretStr

from cli import session
from cli.output import show_json, show_table, visible
from cli.working import work
from config import ConfigError, Settings, servers
from embedded.running import running
from rules.times import iso
from store import retiming
from store.connections import StoreUnreachable, clock, open_pool
from worker.queue import health

#: How long Postgres may take to say which workers refuse their file, in seconds.
PATIENCE = 2.0


@click.command()
@click.option("--health", "asks_health", is_flag=True, help="Show the workers that live; exit code 1 if none does.")
@click.option("--json", "as_json", is_flag=True, help="With --health: print an object.")
def worker(*, asks_health: bool, as_json: bool) -> None:
    """Run the worker alone, until a signal. Run as many as you want, on as many machines."""
    if as_json and not asks_health:
        raise click.UsageError("--json goes with --health")
    if asks_health:
        _look(as_json=as_json)
        return
    known = session.settings()
    session.accounts(known)  # what is wrong is said before anything starts
    asyncio.run(work(_with_servers(known)))


def _look(*, as_json: bool) -> None:
    """Show how workers are, also where the files are bad: whoever runs goes on by what it read before."""
    known = _with_servers(_readable())
    found = asyncio.run(_health(known))
    _show(found, as_json=as_json)
    if not as_json:
        asyncio.run(_show_refusals(known))


def _readable() -> Settings:
    """The settings, or if they are bad, those that say where the servers are, and what is wrong with the others."""
    try:
        known = session.settings()
        session.accounts(known)
    except ConfigError as error:
        known = servers(os.environ, Path.cwd())
        if running(known.home) is None and (known.database_url is None or known.redis_url is None):
            raise
        said = "".join(f"\n  - {visible(problem)}" for problem in error.problems)
        click.echo(f"workers that run go on by their old settings, and none can be started, because of{said}", err=True)
    return known


def _with_servers(known: Settings) -> Settings:
    """The settings with the URLs of both servers: those set, or those of a Landed that runs in our home."""
    if known.database_url is not None and known.redis_url is not None:
        return known
    there = running(known.home)
    if there is None:
        raise click.ClickException(
            "a worker needs servers: set LANDED_DATABASE_URL and LANDED_REDIS_URL, or run `landed up`"
        )
    missing = {
        "database_url": known.database_url or SecretStr(there.database),
        "redis_url": known.redis_url or SecretStr(there.redis),
    }
    return known.model_copy(update=missing)


async def _health(known: Settings) -> dict[str, str]:
    assert known.redis_url is not None  # noqa: S101 - `_with_servers` set it
    return await health(known.redis_url.get_secret_value())


async def _show_refusals(known: Settings) -> None:
    """Which workers go on with old settings, because something is wrong with the new ones."""
    assert known.database_url is not None  # noqa: S101 - `_with_servers` set it
    url = known.database_url.get_secret_value()
    try:
        there = open_pool(url, size=1, prepared=known.prepared_statements, patience=PATIENCE)
        async with there as pool, pool.acquire() as connection:
            refusals = await retiming.refusals(connection, await clock(connection))
    except (StoreUnreachable, asyncpg.PostgresError):
        # The workers live nevertheless, which is what was asked.
        return
    for row in refusals:
        said = f"{row['worker']} refuses its changed files since {iso(row['refused_at'])} and goes by the old settings:"
        click.echo("\n".join(("", visible(said), *(f"  {visible(problem)}" for problem in row["problems"]))))


def _show(found: dict[str, str], *, as_json: bool) -> None:
    """The workers that live, and what each last said of itself."""
    if as_json:
        show_json(found)
    elif found:
        show_table(("worker", "last said"), sorted(found.items()))
    if not found:
        raise click.ClickException(
            "no worker has said in the last seconds that it lives: start one with `landed worker`"
        )

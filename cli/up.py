"""`up`: the worker, and the servers it needs where none are set."""

import asyncio

import click

from cli import session
from cli.working import work
from config import Settings
from embedded import Servers
from store.migrations import migrate


@click.command()
def up() -> None:
    """Run the worker until Ctrl-C, on embedded servers unless LANDED_DATABASE_URL and LANDED_REDIS_URL are set.

    It brings the database to this release first. It ends if one of the embedded servers ends.
    """
    known = session.settings()
    session.accounts(known)  # what is wrong is said before anything starts
    with session.servers(known) as (settings, embedded):
        if embedded is not None:
            click.echo(f"servers run in {known.home}", err=True)
        asyncio.run(_up(settings, embedded))


async def _up(settings: Settings, embedded: Servers | None) -> None:
    assert settings.database_url is not None  # noqa: S101 - `servers` set it
    url = settings.database_url.get_secret_value()
    async with session.pool_of(settings, url, 1) as pool, pool.acquire() as connection:
        for migration in await migrate(connection):
            click.echo(f"{migration.number:04} {migration.name} applied", err=True)
    await work(settings, embedded)

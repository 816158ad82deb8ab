"""`up`: the worker, the page, and the servers they need where none are set."""

import asyncio
import os

import click

from cli import session
from cli.own_process import OwnProcess
from cli.working import Died, work
from config import Settings, words
from store.migrations import migrate
from web.server import listen


@click.command()
@click.option("--host", help="The address of the page; else that of the settings, which is this machine alone.")
@click.option("--port", type=click.IntRange(1, 65535), help="Its port; else that of the settings.")
@click.option("--no-web", "alone", is_flag=True, help="Run the worker alone, without the page.")
def up(host: str | None, port: int | None, *, alone: bool) -> None:
    """Run worker and page until Ctrl-C, on embedded servers unless LANDED_DATABASE_URL and LANDED_REDIS_URL are set.

    It brings the database to this release first. It ends if one of the embedded servers, or the page, ends.
    """
    known = session.settings()
    # What is wrong is said before anything starts.
    session.accounts(known)
    words.everyone(known)
    host, port = host or known.web.host, known.web.port if port is None else port
    if not alone:
        listen(host, port).close()
    web = None if alone else OwnProcess(["web", "--host", host, "--port", str(port)], os.environ)
    with session.servers(known) as (settings, embedded):
        if embedded is not None:
            click.echo(f"servers run in {known.home}", err=True)

        def died() -> str | None:
            return (embedded and embedded.died()) or (web and web.died()) or None

        asyncio.run(_up(settings, web, died))


async def _up(settings: Settings, web: OwnProcess | None, died: Died) -> None:
    assert settings.database_url is not None  # noqa: S101 - `servers` set it
    url = settings.database_url.get_secret_value()
    async with session.pool_of(settings, url, 1) as pool, pool.acquire() as connection:
        for migration in await migrate(connection):
            click.echo(f"{migration.number:04} {migration.name} applied", err=True)
    try:
        if web is not None:
            web.start()
        await work(settings, died)
    finally:
        if web is not None:
            web.stop()

"""`web`: the page and the API, on a database of your own or on that of a Landed that runs here."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import click

from cli import logs, session
from cli.configured import configured
from cli.following import following
from config import Settings, words
from store.connections import Pool, open_pool
from store.migrations import migrate
from store.standing import Configured
from web.app import create_app
from web.server import address, listen, serve
from web.site import Site


@click.command()
@click.option("--host", help="The address to listen on; else that of the settings, which is this machine alone.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 is any that is free; else that of the settings.")
def web(host: str | None, port: int | None) -> None:
    """Serve the page and the API until a signal.

    Who is on this machine needs no token, unless `require_token` is set; everybody else does: `landed token create`.
    """
    known = session.settings()
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    known = known.model_copy(update={"web": known.web.model_copy(update=given)})
    logs.begin(known)
    with listen(known.web.host, known.web.port) as listening, session.database(known) as url:
        accounts = configured(session.accounts(known))
        app = create_app(site(known, url, accounts))
        if known.database_url is None:
            asyncio.run(_migrate(known, url))
        click.echo(f"the page is at {address(listening)}", err=True)
        asyncio.run(following(accounts, serve(app, listening)))


def site(known: Settings, url: str, accounts: Mapping[str, Configured]) -> Site:
    """What the page shows, from settings. Raises BadVocabulary, which names every problem."""

    def pool() -> AbstractAsyncContextManager[Pool]:
        return open_pool(url, size=known.web.connections, prepared=known.prepared_statements)

    return Site(
        known.web,
        pool,
        accounts,
        words.everyone(known),
        known.vocabulary,
        known.hashing(),
        known.retention.looks,
    )


async def _migrate(known: Settings, url: str) -> None:
    """An embedded database is brought to this release."""
    async with session.pool_of(known, url, 1) as pool, pool.acquire() as connection:
        await migrate(connection)

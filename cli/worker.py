"""`worker`: the worker alone, on servers of your own or on those of a Landed that runs here."""

import asyncio

import click
from pydantic import SecretStr

from cli import session
from cli.working import work
from embedded.running import running


@click.command()
def worker() -> None:
    """Run the worker alone, until a signal. Run as many as you want, on as many machines."""
    known = session.settings()
    session.accounts(known)  # what is wrong is said before anything starts
    if known.database_url is None or known.redis_url is None:
        there = running(known.home)
        if there is None:
            raise click.ClickException(
                "a worker needs servers: set LANDED_DATABASE_URL and LANDED_REDIS_URL, or run `landed up`"
            )
        missing = {
            "database_url": known.database_url or SecretStr(there.database),
            "redis_url": known.redis_url or SecretStr(there.redis),
        }
        known = known.model_copy(update=missing)
    asyncio.run(work(known))

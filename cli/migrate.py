"""`migrate`: bring the database to this release."""

import asyncio

import click

from cli import session
from store.connections import open_pool
from store.migrations import Migration, create_roles, pending
from store.migrations import migrate as apply


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 if something is missing.")
@click.option("--roles", is_flag=True, help="Make the roles landed_sender, landed_reader and landed_worker too.")
def migrate(*, check: bool, roles: bool) -> None:
    """Bring the database to this release. Safe to run twice, and from two places at once."""
    with session.database(session.settings()) as url:
        missing = asyncio.run(_migrate(url, check=check, roles=roles))
    for migration in missing:
        click.echo(f"{migration.number:04} {migration.name}" + (" is missing" if check else " applied"))
    if not missing:
        click.echo("the database is of this release")
    if check and missing:
        click.get_current_context().exit(1)


async def _migrate(url: str, *, check: bool, roles: bool) -> list[Migration]:
    async with open_pool(url, size=1) as pool, pool.acquire() as connection:
        if check:
            return await pending(connection)
        missing = await apply(connection)
        if roles:
            await create_roles(connection)
        return missing

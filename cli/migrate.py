"""`migrate`: bring the database to this release."""

import asyncio
from collections.abc import Sequence

import asyncpg
import click

from cli import session
from cli.output import show_json
from config import Settings
from store.migrations import Migration, create_roles, pending
from store.migrations import migrate as apply


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 if something is missing.")
@click.option("--roles", is_flag=True, help="Make the roles landed_sender, landed_reader and landed_worker too.")
@click.option("--json", "as_json", is_flag=True, help="Print what was missing as JSON.")
def migrate(*, check: bool, roles: bool, as_json: bool) -> None:
    """Bring the database to this release. Safe to run twice, and from two places at once."""
    if check and roles:
        raise click.UsageError("--check changes nothing, so it does not go with --roles")
    known = session.settings()
    with session.database(known) as url:
        try:
            missing = asyncio.run(_migrate(known, url, check=check, roles=roles))
        except asyncpg.InsufficientPrivilegeError as error:
            raise click.ClickException(_not_allowed(roles=roles)) from error
    if as_json:
        found = [{"number": one.number, "name": one.name} for one in missing]
        show_json({"missing" if check else "applied": found, "roles": roles})
    else:
        _say(missing, check=check, roles=roles)
    if check and missing:
        click.get_current_context().exit(1)


def _not_allowed(*, roles: bool) -> str:
    also = " and roles" if roles else ""
    return (
        "this user of Postgres may not migrate: name one in LANDED_DATABASE_URL who owns what is there and may create"
        f" a schema{also}"
    )


def _say(missing: Sequence[Migration], *, check: bool, roles: bool) -> None:
    for migration in missing:
        click.echo(f"{migration.number:04} {migration.name}" + (" is missing" if check else " applied"))
    if not missing:
        click.echo("the database is at this release")
    if roles:
        click.echo("the roles landed_sender, landed_reader and landed_worker are there")


async def _migrate(known: Settings, url: str, *, check: bool, roles: bool) -> list[Migration]:
    async with session.pool_of(known, url, 1) as pool, pool.acquire() as connection:
        if check:
            return await pending(connection)
        missing = await apply(connection)
        if roles:
            await create_roles(connection)
        return missing

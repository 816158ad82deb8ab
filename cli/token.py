"""`token`: who may see the page and ask the API from elsewhere."""

import getpass
import re
from datetime import timedelta

import click

from cli import session
from cli.commands import Listing
from cli.output import guess, show_json, show_table
from cli.simulate import Duration
from rules.viewers import Scope
from store import tokens
from store.changes import By
from store.connections import Pool, clock
from store.tokens import Token

COLUMNS = (
    "name", "scopes", "masked", "state", "created_at", "created_by", "expires_at", "last_used_at", "revoked_at",
    "revoked_by",
)  # fmt: skip

#: Names that stay readable in lists and logs.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_by = click.option("--by", default=getpass.getuser, help="Who; else the name of the user.")


@click.group(cls=Listing)
def token() -> None:
    """Make, list and revoke tokens for the page and the API. Without a command it lists them."""


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "words",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    required=True,
    help="What it allows; may be repeated.",
)
@click.option("--masked", is_flag=True, help="Its holder sees recipients only in part.")
@click.option("--expires", "lifetime", type=Duration(), metavar="DURATION", help="For how long it is valid, like 90d.")
@_by
@_json
def create(
    name: str, words: tuple[str, ...], lifetime: timedelta | None, by: str, *, masked: bool, as_json: bool
) -> None:
    """Make a token called NAME and print it. It is shown this once: only its hash is kept."""
    if not NAME.fullmatch(name):
        raise click.UsageError(f"{name!r} is no name for a token; use letters, digits and . _ - like 'reports-team'")

    async def task(pool: Pool) -> str | None:
        async with pool.acquire() as connection:
            now = await clock(connection)
            until = None if lifetime is None else now + lifetime
            wanted = Token(name, frozenset(map(Scope, words)), masked, until)
            return await tokens.create(connection, wanted, By(by, "cli", now))

    made = session.work(task)
    if made is None:
        raise click.ClickException(f"a token called {name!r} is there already: `landed token revoke {name}` ends it")
    if as_json:
        show_json({"name": name, "token": made})
    else:
        click.echo(made)
        click.echo("Keep it now: it is not shown again.", err=True)


@token.command("list")
@_json
def list_tokens(*, as_json: bool) -> None:
    """Every token, whether it is valid, and when it was last used. What it is cannot be shown."""

    async def task(pool: Pool) -> list[dict[str, object]]:
        async with pool.acquire() as connection:
            now = await clock(connection)
            return [{**dict(row), "state": tokens.state(row, now)} for row in await tokens.everyone(connection)]

    found = session.work(task)
    if as_json:
        show_json(found)
    else:
        rows = [[one[name] for name in COLUMNS] for one in found]
        show_table([name.replace("_", " ") for name in COLUMNS], rows, empty="there is no token", sparse=True)


@token.command()
@click.argument("name")
@_by
def revoke(name: str, by: str) -> None:
    """End token NAME now, and every log-in with it."""

    async def task(pool: Pool) -> list[str] | None:
        async with pool.acquire() as connection:
            if await tokens.revoke(connection, name, By(by, "cli", await clock(connection))):
                return None
            return [row["name"] for row in await tokens.everyone(connection) if row["revoked_at"] is None]

    others = session.work(task)
    if others is not None:
        raise click.ClickException(f"no valid token is called {name!r}{guess(name, others)}")
    click.echo(f"{name} is revoked")

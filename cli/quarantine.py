"""`quarantine`: words that no adapter knows, and reading kept answers again once an adapter is mended."""

import getpass
from typing import Any

import click

from cli import session
from cli.commands import Listing
from cli.found import no_account
from cli.output import count, show_json, show_table
from store import changes, journal
from store.changes import By
from store.connections import Pool, clock
from worker.reread import Reread, reread

COLUMNS = ("account", "adapter", "word", "seen", "first_seen_at", "last_seen_at", "provider_id", "mended_at")


@click.group(cls=Listing)
def quarantine() -> None:
    """See the words that no adapter knows, and read kept answers again. Without a command it lists them."""


@quarantine.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are mended too.")
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
def list_words(*, everything: bool, as_json: bool) -> None:
    """Every word that an adapter did not know, how often it came, and a message to look at."""

    async def task(pool: Pool) -> list[dict[str, Any]]:
        async with pool.acquire() as connection:
            rows = await journal.unknown_words(connection)
        return [{name: row[name] for name in COLUMNS} for row in rows if everything or row["mended_at"] is None]

    found = session.work(task)
    if as_json:
        show_json(found)
        return
    rows = [list(one.values()) for one in found]
    show_table([name.replace("_", " ") for name in COLUMNS], rows, empty="every word is known", sparse=True)
    if any(one["mended_at"] is None for one in found):
        click.echo("\nOnce a release or your own adapter knows the words: `landed quarantine apply`")


@quarantine.command()
@click.option("--account", "name", metavar="NAME", help="Only the answers of this account.")
@click.option("--by", default=getpass.getuser, help="Who; else the name of the user.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
def apply(name: str | None, by: str, *, as_json: bool) -> None:
    """Read the kept answers again, after an adapter was mended. What was applied before changes nothing."""
    accounts = session.accounts(session.settings())
    if name is not None and name not in accounts:
        raise no_account(name, accounts)

    async def task(pool: Pool) -> Reread:
        async with pool.acquire() as connection:
            known = await session.keeping(connection, accounts)
        done = await reread(pool, known, name)
        async with pool.acquire() as connection:
            who = By(by, "cli", await clock(connection))
            await changes.add(connection, who, "quarantine_applied", name or "", read=done.read, written=done.written)
        return done

    done = session.work(task)
    if as_json:
        show_json({"read": done.read, "left": done.left, "written": done.written})
        return
    click.echo(
        f"{count(done.read, 'answer')} read whole, {done.left:,} still not understood;"
        f" {count(done.written, 'message')} changed"
    )

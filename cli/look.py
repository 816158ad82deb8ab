"""`look`: ask about one message now, and write down what is heard."""

from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
import click

from cli import session
from cli.found import find
from cli.output import show_json, visible
from store.connections import Pool, clock
from store.story import Story, tell
from worker.accounts import Account
from worker.desk import Desk
from worker.look import look_now
from worker.paced import PacedSender
from worker.writing import Tally


@click.command()
@click.argument("message")
@click.option("--json", "as_json", is_flag=True, help="Print its story afterwards, as `explain` does.")
def look(message: str, *, as_json: bool) -> None:
    """Ask about MESSAGE now: its number, its reference or the provider's id.

    What is heard is joined like any other answer. A settled message may be corrected by it.
    """
    accounts = session.accounts(session.settings())
    seen = session.work(lambda pool: _look(pool, accounts, message))
    if as_json:
        show_json([seen.after.plain()])
        return
    for line in _said(seen):
        click.echo(visible(line))


@dataclass(frozen=True, slots=True)
class Seen:
    """A message before and after a look, and what came of it."""

    before: str
    after: Story
    tally: Tally


def _said(seen: Seen) -> Iterator[str]:
    message = seen.after.message
    number, status, account = message["number"], message["status"], message["account"]
    if not seen.tally.reports:
        yield f"message {number} is still {status}: {account} said nothing about it, and may not know it"
    elif status == seen.before:
        yield f"message {number} is still {status}"
    else:
        yield f"message {number} was {seen.before} and is now {status}"
    if seen.tally.unknown:
        yield f"{account} said a word that nobody knows: see `landed quarantine`"


async def _look(pool: Pool, accounts: dict[str, Account], name: str) -> Seen:
    async with pool.acquire() as connection:
        accounts = await session.keeping(connection, accounts)
        rows = await find(connection, name)
        if len(rows) > 1:
            numbers = ", ".join(str(row["id"]) for row in rows)
            raise click.ClickException(
                f"{len(rows)} messages are called {name!r} (`landed explain` shows them); look at one by its number:"
                f" {numbers}"
            )
        before = await tell(connection, rows[0], await clock(connection), {}, whole=False)
    tally = await _ask(pool, accounts, rows[0])
    async with pool.acquire() as connection:
        row = (await find(connection, str(rows[0]["id"])))[0]
        after = await tell(connection, row, await clock(connection), session.named_schedules())
        return Seen(before.message["status"], after, tally)


async def _ask(pool: Pool, accounts: dict[str, Account], row: asyncpg.Record) -> Tally:
    if row["account_name"] not in accounts:
        raise click.ClickException(
            f"the account of this message, {row['account_name']!r}, is not configured here: add it to landed.toml"
        )
    account = accounts[row["account_name"]]
    sender = PacedSender(pool, account)
    try:
        desk = Desk(pool, account, row["account"], sender)
        return await look_now(desk, row["id"], row["provider_id"] or "", row["reference"] or "")
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    finally:
        await sender.give_back()
        await sender.aclose()

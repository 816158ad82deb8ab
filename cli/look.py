"""`look`: ask about one message now, and write down what is heard."""

import asyncpg
import click

from adapters.http import Sender
from cli import session
from cli.found import find, no_account
from cli.output import show_json
from cli.story import Story, tell
from store.connections import Pool, clock
from worker.accounts import Account
from worker.desk import Desk
from worker.look import look_now
from worker.pace import Pace


@click.command()
@click.argument("message")
@click.option("--json", "as_json", is_flag=True, help="Print its story afterwards, as `explain` does.")
def look(message: str, *, as_json: bool) -> None:
    """Ask about MESSAGE now: its number, its reference or the provider's id.

    What is heard is joined like any other answer. A settled message may be corrected by it.
    """
    accounts = session.accounts(session.settings())
    before, after = session.work(lambda pool: _look(pool, accounts, message))
    if as_json:
        show_json([after.plain()])
        return
    same = before == after.message["status"]
    click.echo(f"message {after.message['number']}: {before}" + ("" if same else f" -> {after.message['status']}"))


async def _look(pool: Pool, accounts: dict[str, Account], name: str) -> tuple[str, Story]:
    async with pool.acquire() as connection:
        rows = await find(connection, name)
        if len(rows) > 1:
            numbers = ", ".join(str(row["id"]) for row in rows)
            raise click.ClickException(
                f"{len(rows)} messages are called {name!r}; look at one by its number: {numbers}"
            )
        before = await tell(connection, rows[0], await clock(connection), whole=False)
    await _ask(pool, accounts, rows[0])
    async with pool.acquire() as connection:
        row = (await find(connection, str(rows[0]["id"])))[0]
        return before.message["status"], await tell(connection, row, await clock(connection))


async def _ask(pool: Pool, accounts: dict[str, Account], row: asyncpg.Record) -> None:
    if row["account_name"] not in accounts:
        raise no_account(row["account_name"], accounts)
    account = accounts[row["account_name"]]
    pace = Pace(pool, row["account"], account.limits.rate)
    sender = Sender(account.adapter, account.name, timeout=account.timeout, permit=pace.permit)
    try:
        desk = Desk(pool, account, row["account"], sender)
        await look_now(desk, row["id"], row["provider_id"] or "", row["reference"] or "")
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    finally:
        await sender.aclose()

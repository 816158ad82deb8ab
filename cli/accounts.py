"""`accounts`: how the accounts are, and stopping, starting and hurrying them."""

import getpass
from typing import Any

import click

from cli import session
from cli.commands import Listing
from cli.found import no_account
from cli.output import show_json, show_table
from store import accounts as kept
from store import watches
from store.connections import Connection, Pool, clock


@click.group(cls=Listing)
def accounts() -> None:
    """See, pause, resume and poll accounts. Without a command it lists them."""


@accounts.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
def list_accounts(*, as_json: bool) -> None:
    """How every account is, what it has open, and what trouble it has."""
    found = session.work(_everyone)
    if as_json:
        show_json(found)
        return
    columns = ("name", "adapter", "state", "open", "due", "overdue", "next_look_at", "read_until", "not_ours")
    show_table([name.replace("_", " ") for name in columns], [[one[name] for name in columns] for one in found])


async def _everyone(pool: Pool) -> list[dict[str, Any]]:
    configured = session.settings().accounts
    async with pool.acquire() as connection:
        backlog = {row["name"]: row for row in await watches.backlog(connection, await clock(connection))}
        rows = await kept.everyone(connection)
    found = [_one(dict(row), dict(backlog[row["name"]]), configured) for row in rows if row["name"] in backlog]
    new = sorted(set(configured) - {one["name"] for one in found})
    return found + [_one({"name": name}, {}, configured) for name in new]


def _one(row: dict[str, Any], backlog: dict[str, Any], configured: Any) -> dict[str, Any]:
    names = ("adapter", "paused_at", "paused_by", "paused_why", "trouble", "trouble_said", "trouble_since")
    counts = {name: backlog.get(name, 0) for name in ("open", "due", "overdue")}
    more = {name: row.get(name) for name in (*names, "ask_after", "read_until", "position")}
    state = {"state": _state(row, configured), "not_ours": row.get("not_ours", 0)}
    return {"name": row["name"], **more, **counts, **state, "next_look_at": backlog.get("next_look_at")}


def _state(row: dict[str, Any], configured: Any) -> str:
    if row["name"] not in configured:
        return "not configured"
    if row.get("paused_at"):
        return f"paused by {row['paused_by']}: {row['paused_why']}"
    if row.get("trouble"):
        return f"{row['trouble']}: {row['trouble_said']}"
    return "asks" if "id" in row else "new"


@accounts.command()
@click.argument("name")
@click.option("--why", required=True, help="Why, for whoever wonders later.")
@click.option("--by", default=getpass.getuser, help="Who; else the name of the user.")
def pause(name: str, why: str, by: str) -> None:
    """Stop asking account NAME. Its messages wait; nothing of it is settled until its hard limit."""

    async def task(connection: Connection) -> bool:
        return await kept.pause(connection, name, await clock(connection), by, why)

    _change(name, task)
    click.echo(f"{name} is paused")


@accounts.command()
@click.argument("name")
def resume(name: str) -> None:
    """Ask account NAME again, also where it was held because the provider refused it."""
    _change(name, lambda connection: kept.resume(connection, name))
    click.echo(f"{name} is asked again")


@accounts.command()
@click.argument("name")
def poll(name: str) -> None:
    """Make everything open of account NAME due now; a worker asks it."""

    async def task(connection: Connection) -> int | None:
        return await kept.poll_now(connection, name, await clock(connection))

    click.echo(f"{_change(name, task)} messages of {name} are due now")


def _change(name: str, task: Any) -> Any:
    """Do something to an account, which may be configured and not known to the database yet."""
    configured = session.settings().accounts

    async def change(pool: Pool) -> Any:
        async with pool.acquire() as connection:
            if name in configured and await kept.named(connection, name) is None:
                await kept.ensure(connection, {name: configured[name].adapter})
            done = await task(connection)
            if done is None or done is False:
                raise no_account(name, {row["name"] for row in await kept.everyone(connection)} | set(configured))
            return done

    return session.work(change)

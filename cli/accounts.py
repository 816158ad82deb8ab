"""`accounts`: how the accounts are, and stopping, starting and hurrying them."""

import getpass
from typing import Any

import click

from cli import session
from cli.commands import Listing
from cli.found import no_account
from cli.output import count, show_json, show_table, visible
from rules.times import iso
from store import accounts as kept
from store import watches
from store.connections import Connection, Pool, clock

COLUMNS = ("name", "adapter", "state", "open", "due", "overdue", "next_look_at", "read_until", "not_ours")

_name = click.argument("name")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=Listing)
def accounts() -> None:
    """See, pause, resume and poll accounts. Without a command it lists them."""


@accounts.command("list")
@_json
def list_accounts(*, as_json: bool) -> None:
    """How every account is, what it has open, and what trouble it has."""
    found = session.work(_everyone)
    if as_json:
        show_json(found)
        return
    show_table(
        [name.replace("_", " ") for name in COLUMNS],
        [[one[name] for name in COLUMNS] for one in found],
        empty="no account is configured: add one to landed.toml, `landed adapters` says what it needs",
        sparse=True,
    )
    for note in filter(None, map(_note, found)):
        click.echo(f"\n{visible(note)}")


async def _everyone(pool: Pool) -> list[dict[str, Any]]:
    configured = session.settings().accounts
    async with pool.acquire() as connection:
        backlog = {row["name"]: row for row in await watches.backlog(connection, await clock(connection))}
        rows = await kept.everyone(connection)
    found = [_one(dict(row), dict(backlog[row["name"]]), configured) for row in rows if row["name"] in backlog]
    new = sorted(set(configured) - {one["name"] for one in found})
    return found + [_one({"name": name}, {}, configured) for name in new]


def _one(row: dict[str, Any], backlog: dict[str, Any], configured: Any) -> dict[str, Any]:
    name = row["name"]
    adapter = configured[name].adapter if name in configured else row["adapter"]
    state = {"name": name, "adapter": adapter, "state": _state(row, configured)}
    counts = {count: backlog.get(count, 0) for count in ("open", "due", "overdue")}
    more = {field: row.get(field) for field in FIELDS}
    return {**state, **counts, "next_look_at": backlog.get("next_look_at"), **more, "not_ours": row.get("not_ours", 0)}


FIELDS = ("ask_after", "read_until", "position", "paused_at", "paused_by", "paused_why", "trouble", "trouble_said",
    "trouble_since")  # fmt: skip


def _state(row: dict[str, Any], configured: Any) -> str:
    """How an account is, in a word or two. The most lasting hindrance counts."""
    name = row["name"]
    if name not in configured:
        return "not configured"
    if row.get("paused_at") or configured[name].options.paused:
        return "paused"
    return row.get("trouble") or ("ok" if "id" in row else "new")


def _note(one: dict[str, Any]) -> str:
    """What a person should know of an account that is not asked as usual, and what to do."""
    name = one["name"]
    if one["state"] == "not configured":
        return f"{name} is not in landed.toml: its {count(one['open'], 'open message')} wait until it is there again"
    if one["paused_at"]:
        who = f"{one['paused_by']} since {iso(one['paused_at'])}"
        return f"{name} is paused by {who}: {one['paused_why']}; `landed accounts resume {name}`"
    if one["state"] == "paused":
        return f"{name} is paused by its own setting, paused = true"
    if one["trouble"]:
        said = f"{name} is in trouble since {iso(one['trouble_since'])}: {one['trouble_said']}"
        if one["ask_after"]:
            return f"{said.removesuffix('; it is asked again later')}; it is asked again after {iso(one['ask_after'])}"
        return said
    return ""


@accounts.command()
@_name
@click.option("--why", required=True, help="Why, for whoever wonders later.")
@click.option("--by", default=getpass.getuser, help="Who; else the name of the user.")
def pause(name: str, why: str, by: str) -> None:
    """Stop asking account NAME. Its messages wait; nothing of it is settled until its hard limit."""

    async def task(connection: Connection) -> bool:
        return await kept.pause(connection, name, await clock(connection), by, why)

    _change(name, task)
    click.echo(f"{name} is paused; `landed accounts resume {name}` asks it again")


@accounts.command(short_help="Ask account NAME again after a pause or a refusal.")
@_name
def resume(name: str) -> None:
    """Ask account NAME again, also where it was held because the provider refused it."""
    _change(name, lambda connection: kept.resume(connection, name))
    click.echo(f"{name} is asked again")


@accounts.command()
@_name
@_json
def poll(name: str, *, as_json: bool) -> None:
    """Make everything open of account NAME due now; a worker asks it."""

    async def task(connection: Connection) -> int | None:
        return await kept.poll_now(connection, name, await clock(connection))

    due = _change(name, task)
    if as_json:
        show_json({"made_due": due})
    else:
        click.echo(f"made due: {count(due, 'message')} of {name}; a worker asks about them")


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

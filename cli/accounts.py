"""`accounts`: how the accounts are, and stopping, starting and hurrying them."""

import getpass
from collections.abc import Awaitable, Callable
from typing import Any

import click

from cli import backlog, quota, session
from cli.commands import Listing
from cli.configured import configured
from cli.found import no_account
from cli.output import count, show_json, show_table, visible
from rules.breaker import Stand
from rules.times import iso
from store import accounts as kept
from store import standing
from store.changes import By
from store.connections import Connection, Pool, clock
from store.overview import overview
from store.standing import Configured

COLUMNS = ("name", "adapter", "state", "breaker", "open", "due", "overdue", "next_look_at", "read_until", "not_ours")

_name = click.argument("name")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_by = click.option("--by", default=getpass.getuser, help="Who; else the name of the user.")


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
        [[_cell(one, name) for name in COLUMNS] for one in found],
        empty="no account is configured: add one to landed.toml, `landed adapters` says what it needs",
        sparse=True,
    )
    for one in found:
        for note in filter(None, [_note(one), *backlog.tell(one), *quota.tell(one)]):
            click.echo(f"\n{visible(note)}")


async def _everyone(pool: Pool) -> list[dict[str, Any]]:
    async with pool.acquire() as connection:
        return await overview(connection, configured(session.accounts(session.settings())))


def _cell(one: dict[str, Any], name: str) -> Any:
    """A closed breaker is not worth a column."""
    return None if name == "breaker" and one[name] == Stand.CLOSED else one[name]


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
    return _trouble(one) if one["trouble"] else ""


def _trouble(one: dict[str, Any]) -> str:
    """What is wrong with an account, since when, and when it is asked again."""
    name = one["name"]
    said = f"{name} is in trouble since {iso(one['trouble_since'])}: {one['trouble_said']}"
    said = said.removesuffix("; it is asked again later")
    if one["breaker"] == Stand.STOPPED:
        return f"{said}; it is not asked until they change, or until `landed accounts resume {name}`"
    if one["breaker"] == Stand.OPEN:
        return f"{said}; it is asked again after {iso(one['ask_after'])}"
    return f"{said}; it is asked one thing next, to see whether it is well"


@accounts.command()
@_name
@click.option("--why", required=True, help="Why, for whoever wonders later.")
@_by
def pause(name: str, why: str, by: str) -> None:
    """Stop asking account NAME. Its messages wait; nothing of it is settled until its hard limit."""
    _change(name, by, lambda connection, known, who: standing.pause(connection, known, name, who, why))
    click.echo(f"{name} is paused; `landed accounts resume {name}` asks it again")


@accounts.command(short_help="Ask account NAME again after a pause or a refusal.")
@_name
@_by
def resume(name: str, by: str) -> None:
    """Ask account NAME again, also where it was held because the provider refused it."""
    _change(name, by, lambda connection, known, who: standing.resume(connection, known, name, who))
    click.echo(f"{name} is asked again")


@accounts.command()
@_name
@_by
@_json
def poll(name: str, by: str, *, as_json: bool) -> None:
    """Make everything open of account NAME due now; a worker asks it."""
    due = _change(name, by, lambda connection, known, who: standing.poll(connection, known, name, who))
    if as_json:
        show_json({"made_due": due})
    else:
        click.echo(f"made due: {count(due, 'message')} of {name}; a worker asks about them")


def _change(name: str, by: str, task: Callable[[Connection, dict[str, Configured], By], Awaitable[Any]]) -> Any:
    """Do something to an account; who did it is on record. Trouble if there is none of that name."""
    known = configured(session.accounts(session.settings()))

    async def change(pool: Pool) -> Any:
        async with pool.acquire() as connection:
            done = await task(connection, known, By(by, "cli", await clock(connection)))
            if done is None or done is False:
                raise no_account(name, {row["name"] for row in await kept.everyone(connection)} | set(known))
            return done

    return session.work(change)

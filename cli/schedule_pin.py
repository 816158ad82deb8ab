"""`schedule pin` and `unpin`: hold an adaptive schedule as it is, and let it follow again."""

import getpass

import click

from cli import session
from cli.found import no_account
from cli.output import Word, visible
from rules.adapting import words
from rules.statuses import Channel
from store import accounts, adapted
from store.connections import Pool, clock
from worker.accounts import Account

_name = click.argument("account")
_channel = click.option("--channel", type=Word(Channel), help="One channel only.")


@click.command()
@_name
@_channel
@click.option("--by", default=getpass.getuser, help="Who; else the name of the user.")
def pin(account: str, channel: Channel | None, by: str) -> None:
    """Keep the adaptive schedules of ACCOUNT as they are now, until `unpin`."""

    async def task(pool: Pool) -> list[Channel]:
        known, channels = _adaptive(account, channel)
        async with pool.acquire() as connection:
            numbers = await accounts.ensure(connection, {account: known.adapter.name})
            configured = {one: words(known.adaptive[one].configured) for one in channels}
            await adapted.pin(connection, numbers[account], configured, await clock(connection), by)
        return channels

    channels = session.work(task)
    click.echo(f"{_said(account, channels)}: pinned; `landed schedule unpin {account}` lets it follow again")


@click.command()
@_name
@_channel
def unpin(account: str, channel: Channel | None) -> None:
    """Let the adaptive schedules of ACCOUNT follow the recorded times again."""

    async def task(pool: Pool) -> list[Channel]:
        known, channels = _adaptive(account, channel)
        async with pool.acquire() as connection:
            numbers = await accounts.ensure(connection, {account: known.adapter.name})
            await adapted.unpin(connection, numbers[account], channels)
        return channels

    channels = session.work(task)
    click.echo(f"{_said(account, channels)}: follows the recorded times")


def _adaptive(name: str, channel: Channel | None) -> tuple[Account, list[Channel]]:
    """The account and its adaptive channels, or the one that was named; trouble where there is none."""
    known = session.accounts(session.settings())
    if name not in known:
        raise no_account(name, known)
    found = [one for one in known[name].adaptive if channel in {None, one}]
    if not found:
        place = name if channel is None else f"{name} {channel.word}"
        raise click.ClickException(
            f"the schedule of {place} is not adaptive, so it stays as it is anyway; adaptive = true would change that"
        )
    return known[name], found


def _said(account: str, channels: list[Channel]) -> str:
    return visible(f"{account} {', '.join(channel.word for channel in channels)}")

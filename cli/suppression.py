"""`suppression`: the addresses that are blocked, why, and what a person changes about that."""

import getpass
import sys
from typing import Any

import click

from cli import session
from cli.commands import Listing
from cli.output import Word, count, show_json, show_table
from cli.suppression_files import blocked, export, import_
from rules import cells
from rules.hashing import Hashing
from rules.recipients import normal
from rules.statuses import Channel
from store import blocking, hashing
from store.changes import By
from store.connections import Connection, Pool, clock

_channel = click.argument("channel", type=Word(Channel))
_recipient = click.argument("recipient")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_by = click.option("--by", default=getpass.getuser, help="Who; else the name of the user.")


@click.group(cls=Listing)
def suppression() -> None:
    """See, add, remove and check blocked addresses. Without a command it lists them."""


suppression.add_command(import_)
suppression.add_command(export)


@suppression.command("list")
@click.option("--channel", type=Word(Channel), help="Only those of one channel.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for a list of any length.")
@_json
def list_blocked(channel: Channel | None, limit: int | None, *, as_csv: bool, as_json: bool) -> None:
    """The blocked addresses and why they are."""

    async def task(pool: Pool) -> list[dict[str, Any]]:
        async with pool.acquire() as connection:
            found: list[dict[str, Any]] = []
            if as_csv:
                sys.stdout.write(cells.row(blocking.COLUMNS))
            async for row in blocked(connection, channel, limit):
                one = blocking.plain(row)
                if as_csv:
                    sys.stdout.write(cells.row([one[name] for name in blocking.COLUMNS]))
                else:
                    found.append(one)
            return found

    found = session.work(task)
    if as_json:
        show_json(found)
    elif not as_csv:
        rows = [[one[name] for name in blocking.COLUMNS] for one in found]
        show_table(
            [name.replace("_", " ") for name in blocking.COLUMNS], rows, empty="no address is blocked", sparse=True
        )


@suppression.command()
@_channel
@click.argument("recipients", nargs=-1, required=True)
@click.option("--why", default="", help="Why, for whoever wonders later.")
@_by
@_json
def add(channel: Channel, recipients: tuple[str, ...], why: str, by: str, *, as_json: bool) -> None:
    """Block RECIPIENTS on CHANNEL; `-` reads them from standard input, one a line."""
    lines = _standard_input() if recipients == ("-",) else recipients
    wanted = sorted({normal(line) for line in lines if line.strip()})
    if not wanted:
        raise click.UsageError("no address was given")

    async def task(pool: Pool) -> int:
        async with pool.acquire() as connection:
            hashes = await _hashing(connection)
            who = By(by, "cli", await clock(connection))
            return await blocking.block(connection, hashes, channel, wanted, why, who)

    done = session.work(task)
    if as_json:
        show_json({"channel": channel.word, "blocked": done})
    else:
        click.echo(f"blocked on {channel.word}: {count(done, 'address')}")


async def _hashing(connection: Connection) -> Hashing:
    """How recipients are kept. Without the right key nobody can tell whether an address is blocked."""
    return await hashing.agreed(connection, session.settings().hashing())


def _standard_input() -> list[str]:
    data = sys.stdin.buffer.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise click.UsageError(f"line {line} of standard input is not UTF-8; nothing was blocked") from error
    if "\0" in text:
        raise click.UsageError("standard input holds a NUL character; nothing was blocked")
    return text.splitlines()


@suppression.command()
@_channel
@_recipient
@click.option("--why", default="", help="Why, for whoever wonders later.")
@_by
def remove(channel: Channel, recipient: str, why: str, by: str) -> None:
    """Unblock RECIPIENT on CHANNEL. Only a message sent later can block it again."""

    async def task(pool: Pool) -> bool:
        async with pool.acquire() as connection:
            hashes = await _hashing(connection)
            who = By(by, "cli", await clock(connection))
            return await blocking.unblock(connection, hashes, channel, recipient, why, who)

    if not session.work(task):
        raise click.ClickException(
            f"nothing blocks that address on {channel.word}; `landed suppression list` shows all that are blocked"
        )
    click.echo(f"the address is unblocked on {channel.word}")


@suppression.command()
@_channel
@_recipient
@_json
def check(channel: Channel, recipient: str, *, as_json: bool) -> None:
    """Say whether RECIPIENT is blocked on CHANNEL, and everything that ever blocked or unblocked it."""

    async def task(pool: Pool) -> tuple[bool, list[dict[str, Any]]]:
        async with pool.acquire() as connection:
            hashes = await _hashing(connection)
            found = await blocking.check(connection, hashes, [(channel, recipient)])
            return found[0], await blocking.proofs(connection, hashes, channel, recipient)

    is_blocked, proofs = session.work(task)
    if as_json:
        show_json({"blocked": is_blocked, "proofs": proofs})
        return
    click.echo(("blocked" if is_blocked else "not blocked") + f" on {channel.word}")
    if proofs:
        click.echo("")
        columns = ("at", "what", "because", "account", "message", "by", "detail")
        show_table(columns, [[one[name] for name in columns] for one in proofs], sparse=True)

"""`suppression import` and `suppression export`: blocked addresses from a file and into one, however many there are."""

import getpass
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

import asyncpg
import click

from cli import session
from cli.output import Word, count, plain, show_json, visible
from rules import cells
from rules.columns import CHANNELS, LONGEST_NAME, shown
from rules.recipients import normal
from rules.rows import BadFile, Row, rows
from rules.statuses import Channel
from store import blocking, hashing, suppression
from store.changes import By
from store.connections import Connection, Pool, clock

#: Addresses read or blocked at once.
PAGE = 2000

#: Columns that may be imported: what `export` writes too, so that a list can move to another installation.
COLUMNS = ("channel", "recipient", "reason", *(one for one in blocking.COLUMNS if one not in {"channel", "recipient"}))

Addresses = dict[tuple[int, str], str]


@dataclass
class Imported:
    """What came of a file: `known` were blocked already, or are there twice."""

    blocked: int = 0
    known: int = 0
    bad: list[dict[str, object]] = field(default_factory=list)


@click.command("import")
@click.argument("file", type=click.File("rb", lazy=False))
@click.option("--format", "kind", type=click.Choice(["csv", "ndjson"]), help="What the file is; else its text tells.")
@click.option("--by", default=getpass.getuser, help="Who; else the name of the user.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
def import_(file: BinaryIO, kind: str | None, by: str, *, as_json: bool) -> None:
    """Block the addresses in FILE, CSV or NDJSON; `-` is standard input.

    Columns: channel, recipient, and reason, which may be left out. What `export` writes is read too. What is blocked
    already stays as it is. A bad row is named by its line and the others are blocked; the exit code is then 1.
    """
    done = Imported()
    name = "standard input" if file is sys.stdin.buffer else file.name
    try:
        session.work(lambda pool: _import(pool, file, kind, by, done))
    except BadFile as error:
        raise click.ClickException(f"{name}: {error}") from error
    if as_json:
        show_json({"blocked": done.blocked, "blocked_already": done.known, "bad": done.bad})
    else:
        already = f"; {done.known:,} blocked already" if done.known else ""
        bad = f"; {count(len(done.bad), 'row')} bad" if done.bad else ""
        click.echo(f"blocked: {count(done.blocked, 'address')}{already}{bad}")
    if done.bad:
        click.get_current_context().exit(1)


async def _import(pool: Pool, file: BinaryIO, kind: str | None, by: str, done: Imported) -> None:
    found = _addresses(rows(file, kind, COLUMNS), done)
    async with pool.acquire() as connection:
        hashes = await hashing.agreed(connection, session.settings().hashing())
        while batch := list(islice(found, PAGE)):
            # The first reason counts.
            addresses: Addresses = {}
            for address, why in batch:
                addresses.setdefault(address, why)
            who = By(by, "cli", await clock(connection))
            blocked = await blocking.block_all(connection, hashes, addresses, who)
            done.blocked += blocked
            done.known += len(batch) - blocked


def _addresses(found: Iterator[Row], done: Imported) -> Iterator[tuple[tuple[int, str], str]]:
    """The good rows; the bad ones are named on the way."""
    for row in found:
        channel, recipient = row.fields.get("channel", "").lower(), normal(cells.meant(row.fields.get("recipient", "")))
        if problem := row.problem or _problem(channel, recipient):
            done.bad.append({"line": row.line, "problem": problem})
            click.echo(f"line {row.line}: {visible(problem)}", err=True)
        else:
            why = row.fields.get("reason") or row.fields.get("because", "")
            yield (int(CHANNELS[channel]), recipient), cells.meant(why)


def _problem(channel: str, recipient: str) -> str:
    if not channel or not recipient:
        return f"{'recipient' if channel else 'channel'} is missing"
    if channel not in CHANNELS:
        return f"channel {shown(channel)} is unknown; there are {', '.join(CHANNELS)}"
    return f"recipient is longer than {LONGEST_NAME} characters" if len(recipient) > LONGEST_NAME else ""


@click.command()
@click.option("--channel", type=Word(Channel), help="Only those of one channel.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each, instead of CSV.")
def export(channel: Channel | None, *, as_json: bool) -> None:
    """Print all blocked addresses and why they are, as CSV that is safe in a spreadsheet and that `import` reads."""

    async def task(pool: Pool) -> None:
        async with pool.acquire() as connection:
            if not as_json:
                sys.stdout.write(cells.row(blocking.COLUMNS))
            async for row in blocked(connection, channel, None):
                one = blocking.plain(row)
                line = json.dumps(one, default=plain, ensure_ascii=False) + "\n"
                sys.stdout.write(line if as_json else cells.row([one[name] for name in blocking.COLUMNS]))

    session.work(task)


async def blocked(connection: Connection, channel: int | None, limit: int | None) -> AsyncIterator[asyncpg.Record]:
    """The blocked addresses, as `store.suppression.page` has them, read by key: at most so many."""
    after, left = ("", 0), limit
    while found := await suppression.page(connection, channel, after, PAGE if left is None else min(PAGE, left)):
        for row in found:
            yield row
        after = found[-1]["recipient"], found[-1]["channel"]
        left = None if left is None else left - len(found)
        if left == 0:
            return

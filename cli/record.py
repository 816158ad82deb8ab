"""`record`: messages from a CSV or NDJSON file into the inbox, in bulk and with little memory."""

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

import asyncpg
import click
from rich.progress import Progress

from cli import session
from cli.output import Word, count, guess, progress, show_json, visible
from rules.columns import stored
from rules.rows import BadFile, Row, rows
from rules.statuses import Channel
from store import inbox, recording
from store.connections import Connection, Pool
from store.recording import Values

#: Rows committed together; with `--strict` all are.
BATCH = 50_000

#: How long `--wait` waits before it asks whether there is a worker, and how often it looks, in seconds.
PATIENCE, PAUSE = 15.0, 0.2


@dataclass
class Tally:
    """What came of a file."""

    recorded: int = 0
    bad: list[dict[str, object]] = field(default_factory=list)
    #: How many rows name each account.
    accounts: dict[str, int] = field(default_factory=dict)


@click.command()
@click.argument("file", type=click.File("rb", lazy=False))
@click.option("--format", "kind", type=click.Choice(["csv", "ndjson"]), help="What the file is; else its text tells.")
@click.option("--account", metavar="NAME", help="The account of rows that name none.")
@click.option("--channel", type=Word(Channel), help="The channel of rows that name none.")
@click.option("--communication", metavar="NAME", help="The communication of rows that name none.")
@click.option("--strict", is_flag=True, help="Record nothing if one row is bad.")
@click.option("--wait", is_flag=True, help="Return when a worker has taken the rows in.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
def record(file: BinaryIO, kind: str | None, *, strict: bool, wait: bool, as_json: bool, **given: object) -> None:
    """Record the messages in FILE, which has the inbox's columns; `-` is standard input.

    Columns: account, channel, recipient, provider_id, part, reference, communication, status, reason, sent_at,
    scheduled_at, deadline_at, schedule, acknowledged_at, responded_at, response, opted_out_at. A row needs account,
    channel, and provider_id or reference. Times are ISO 8601 with a zone.

    A bad row is named by its line and the others are recorded; the exit code is then 1. Recording twice is harmless.
    """
    defaults = {name: str(getattr(value, "word", value)) for name, value in given.items() if value is not None}
    tally = Tally()
    started = time.monotonic()
    name = "standard input" if file is sys.stdin.buffer else file.name
    with progress(f"Recording {name}", _size(file)) as bar, _stopping_at_once():
        values = _values(file, kind, defaults, tally, bar)
        try:
            session.work(lambda pool: _copy(pool, values, tally, strict=strict, wait=wait), prepared=False)
        except BadFile as error:
            raise click.ClickException(f"{name}: {error}") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            if not tally.recorded:
                raise
            raise _interrupted(str(error) or type(error).__name__, tally) from error
        except KeyboardInterrupt as error:
            raise _interrupted("you stopped it", tally) from error
    _say(tally, time.monotonic() - started, strict=strict, as_json=as_json)
    if tally.bad:
        click.get_current_context().exit(1)


@contextmanager
def _stopping_at_once() -> Iterator[None]:
    """Let Ctrl-C end a read that waits for more rows; asyncio's own handler would wait for the read."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _size(file: BinaryIO) -> float | None:
    """How many bytes the file has, if that can be known."""
    if not file.seekable():
        return None
    size = file.seek(0, 2)
    file.seek(0)
    return size


def _values(
    file: BinaryIO, kind: str | None, defaults: dict[str, str], tally: Tally, bar: Progress
) -> Iterator[Values]:
    """The good rows as the inbox keeps them; the bad ones are named on the way."""
    for row in rows(_counted(file, bar), kind):
        problem = row.problem
        if not problem:
            try:
                values = stored({**defaults, **row.fields})
            except ValueError as error:
                problem = str(error)
            else:
                tally.accounts[str(values[0])] = tally.accounts.get(str(values[0]), 0) + 1
                yield values
        if problem:
            _name_bad(Row(row.line, problem=problem), tally)


def _counted(file: BinaryIO, bar: Progress) -> Iterator[bytes]:
    task = bar.task_ids[0]
    waiting = 0
    for line in file:
        waiting += len(line)
        if waiting > 1 << 16:
            bar.advance(task, waiting)
            waiting = 0
        yield line
    bar.advance(task, waiting)


def _name_bad(row: Row, tally: Tally) -> None:
    tally.bad.append({"line": row.line, "problem": row.problem})
    click.echo(f"line {row.line}: {visible(row.problem)}", err=True)


async def _copy(pool: Pool, values: Iterator[Values], tally: Tally, *, strict: bool, wait: bool) -> None:
    async with pool.acquire() as connection:
        if strict:
            await _copy_all_or_none(connection, values, tally)
        else:
            while batch := list(islice(values, BATCH)):
                await recording.copy(connection, batch)
                tally.recorded += len(batch)
        if wait:
            await _wait(connection)


class _NotAll(Exception):
    """A row was bad, so none is recorded."""


async def _copy_all_or_none(connection: Connection, values: Iterator[Values], tally: Tally) -> None:
    try:
        async with connection.transaction():
            copied = 0
            while batch := list(islice(values, BATCH)):
                if not tally.bad:
                    await recording.copy(connection, batch)
                    copied += len(batch)
            _only_all(tally)
            tally.recorded = copied
    except _NotAll:
        tally.recorded = 0


def _only_all(tally: Tally) -> None:
    if tally.bad:
        raise _NotAll


async def _wait(connection: Connection) -> None:
    """Return when every row that is in the inbox now has been taken in."""
    ends_at = time.monotonic() + PATIENCE
    last = await inbox.newest(connection)
    while await inbox.waits_up_to(connection, last):
        if time.monotonic() > ends_at:
            click.echo("still waiting for a worker to take the rows in: does `landed up` run?", err=True)
            ends_at = float("inf")
        await asyncio.sleep(PAUSE)


def _interrupted(why: str, tally: Tally) -> click.ClickException:
    done = count(tally.recorded, "row") if tally.recorded else "nothing"
    return click.ClickException(
        f"recording stopped early, {why}; {done} recorded. Record the whole file again: what is recorded twice counts"
        " once"
    )


def _say(tally: Tally, seconds: float, *, strict: bool, as_json: bool) -> None:
    configured = session.settings().accounts
    for account, many in sorted(tally.accounts.items()):
        # A machine that only records may have no accounts of its own.
        if configured and account not in configured:
            hint = guess(account, configured)
            click.echo(f"note: {count(many, 'row')} of account {account!r}, which is not configured{hint}", err=True)
    if as_json:
        show_json({"recorded": tally.recorded, "bad": tally.bad, "seconds": round(seconds, 3)})
        return
    bad = count(len(tally.bad), "bad row")
    if tally.bad and strict:
        click.echo(f"{bad}, so nothing was recorded (--strict)", err=True)
        return
    click.echo(f"{count(tally.recorded, 'row')} recorded in {seconds:.1f} s")
    if tally.bad:
        click.echo(f"{bad} not recorded: mend and record the file again, the others count once", err=True)

"""`watch`: how many messages of a communication stand how, kept up while one looks, in a vocabulary's words."""

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import click
from rich.bar import Bar
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli import session
from cli.found import communication
from cli.output import console, visible
from config.words import named
from rules.state import State
from rules.statuses import Reason
from rules.times import iso
from rules.vocabularies import ICONS, Vocabulary
from store.connections import Pool
from store.messages import Class
from store.reporting import Total, totals
from store.totals import Tally
from web.refresher import Refresher

#: How a label without a text is shown.
BLANK = "(blank)"

#: Characters of the bar that stands for everyone of a channel.
WIDTH = 30


@dataclass(frozen=True, slots=True)
class Stand:
    """How a communication stood at a moment. `open` are those of which better news is awaited."""

    name: str
    at: datetime
    messages: int
    open: int
    totals: list[Total]

    def plain(self) -> dict[str, object]:
        """The same as JSON."""
        lines = [{name: value for name, value in asdict(one).items() if name != "icon"} for one in self.totals]
        return {
            "communication": self.name,
            "at": iso(self.at),
            "messages": self.messages,
            "open": self.open,
            "totals": lines,
        }


@click.command()
@click.argument("name", metavar="COMMUNICATION")
@click.option("--vocabulary", metavar="NAME", help="Whose words: crisis, history, log, engage, or one of your own.")
@click.option("--until-settled", is_flag=True, help="End as soon as no message is open any more.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each change.")
def watch(name: str, vocabulary: str | None, *, until_settled: bool, as_json: bool) -> None:
    """How many messages of COMMUNICATION stand how, kept up until Ctrl-C.

    On a terminal the totals change where they are; else there is a line for each change. Ctrl-C is exit code 1 where
    the end was to be awaited.
    """
    words = named(session.settings(), vocabulary)
    try:
        session.work(lambda pool: _watch(pool, name, words, until_settled=until_settled, as_json=as_json))
    except KeyboardInterrupt:
        if until_settled:
            raise click.Abort from None


async def _watch(pool: Pool, name: str, words: Vocabulary, *, until_settled: bool, as_json: bool) -> None:
    async with pool.acquire() as connection:
        number = await communication(connection, name)
    refresher = Refresher(pool)
    following = asyncio.ensure_future(
        _follow(refresher, number, name, words, until_settled=until_settled, as_json=as_json)
    )
    # It ends only in a trouble that does not pass by itself.
    refreshing = asyncio.ensure_future(refresher.run())
    try:
        done, _ = await asyncio.wait({following, refreshing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        following.cancel()
        refreshing.cancel()
        await asyncio.gather(following, refreshing, return_exceptions=True)
    for task in done:
        task.result()


async def _follow(
    refresher: Refresher, number: int, name: str, words: Vocabulary, *, until_settled: bool, as_json: bool
) -> None:
    showing, show = _screen() if sys.stdout.isatty() and not as_json else (nullcontext(), _json if as_json else _line)
    with showing:
        async with aclosing(refresher.changes(number)) as tallies:
            async for tally in tallies:
                stand = _stand(name, words, tally)
                show(stand)
                if until_settled and not stand.open:
                    return


def _stand(name: str, words: Vocabulary, tally: Tally) -> Stand:
    counts = tally.counts()
    classes = [Class(way.channel, way.heard, Reason(way.reason), many) for way, many in counts.items()]
    still = sum(many for way, many in counts.items() if State(way.heard).status.is_open)
    return Stand(name, datetime.now(UTC), sum(counts.values()), still, totals(words, classes))


def _json(stand: Stand) -> None:
    click.echo(json.dumps(stand.plain(), ensure_ascii=False))


def _line(stand: Stand) -> None:
    channels: dict[str, list[str]] = {}
    for one in stand.totals:
        channels.setdefault(one.channel, []).append(f"{one.label or BLANK} {one.messages:,}")
    told = "; ".join(f"{channel}: {', '.join(labels)}" for channel, labels in channels.items())
    click.echo(f"{iso(stand.at)}  {_count(stand)}{f'; {told}' if told else ''}")


def _count(stand: Stand) -> str:
    return f"{stand.messages:,} message{'' if stand.messages == 1 else 's'}, {stand.open:,} open"


def _screen() -> tuple[AbstractContextManager[object], Callable[[Stand], None]]:
    live = Live(console=console(), auto_refresh=False)

    def show(stand: Stand) -> None:
        live.update(_table(stand), refresh=True)

    return live, show


def _table(stand: Stand) -> Group:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("channel", "result"):
        table.add_column(title, no_wrap=True)
    table.add_column("messages", justify="right", no_wrap=True)
    table.add_column("")
    everyone: dict[str, int] = {}
    for one in stand.totals:
        everyone[one.channel] = everyone.get(one.channel, 0) + one.messages
    for one in stand.totals:
        part = Bar(everyone[one.channel], 0, one.messages, width=WIDTH)
        table.add_row(one.channel, Text(f"{ICONS[one.icon]} {one.label or BLANK}"), f"{one.messages:,}", part)
    head = Text(f"{visible(stand.name)}: {_count(stand)}", style="bold")
    return Group(head, "", table, "", Text(f"as of {iso(stand.at)}; Ctrl-C ends", style="dim"))

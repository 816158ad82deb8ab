"""A report as a table, as CSV and as JSON. CSV and JSON are written as they are read, whatever their length."""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import click

from cli.output import count, plain, show_table, visible
from rules import cells
from rules.vocabularies import ICONS, Column
from store.reporting import COLUMNS, Line, Total, shown

Lines = AsyncIterator[Line]


@dataclass(frozen=True, slots=True)
class Head:
    """What a report is about, and how many stand how. `left` of them were archived or dropped, and are not listed."""

    name: str
    totals: Sequence[Total]
    left: int = 0

    @property
    def messages(self) -> int:
        """Everyone's."""
        return sum(total.messages for total in self.totals)

    @property
    def note(self) -> str:
        """What to know of those that are not listed; empty if everyone is."""
        if not self.left:
            return ""
        return f"{count(self.left, 'message')} of these left the database by age (keep_settled): counted, not listed"


async def as_table(head: Head, lines: Lines, columns: Sequence[Column], most: int | None) -> None:
    """Totals, and the first `most` recipients with the vocabulary's columns."""
    click.echo(f"{visible(head.name)}: {count(head.messages, 'message')}\n")
    counts = [(total.channel, _called(total), f"{total.messages:,}") for total in head.totals]
    show_table(("channel", "result", "messages"), counts)
    rows: list[Sequence[object]] = []
    async for line in lines:
        if most is not None and len(rows) >= most:
            break
        rows.append(_row(line, columns))
    if rows:
        click.echo("")
        show_table(("recipient", "channel", "result", "when", *(column.title for column in columns)), rows)
    listed = head.messages - head.left
    if len(rows) < listed and most != 0:
        click.echo(f"\n{len(rows):,} of {listed:,} shown; --all shows everyone, --format csv or json gives a file")
    if head.note:
        click.echo(f"\n{head.note}")


def _called(total: Total) -> str:
    return f"{ICONS[total.icon]} {total.label}" if total.label else "(blank)"


def _row(line: Line, columns: Sequence[Column]) -> Sequence[object]:
    fields = line.fields
    known = (fields["recipient"], fields["channel"], f"{line.label.symbol} {line.label.text}", fields["status_at"])
    return *known, *(shown(line, column.field) for column in columns)


async def as_csv(head: Head, lines: Lines, _columns: Sequence[Column], _most: int | None) -> None:
    """Everyone, a row each, after a row of names; safe to open in a spreadsheet."""
    if head.note:
        click.echo(head.note, err=True)
    sys.stdout.write(cells.row(COLUMNS))
    async for line in lines:
        sys.stdout.write(cells.row([line.fields[column] for column in COLUMNS]))


async def as_json(head: Head, lines: Lines, _columns: Sequence[Column], _most: int | None) -> None:
    """One object: communication, messages, how many of them are not in `rows`, totals, and everyone else in `rows`."""
    counts = [{"channel": t.channel, "label": t.label, "icon": t.icon, "messages": t.messages} for t in head.totals]
    about = {"communication": head.name, "messages": head.messages, "archived": head.left, "totals": counts}
    sys.stdout.write(json.dumps(about, ensure_ascii=False)[:-1] + ', "rows": [')
    separator = "\n"
    async for line in lines:
        row = {**line.fields, "icon": line.label.icon, "explanation": line.label.explanation}
        sys.stdout.write(separator + json.dumps(row, default=plain, ensure_ascii=False))
        separator = ",\n"
    sys.stdout.write("\n]}\n")


SHEETS: dict[str, Callable[[Head, Lines, Sequence[Column], int | None], Awaitable[None]]] = {
    "table": as_table,
    "csv": as_csv,
    "json": as_json,
}

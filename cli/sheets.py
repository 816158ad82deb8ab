"""A report as a table, as CSV and as JSON. CSV and JSON are written as they are read, whatever their length."""

import csv
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import click

from cli.cells import safe
from cli.output import count, plain, show_table, visible
from cli.reporting import COLUMNS, Line, Total, shown
from rules.vocabularies import ICONS, Column

Lines = AsyncIterator[Line]


async def as_table(
    name: str, totals: Sequence[Total], lines: Lines, columns: Sequence[Column], most: int | None
) -> None:
    """Totals, and the first `most` recipients with the vocabulary's columns."""
    everyone = sum(total.messages for total in totals)
    click.echo(f"{visible(name)}: {count(everyone, 'message')}\n")
    counts = [(total.channel, _called(total), f"{total.messages:,}") for total in totals]
    show_table(("channel", "result", "messages"), counts)
    rows: list[Sequence[object]] = []
    async for line in lines:
        if most is not None and len(rows) >= most:
            break
        rows.append(_row(line, columns))
    if rows:
        click.echo("")
        show_table(("recipient", "channel", "result", "when", *(column.title for column in columns)), rows)
    if len(rows) < everyone and most != 0:
        click.echo(f"\n{len(rows):,} of {everyone:,} shown; --all shows everyone, --format csv or json gives a file")


def _called(total: Total) -> str:
    return f"{ICONS[total.icon]} {total.label}" if total.label else "(blank)"


def _row(line: Line, columns: Sequence[Column]) -> Sequence[object]:
    fields = line.fields
    known = (fields["recipient"], fields["channel"], f"{line.label.symbol} {line.label.text}", fields["status_at"])
    return *known, *(shown(line, column.field) for column in columns)


async def as_csv(
    _name: str, _totals: Sequence[Total], lines: Lines, _columns: Sequence[Column], _most: int | None
) -> None:
    """Everyone, a row each, after a row of names; safe to open in a spreadsheet."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    async for line in lines:
        writer.writerow([safe(line.fields[column]) for column in COLUMNS])


async def as_json(
    name: str, totals: Sequence[Total], lines: Lines, _columns: Sequence[Column], _most: int | None
) -> None:
    """One object: communication, messages, totals, and everyone in `rows`."""
    counts = [{"channel": t.channel, "label": t.label, "icon": t.icon, "messages": t.messages} for t in totals]
    head = {"communication": name, "messages": sum(t.messages for t in totals), "totals": counts}
    sys.stdout.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "rows": [')
    separator = "\n"
    async for line in lines:
        row = {**line.fields, "icon": line.label.icon, "explanation": line.label.explanation}
        sys.stdout.write(separator + json.dumps(row, default=plain, ensure_ascii=False))
        separator = ",\n"
    sys.stdout.write("\n]}\n")


SHEETS: dict[str, Callable[[str, Sequence[Total], Lines, Sequence[Column], int | None], Awaitable[None]]] = {
    "table": as_table,
    "csv": as_csv,
    "json": as_json,
}

"""How commands show things: tables for people, JSON for programs, times with their zone."""

import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import IntEnum
from typing import Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from rules.times import iso

#: Characters of a line that does not go to a terminal, so that each row is one line.
WIDE = 10_000

#: What the last column of a table needs at least; it may go over several lines.
NARROWEST = 24

#: Between the columns of a table.
GAP = 2


def plain(value: object) -> Any:
    """`value` as JSON has it, for what JSON does not know."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)


def show_json(value: object) -> None:
    """Print `value` as JSON."""
    click.echo(json.dumps(value, default=plain, ensure_ascii=False, indent=2))


def console(*, err: bool = False) -> Console:
    """Where tables go; as wide as the terminal, or as wide as it needs."""
    stream = sys.stderr if err else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else WIDE, highlight=False, soft_wrap=False)


def show_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    empty: str | None = None,
    sparse: bool = False,
) -> None:
    """Print a table; where it does not fit, each row as a list. Cells are taken as they are: none of them is markup.

    `empty` is said instead if there is no row. With `sparse`, a column in which no row has anything is left out.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    if empty is not None and not cells:
        click.echo(empty)
        return
    if sparse:
        kept = [n for n in range(len(columns)) if any(row[n] for row in cells)]
        columns, cells = [columns[n] for n in kept], [[row[n] for n in kept] for row in cells]
    where = console()
    if _fits(columns, cells, where.width):
        _print(where, columns, cells)
    else:
        _list(columns, cells)


def _fits(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    widths = [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]
    return sum(widths[:-1]) + GAP * (len(widths) - 1) + min(widths[-1], NARROWEST) <= width


def _print(where: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for n, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=n < len(columns) - 1)
    for row in rows:
        table.add_row(*map(Text, row))
    if where.is_terminal:
        where.print(table)
        return
    with where.capture() as printed:
        where.print(table)
    click.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def _list(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Each row as lines of a name and a value, without those that are empty."""
    longest = max(map(cell_len, columns))
    for n, row in enumerate(rows):
        if n:
            click.echo("")
        show_fields((column.ljust(longest), cell) for column, cell in zip(columns, row, strict=True))


def show_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Names and values, a line each, without those that are empty."""
    for name, value in fields:
        if text := _cell(value):
            click.echo(f"  {name}  {text}")


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    return "" if value is None else visible(str(value))


def count(number: int, noun: str) -> str:
    """`1 row`, `2,000 rows`, `2 addresses`."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def visible(text: str) -> str:
    """`text` without characters that would move a terminal's cursor or hide what follows."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def progress(described: str, total: float | None, *, quiet: bool = False) -> AbstractContextManager[Progress]:
    """A progress bar on standard error, with its one task; silent where that is no terminal."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console(err=True),
        transient=True,
        disable=quiet or not sys.stderr.isatty(),
    )
    bar.add_task(described, total=total)
    return bar


def guess(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'sms'?` where a known word is near; else nothing."""
    near = get_close_matches(word, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


class Word(click.ParamType[IntEnum]):
    """One word of a closed set: a channel, a status."""

    def __init__(self, kind: type[IntEnum]) -> None:
        self._kind = kind
        self.name = kind.__name__.lower()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> IntEnum:
        """The member that the word names."""
        if isinstance(value, self._kind):
            return value
        words = {member.name.lower(): member for member in self._kind}
        if value.lower() not in words:
            hint = guess(value.lower(), words) or f"; use one of {', '.join(words)}"
            self.fail(f"unknown {self.name} {value!r}{hint}", param, ctx)
        return words[value.lower()]

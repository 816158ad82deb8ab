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
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

#: Columns of a table that does not go to a terminal, so that nothing is cut.
WIDE = 400


def iso(at: datetime | None) -> str:
    """A time as ISO 8601 in UTC, to the second; empty for none."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if at else ""


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


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Print a table. Cells are taken as they are: nothing in them is markup."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    console().print(table)


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return iso(value)
    return "" if value is None else visible(str(value))


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

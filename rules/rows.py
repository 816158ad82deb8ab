"""Rows of a CSV or NDJSON file, one at a time, each with its line. A line that cannot be read spoils no other."""

import csv
import json
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from rules.columns import NAMES, unknown_column

#: A quoted field may go over this many lines. A quote that is never closed spoils one line, and not the whole file.
MOST_LINES = 100

DELIMITERS = (",", ";", "\t")


class BadFile(Exception):
    """Nothing in the file can be used. The message says what to change."""


@dataclass(frozen=True, slots=True)
class Row:
    """The fields of a row by column, or what is wrong with it. `line` is where it begins, from 1."""

    line: int
    fields: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def rows(lines: Iterable[bytes], kind: str | None, columns: Collection[str] = NAMES) -> Iterator[Row]:
    """The rows of a file. `kind` is csv or ndjson; None looks at the first line. Raises BadFile."""
    numbered = _text(lines)
    first = next(numbered, None)
    if first is None:
        raise BadFile("it is empty")
    rest = _Lines(first, numbered)
    if (kind or _kind(first[1])) == "ndjson":
        return (row for number, text in rest for row in _object(number, text, columns))
    return _csv(rest, columns)


def _kind(first: str) -> str:
    return "ndjson" if first.lstrip().startswith("{") else "csv"


def _text(lines: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """Lines with their numbers. Bytes that are not UTF-8 are kept apart as surrogates, to be found later."""
    for number, line in enumerate(lines, 1):
        if number == 1:
            if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise BadFile("it is UTF-16; save it as UTF-8")
            line = line.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 - the mark belongs to no row
        yield number, line.decode("utf-8", "surrogateescape")


class _Lines:
    """Lines that can be put back."""

    def __init__(self, first: tuple[int, str], rest: Iterator[tuple[int, str]]) -> None:
        self._back = deque([first])
        self._rest = rest

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        return self._back.popleft() if self._back else next(self._rest)

    def put_back(self, lines: list[tuple[int, str]]) -> None:
        self._back.extendleft(reversed(lines))


def _csv(lines: _Lines, columns: Collection[str]) -> Iterator[Row]:
    delimiter, header = _header(lines, columns)
    for number, text in lines:
        if not text.strip():
            continue
        taken = [(number, text)]
        fields, problem = _fields(lines, taken, delimiter)
        if fields is not None and len(fields) != len(header):
            problem = f"it has {len(fields)} fields and the header {len(header)}"
        if problem:
            # Perhaps the quote was a mistake, and the lines that followed are rows of their own.
            lines.put_back(taken[1:])
            yield Row(number, problem=problem)
        else:
            yield _checked(number, dict(zip(header, fields or (), strict=True)))


def _fields(lines: _Lines, taken: list[tuple[int, str]], delimiter: str) -> tuple[list[str] | None, str]:
    """The fields of the row that begins with the line taken, taking more lines while a quote is open."""
    while True:
        try:
            return next(csv.reader(["".join(text for _, text in taken)], delimiter=delimiter, strict=True)), ""
        except csv.Error as error:
            if "unexpected end of data" not in str(error):
                return None, f"it is not CSV: {error}"
        more = next(lines, None)
        if more is not None:
            taken.append(more)
        if more is None or len(taken) > MOST_LINES:
            return None, "a quote in it is never closed"


def _header(lines: _Lines, columns: Collection[str]) -> tuple[str, list[str]]:
    """The delimiter and the columns. Raises BadFile."""
    text = next(lines)[1]
    read: list[tuple[str, list[str]]] = []
    for delimiter in DELIMITERS:
        names = next(csv.reader([text], delimiter=delimiter), [])
        read.append((delimiter, [name.strip().lower() for name in names]))
    delimiter, header = max(read, key=lambda pair: len(set(pair[1]) & set(columns)))
    if not set(header) & set(columns):
        raise BadFile(f"line 1 names none of the columns, which are {', '.join(columns)}; put their names there")
    problems = [unknown_column(name, columns) for name in header if name not in columns]
    problems += [f"column {name!r} is there twice" for name in sorted({n for n in header if header.count(n) > 1})]
    if problems:
        raise BadFile("line 1: " + "; ".join(problems))
    return delimiter, header


def of_json(number: int, line: bytes) -> Row | None:
    """The row of one line of NDJSON; None for an empty one."""
    if number == 1:
        line = line.removeprefix(b"\xef\xbb\xbf")
    return next(_object(number, line.decode("utf-8", "surrogateescape")), None)


def _object(number: int, text: str, columns: Collection[str] = NAMES) -> Iterator[Row]:
    if not text.strip():
        return
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        yield Row(number, problem="it is not JSON")
        return
    if not isinstance(found, dict):
        yield Row(number, problem="it is not a JSON object")
        return
    problems = [unknown_column(name, columns) for name in found if name not in columns]
    problems += [f"{name} must be text" for name, value in found.items() if not _is_text(value)]
    if problems:
        yield Row(number, problem="; ".join(problems))
    else:
        yield _checked(number, {name: str(value) for name, value in found.items() if value is not None})


def _is_text(value: object) -> bool:
    # A provider's id may be a number; true and false are none.
    return value is None or (isinstance(value, str | int) and not isinstance(value, bool))


def _checked(number: int, fields: dict[str, str]) -> Row:
    for name, value in fields.items():
        if bad := _unstorable(value):
            return Row(number, problem=f"{name} {bad}")
    return Row(number, {name: value.strip() for name, value in fields.items() if value.strip()})


def _unstorable(value: str) -> str:
    if "\0" in value:
        return "holds a NUL character, which Postgres cannot keep"
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return "is not UTF-8"
    return ""


Reads = Callable[[Iterable[bytes], str | None], Iterator[Row]]

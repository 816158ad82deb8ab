"""Everything that is filtered, as files of any length: written by Postgres with COPY, passed on as it comes.

Labels are a vocabulary's, so that each way to stand that occurs is given its label first; the rest is one query.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from enum import StrEnum
from typing import Literal, assert_never

import msgspec

from rules import cells
from rules.labels import Vocabulary, label
from rules.state import State
from rules.statuses import Channel, Reason
from store.connections import Connection
from store.listing import Filter, Order, Way, page, place, way_columns
from store.queries import Queries
from store.reporting import COLUMNS, ONCE, Line, line

QUERIES = Queries("exports")

#: Messages read at once where each goes through Python.
PAGE = 2000

#: Messages of a communication that are copied at once.
STRETCH = 20_000

#: Seconds that a reader may take for so many.
PATIENCE = 3600

#: Bytes that are handed on at once: what comes from Postgres is many small pieces.
PIECE = 128 * 1024

#: Pieces that wait for a slow reader; Postgres waits meanwhile.
WAITING = 4


#: How times are written, and how rows are read: by the index in which they lie as they are wanted. Sorted by several
#: workers it takes twice as long.
AS_WRITTEN = """
set local timezone to 'UTC'; set local datestyle to 'ISO';
set local enable_sort to off; set local enable_bitmapscan to off; set local max_parallel_workers_per_gather to 0
"""


class Form(StrEnum):
    """What kind of file."""

    CSV = "csv"
    NDJSON = "ndjson"
    #: What the sender calls each message, or else the provider; one a line.
    IDS = "txt"


def called(words: Vocabulary, way: Way) -> str:
    """The label of a way to stand."""
    return label(words, Channel(way.channel), standing(way)).text


def standing(way: Way) -> State:
    """A state that stands so, for whoever needs no times."""
    cause = (ONCE, Reason(way.reason), "") if way.reason else None
    return State(heard=way.heard, cause=cause)


async def export(
    connection: Connection,
    communication: int,
    wanted: Filter,
    words: Vocabulary,
    form: Form,
    *,
    shown: Callable[[Line], Line] | None = None,
) -> AsyncGenerator[bytes, None]:
    """The file in pieces. All of it is of one moment.

    `shown` is what may be seen of a line, for whoever may not see everything. Each line goes through Python then, which
    takes several times as long.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        if shown is not None:
            written = _written(connection, communication, wanted, words, form, shown)
        else:
            await connection.execute(AS_WRITTEN)
            written = _copied(connection, communication, wanted, words, form)
        async with aclosing(written):
            async for piece in written:
                yield piece


async def _copied(
    connection: Connection, communication: int, wanted: Filter, words: Vocabulary, form: Form
) -> AsyncGenerator[bytes, None]:
    """A stretch after the other, so that of what nobody wants any more only the rest of one is read."""
    labels: tuple[object, ...] = ()
    if form is Form.CSV:
        yield cells.row(COLUMNS).encode()
    if form is not Form.IDS:
        rows = await connection.fetch(QUERIES.ways, communication)
        ways = [Way(row["channel"], row["heard"], row["reason"]) for row in rows]
        ways.sort(key=lambda way: (way.channel, way.heard, way.reason))
        texts = [called(words, way) for way in ways]
        labels = (*way_columns(ways), [cells.safe(text) for text in texts] if form is Form.CSV else texts)
    query = {Form.CSV: QUERIES.csv, Form.NDJSON: QUERIES.ndjson, Form.IDS: QUERIES.ids}[form]
    after = -1
    while (until := await connection.fetchval(QUERIES.stretch, communication, after, STRETCH)) is not None:
        values = (communication, *wanted.columns(), after, until, *labels)
        async with aclosing(copied(connection, query, values, "csv" if form is Form.CSV else "text")) as pieces:
            async for piece in pieces:
                yield piece if form is Form.CSV else unescaped(piece)
        after = until


async def _written(
    connection: Connection,
    communication: int,
    wanted: Filter,
    words: Vocabulary,
    form: Form,
    shown: Callable[[Line], Line],
) -> AsyncGenerator[bytes, None]:
    if form is Form.CSV:
        yield cells.row(COLUMNS).encode()
    after = None
    while rows := await page(connection, communication, wanted, PAGE, after=after):
        lines = [(row["id"], shown(line(words, row)).fields) for row in rows]
        yield written(form, lines, COLUMNS)
        after = place(rows[-1], Order.RECORDING)


def written(form: Form, lines: Iterable[tuple[int, Mapping[str, object]]], columns: Sequence[str]) -> bytes:
    """Numbers and fields of messages as lines of a file."""
    match form:
        case Form.CSV:
            pieces = [cells.row([fields[name] for name in columns]).encode() for _, fields in lines]
        case Form.NDJSON:
            pieces = [msgspec.json.encode({"id": number, **fields}) + b"\n" for number, fields in lines]
        case Form.IDS:
            pieces = [_name(fields).encode() + b"\n" for _, fields in lines]
        case _:
            assert_never(form)
    return b"".join(pieces)


def _name(fields: Mapping[str, object]) -> str:
    return str(fields["reference"] or fields["provider_id"] or "")


def unescaped(piece: bytes) -> bytes:
    r"""A piece of COPY's text, in which only a backslash is written as two: JSON has no other special character raw.

    A name with a tab or a line break in it keeps COPY's spelling (`\t`, `\n`), so that a line stays a line.
    """
    return piece.replace(b"\\\\", b"\\")


async def copied(
    connection: Connection, query: str, values: tuple[object, ...], form: Literal["csv", "text"]
) -> AsyncGenerator[bytes, None]:
    """What COPY writes of a query, in pieces as they come."""
    pieces: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
    gathered = bytearray()
    left = False

    async def hand_on() -> None:
        # Copied, because what is gathered is used again.
        piece = bytes(gathered)
        gathered.clear()
        await pieces.put(piece)

    async def take(piece: bytes) -> None:
        if not left:
            gathered.extend(piece)
            if len(gathered) >= PIECE:
                await hand_on()

    async def copy() -> None:
        try:
            await connection.copy_from_query(query, *values, output=take, format=form, timeout=PATIENCE)
            if gathered and not left:
                await hand_on()
        finally:
            if not left:
                await pieces.put(b"")

    copying = asyncio.ensure_future(copy())
    try:
        while piece := await pieces.get():
            yield piece
        await copying
    finally:
        # Whoever leaves in the middle reads the rest away: a COPY that is cut off may leave a connection of no use.
        left = True
        while not pieces.empty():
            pieces.get_nowait()
        await asyncio.gather(copying, return_exceptions=True)

"""All messages over communications that are wanted, as files of any length: the twin of `exports` for one of them."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Literal

from rules import cells
from rules.labels import Vocabulary
from store import everywhere, exports, listing
from store.connections import Connection
from store.everywhere import Sought
from store.exports import AS_WRITTEN, QUERIES, Form, called, copied, unescaped, written
from store.listing import Way, way_columns
from store.reporting import COLUMNS, Line, line

#: Columns of the file: those of one communication, and which it is.
ALL_COLUMNS = (*COLUMNS, "communication")


async def export(
    connection: Connection,
    sought: Sought,
    words: Vocabulary,
    form: Form,
    *,
    shown: Callable[[Line], Line] | None = None,
) -> AsyncGenerator[bytes, None]:
    """The file in pieces, the newest message first. All of it is of one moment.

    `shown` is what may be seen of a line, for whoever may not see everything. Each line goes through Python then, and
    where a name is searched, because those are few.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        if form is Form.CSV:
            yield cells.row(ALL_COLUMNS).encode()
        if shown is not None or sought.search is not None:
            source = _written(connection, sought, words, form, shown or (lambda one: one))
        else:
            await connection.execute(AS_WRITTEN)
            source = _copied(connection, sought, words, form)
        async with aclosing(source):
            async for piece in source:
                yield piece


async def _written(
    connection: Connection, sought: Sought, words: Vocabulary, form: Form, shown: Callable[[Line], Line]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(everywhere.parts(connection, sought)) as parts:
        async for rows in parts:
            lines = [(row, shown(line(words, row)).fields) for row in rows]
            whole = [(row["id"], {**fields, "communication": row["communication"]}) for row, fields in lines]
            yield written(form, whole, ALL_COLUMNS)


async def _copied(connection: Connection, sought: Sought, words: Vocabulary, form: Form) -> AsyncGenerator[bytes, None]:
    """A stretch after the other. Those of ids that nobody has any more are passed over at the cost of a look."""
    query = {Form.CSV: QUERIES.csv_everywhere, Form.NDJSON: QUERIES.ndjson_everywhere, Form.IDS: QUERIES.ids_everywhere}
    first, before = await listing.ends(connection, sought.wanted.account, sought.span)
    among = (sought.wanted.account, sought.wanted.channel, sought.span.since, sought.span.until)
    while before > first:
        low = max(first, before - exports.STRETCH)
        there = await listing.ways_between(connection, sought.wanted.account, low, before)
        ways = sorted(there if sought.chosen is None else sought.chosen(there), key=_order)
        if ways:
            texts = [called(words, way) for way in ways]
            labels = [cells.safe(text) for text in texts] if form is Form.CSV else texts
            values = (*among, low, before, *way_columns(ways), *(() if form is Form.IDS else (labels,)))
            written_as: Literal["csv", "text"] = "csv" if form is Form.CSV else "text"
            async with aclosing(copied(connection, query[form], values, written_as)) as pieces:
                async for piece in pieces:
                    yield piece if form is Form.CSV else unescaped(piece)
        before = low


def _order(way: Way) -> tuple[int, int, int]:
    return way.channel, way.heard, way.reason

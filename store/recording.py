"""Rows into the inbox, in bulk, with COPY: the fastest way, and the one that any sending service may use."""

from collections.abc import Iterable

from rules.columns import NAMES
from store.connections import Connection

#: A row of the inbox, in the order of `rules.columns.NAMES`.
Values = tuple[object, ...]


async def copy(connection: Connection, rows: Iterable[Values]) -> None:
    """Put rows into the inbox; a worker takes them in."""
    await connection.copy_records_to_table("inbox", schema_name="landed", columns=NAMES, records=rows)

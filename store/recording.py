"""Rows into the inbox, in bulk, with COPY: the fastest way, and the one that any sending service may use."""

from collections.abc import Iterable, Iterator, Mapping
from tempfile import SpooledTemporaryFile

import msgspec

from rules.columns import NAMES
from store.connections import Connection

#: A row of the inbox, in the order of `rules.columns.NAMES`.
Values = tuple[object, ...]

#: Bytes of rows that are kept in memory; more go to a file that has no name.
IN_MEMORY = 1 << 20


async def copy(connection: Connection, rows: Iterable[Values]) -> None:
    """Put rows into the inbox; a worker takes them in."""
    await connection.copy_records_to_table("inbox", schema_name="landed", columns=NAMES, records=rows)


def values(fields: Mapping[str, object]) -> Values:
    """A row from some of its columns."""
    return tuple(fields.get(name) for name in NAMES)


class Spool:
    """Rows that wait until the last of them has come. `size` is in bytes."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - `close` ends it
        self.size = 0
        self.rows = 0

    def put(self, batch: list[Values]) -> None:
        """Keep some more."""
        packed = msgspec.msgpack.encode(batch)
        self._file.write(len(packed).to_bytes(8))
        self._file.write(packed)
        self.size += len(packed)
        self.rows += len(batch)

    def batches(self) -> Iterator[list[Values]]:
        """All of them, as they were put in."""
        self._file.seek(0)
        while head := self._file.read(8):
            yield [tuple(row) for row in msgspec.msgpack.decode(self._file.read(int.from_bytes(head)))]

    def close(self) -> None:
        """Forget them."""
        self._file.close()

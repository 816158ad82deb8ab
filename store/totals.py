"""How many messages of a communication stand in each way, kept up from events.

Ids are cut into blocks. A communication is counted once, block by block; after that only blocks in which something
happened are counted again. The blocks also tell on which page a message is, so that any page is found by key.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from store.connections import Connection
from store.events import Position
from store.listing import Way
from store.queries import Queries

QUERIES = Queries("totals")

#: A block has 2 ** BITS ids: few enough to count in some milliseconds, many enough that a million messages are some
#: hundred blocks.
BITS = 12

#: Events read at once.
EVENTS = 50_000

Counts = Mapping[Way, int]


@dataclass(slots=True)
class Tally:
    """One communication as it was counted. `left` are those that are not here any more."""

    communication: int
    blocks: dict[int, Counts] = field(default_factory=dict)
    left: Counter[Way] = field(default_factory=Counter)
    #: Where the history stood before it was counted.
    at: Position = field(default_factory=Position)

    def counts(self) -> Counter[Way]:
        """How many stand in each way, those that have left too."""
        total = Counter(self.left)
        for block in self.blocks.values():
            total.update(block)
        return total

    def listed(self, wanted: Iterable[Way] | None = None) -> int:
        """How many are here, of those that stand in one of the ways that are wanted."""
        ways = None if wanted is None else set(wanted)
        return sum(self._in(block, ways) for block in self.blocks)

    def seek(self, number: int, wanted: Iterable[Way] | None = None) -> tuple[int, int]:
        """Where the message `number` (from 0) is, of those wanted, in the order of recording.

        An id after which it comes, and how many of those wanted come between.
        """
        ways = None if wanted is None else set(wanted)
        for block in sorted(self.blocks):
            inside = self._in(block, ways)
            if number < inside:
                return (block << BITS) - 1, number
            number -= inside
        return (max(self.blocks, default=-1) + 1 << BITS) - 1, number

    def _in(self, block: int, ways: set[Way] | None) -> int:
        return sum(many for way, many in self.blocks[block].items() if ways is None or way in ways)


async def place(connection: Connection) -> Position:
    """A place in the history before which everything is committed."""
    xact = await connection.fetchval(QUERIES.now)
    # Just before the first event of that transaction, which may still be open.
    return Position(str(int(xact) - 1), (1 << 63) - 1)


async def count(connection: Connection, communication: int) -> Tally:
    """Count a communication."""
    at = await place(connection)
    tally = Tally(communication, at=at)
    row = await connection.fetchrow(QUERIES.stretch, communication)
    if row is not None and row["first"] is not None:
        await _count(connection, tally, row["first"] >> BITS, (row["last"] >> BITS) + 1)
    await _count_left(connection, tally)
    return tally


async def count_again(connection: Connection, tally: Tally, touched: Iterable[int]) -> bool:
    """Count those of the blocks `touched` again that the communication has, and what was recorded since.

    Whether anything is different.
    """
    before = tally.counts()
    row = await connection.fetchrow(QUERIES.stretch, tally.communication)
    if row is None or row["first"] is None:
        tally.blocks.clear()
    else:
        first, last = row["first"] >> BITS, row["last"] >> BITS
        known = max(tally.blocks, default=first)
        for gone in [block for block in tally.blocks if block < first]:
            del tally.blocks[gone]
        if last >= known:
            await _count(connection, tally, known, last + 1)
        for block in sorted(set(touched) & set(tally.blocks)):
            await _count(connection, tally, block, block + 1)
    await _count_left(connection, tally)
    return tally.counts() != before


async def _count(connection: Connection, tally: Tally, first: int, end: int) -> None:
    rows = await connection.fetch(QUERIES.blocks, tally.communication, first << BITS, end << BITS, BITS)
    found: dict[int, dict[Way, int]] = {}
    for row in rows:
        way = Way(row["channel"], row["heard"], row["reason"])
        found.setdefault(row["block"], {})[way] = row["messages"]
    for gone in [block for block in tally.blocks if first <= block < end and block not in found]:
        del tally.blocks[gone]
    tally.blocks.update(found)


async def _count_left(connection: Connection, tally: Tally) -> None:
    rows = await connection.fetch(QUERIES.left, tally.communication)
    tally.left = Counter({Way(row["channel"], row["heard"], row["reason"]): row["messages"] for row in rows})


async def touched(connection: Connection, after: Position, limit: int = EVENTS) -> tuple[set[int], Position, bool]:
    """The blocks in which something happened after a place, the place after that, and whether there is more."""
    row = await connection.fetchrow(QUERIES.touched, after.xact, after.position, limit, BITS)
    if row is None or not row["events"]:
        return set(), after, False
    return set(row["blocks"]), Position(row["xact"], row["position"]), row["events"] == limit

"""A page of a communication: after a place, before one, or of a number; always found by key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

import asyncpg
from pydantic import BaseModel, Field

from store import listing
from store.connections import Connection
from store.listing import Cursor, Filter, Order, Way
from store.totals import Tally
from web.problem import Problem

#: Messages of a page.
SIZE = 100


class Where(BaseModel):
    """Which page: its number, or the place after which or before which it is."""

    after: str = Field("", max_length=100)
    before: str = Field("", max_length=100)
    page: int = Field(0, ge=0)


@dataclass(frozen=True, slots=True)
class Sought:
    """A communication, as it is filtered and sorted."""

    number: int
    wanted: Filter
    tally: Tally
    order: Order
    down: bool

    @property
    def ways(self) -> list[Way]:
        """The ways to stand that are wanted."""
        return [way for way in self.tally.counts() if self._matches(way)]

    def _matches(self, way: Way) -> bool:
        wanted = self.wanted
        return (wanted.channel is None or way.channel == wanted.channel) and (wanted.ways is None or way in wanted.ways)

    @property
    def matching(self) -> int | None:
        """How many match, where the totals tell."""
        return self.tally.listed(self.ways) if self.wanted.account is None and not self.wanted.text else None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of rows, and the way to the others. `matching` is how many there are, where that is known."""

    rows: Sequence[asyncpg.Record]
    after: str | None
    before: str | None
    matching: int | None
    page: int | None

    @property
    def pages(self) -> int | None:
        """How many pages there are, where that is known."""
        return _pages(self.matching)


def _pages(matching: int | None) -> int | None:
    return None if matching is None else max(1, -(-matching // SIZE))


async def find(store: Connection, sought: Sought, where: Where) -> Found:
    """The page. Raises Problem for a place that there is not."""
    start, back = None, False
    if where.page and sought.matching is not None and sought.order is Order.RECORDING:
        start = await _start(store, sought, where.page)
    elif where.after or where.before:
        start, back = await _place(store, sought, where.after or where.before), not where.after
    down = sought.down != back
    rows = await listing.page(store, sought.number, sought.wanted, SIZE + 1, order=sought.order, down=down, after=start)
    more, rows = len(rows) > SIZE, rows[:SIZE]
    if back:
        rows.reverse()
    is_first = not more if back else start is None
    return Found(
        rows,
        _written(rows[-1], sought.order) if rows and (back or more) else None,
        _written(rows[0], sought.order) if rows and not is_first else None,
        sought.matching,
        1 if is_first else min(where.page, _pages(sought.matching) or 1) or None,
    )


async def _start(store: Connection, sought: Sought, page: int) -> Cursor | None:
    """The place after which a page begins; None for the first."""
    matching = sought.matching or 0
    first = min((page - 1) * SIZE, matching)
    if first <= 0:
        return None
    # The message before the page, by its number from the oldest.
    number = matching - first if sought.down else first - 1
    after, between = sought.tally.seek(number, sought.ways)
    found = await listing.id_at(store, sought.number, sought.wanted, after, between)
    return None if found is None else Cursor(found)


def _written(row: asyncpg.Record, order: Order) -> str:
    """A place as it stands in an address: never with a recipient in it."""
    return f"{row['id']}.{row['status_at'].isoformat()}" if order is Order.TIME else str(row["id"])


async def _place(store: Connection, sought: Sought, written: str) -> Cursor:
    number, _, at = written.partition(".")
    try:
        message = _id(number)
        match sought.order:
            case Order.RECORDING:
                return Cursor(message)
            case Order.TIME:
                return Cursor(message, datetime.fromisoformat(at).astimezone(UTC))
            case Order.RECIPIENT:
                recipient = await listing.recipient_of(store, sought.number, message)
                if recipient is not None:
                    return Cursor(message, recipient)
            case _:
                assert_never(sought.order)
    except (ValueError, OverflowError, asyncpg.DataError):
        pass
    raise Problem(404, "there is no such page any more; begin at the first one")


def _id(written: str) -> int:
    number = int(written)
    if not 0 <= number <= listing.LAST:
        raise OverflowError
    return number

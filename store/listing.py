"""Messages in pages, by key: filtered, sorted and searched, and no page costs more than the first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import asyncpg

from rules.statuses import Channel
from store.connections import Connection
from store.queries import Queries

QUERIES = Queries("listing")

#: More than any id.
LAST = (1 << 63) - 1

#: More than any number of a communication.
LAST_COMMUNICATION = (1 << 31) - 1

#: Ids rise with the time of recording, but for the time that a batch takes to be committed.
DISORDER = timedelta(minutes=10)

#: Ids over which ways to stand are gathered at once when all messages are filtered by them.
STRETCH = 100_000


@dataclass(frozen=True, slots=True)
class Way:
    """One of the ways in which a message can stand, as far as a vocabulary tells them apart."""

    channel: int
    heard: int
    reason: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages are wanted; None is any. `text` is a part of a recipient, a reference or a provider id.

    Unless `recipients` is false, for whoever may not see them: then recipients are not searched, and `text` is a whole
    reference or id, because with parts of a name one could guess an address in it letter by letter.
    """

    account: int | None = None
    channel: Channel | None = None
    ways: frozenset[Way] | None = None
    text: str = ""
    recipients: bool = True

    def columns(self) -> tuple[object, ...]:
        """As the queries take it, from account on."""
        return (
            self.account,
            self.channel,
            *way_columns(self.ways),
            self._pattern(),
            self.recipients,
        )

    def _pattern(self) -> str | None:
        part = "%" if self.recipients else ""
        return f"{part}{escaped(self.text)}{part}" if self.text else None


class Order(StrEnum):
    """What a communication is sorted by; the id decides between equals."""

    RECORDING = "recording"
    RECIPIENT = "recipient"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two messages: the id of one, and its value in the order if that is another than recording."""

    id: int
    value: str | datetime | None = None


#: Before the first one and after the last one, in each order. No recipient is as long as that.
_ENDS: dict[Order, tuple[Any, Any]] = {
    Order.RECORDING: (None, None),
    Order.RECIPIENT: ("", chr(0x10FFFF)),
    Order.TIME: (
        datetime.fromisoformat("0001-01-01T00:00:00+00:00"),
        datetime.fromisoformat("9999-12-30T00:00:00+00:00"),
    ),
}


def way_columns(ways: Iterable[Way] | None) -> tuple[list[int] | None, list[int] | None, list[int] | None]:
    """Ways as three arrays, or as three nulls."""
    if ways is None:
        return None, None, None
    known = sorted(ways, key=lambda way: (way.channel, way.heard, way.reason))
    return [way.channel for way in known], [way.heard for way in known], [way.reason for way in known]


def escaped(text: str) -> str:
    """`text` in a pattern, meaning only itself."""
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


async def page(
    connection: Connection,
    communication: int,
    wanted: Filter,
    limit: int,
    *,
    order: Order = Order.RECORDING,
    down: bool = False,
    after: Cursor | None = None,
) -> list[asyncpg.Record]:
    """Up to `limit` messages of a communication after a place, in an order or, if `down`, in its reverse.

    The page before a place is that after it the other way round. Rows have the columns of a message, with the names of
    its account and its communication, and their numbers as account_number and communication_number.
    """
    start = after or Cursor(LAST if down else -1, _ENDS[order][down])
    query = {
        (Order.RECORDING, False): QUERIES.by_recording,
        (Order.RECORDING, True): QUERIES.by_recording_down,
        (Order.RECIPIENT, False): QUERIES.by_recipient,
        (Order.RECIPIENT, True): QUERIES.by_recipient_down,
        (Order.TIME, False): QUERIES.by_time,
        (Order.TIME, True): QUERIES.by_time_down,
    }[order, down]
    values = () if order is Order.RECORDING else (start.value,)
    return await connection.fetch(query, communication, *wanted.columns(), start.id, limit, *values)


def place(row: asyncpg.Record, order: Order) -> Cursor:
    """The place of a row."""
    value = {Order.RECORDING: None, Order.RECIPIENT: row["recipient"], Order.TIME: row["status_at"]}[order]
    return Cursor(row["id"], value)


async def communications(connection: Connection, limit: int, before: int = LAST_COMMUNICATION) -> list[asyncpg.Record]:
    """Numbers and names of communications, the newest first."""
    return await connection.fetch(QUERIES.communications, before, limit)


async def accounts(connection: Connection) -> dict[str, int]:
    """The numbers of all accounts by name."""
    return {row["name"]: row["id"] for row in await connection.fetch(QUERIES.accounts)}


async def name_of(connection: Connection, communication: int) -> str | None:
    """The name of a communication; None if there is none of that number."""
    name: str | None = await connection.fetchval(QUERIES.name_of, communication)
    return name


async def recipient_of(connection: Connection, communication: int, message: int) -> str | None:
    """Whom a message of a communication is for; None if it is not one of them."""
    recipient: str | None = await connection.fetchval(QUERIES.recipient_of, communication, message)
    return recipient


async def id_at(connection: Connection, communication: int, wanted: Filter, after: int, between: int) -> int | None:
    """The id of the wanted message that comes after an id with so many others between, in the order of recording."""
    columns = wanted.columns()
    number: int | None = await connection.fetchval(QUERIES.id_at, communication, *columns, after, between)
    return number


@dataclass(frozen=True, slots=True)
class Span:
    """When messages were recorded: from `since` on and before `until`; None is any time."""

    since: datetime | None = None
    until: datetime | None = None


async def ends(connection: Connection, account: int | None, span: Span) -> tuple[int, int]:
    """Between which ids the messages of a time lie: from the first on and before the second."""
    row = await connection.fetchrow(QUERIES.ends, account)
    if row is None or row["first"] is None:
        return 0, 0
    first, last = row["first"], row["last"] + 1
    if span.since is None and span.until is None:
        return first, last
    numbers = [account] if account is not None else list((await accounts(connection)).values())
    if span.since is not None:
        found = [await connection.fetchval(QUERIES.recorded_by, one, span.since - DISORDER) for one in numbers]
        first = max(first, min(found, default=0))
    if span.until is not None:
        found = [await connection.fetchval(QUERIES.recorded_by, one, span.until + DISORDER) for one in numbers]
        last = min(last, max(found, default=0))
    return first, last


async def everywhere(
    connection: Connection, wanted: Filter, span: Span, limit: int, *, first: int, before: int
) -> list[asyncpg.Record]:
    """Up to `limit` messages over all communications, the newest first, of those with ids in a stretch."""
    among = (wanted.account, wanted.channel, *way_columns(wanted.ways), span.since, span.until)
    return await connection.fetch(QUERIES.newest, *among, first, before, limit)


async def everywhere_up(
    connection: Connection, wanted: Filter, span: Span, limit: int, *, after: int, last: int
) -> list[asyncpg.Record]:
    """The same, the oldest first: what is before a page."""
    among = (wanted.account, wanted.channel, *way_columns(wanted.ways), span.since, span.until)
    return await connection.fetch(QUERIES.oldest, *among, after, last, limit)


async def ways_between(connection: Connection, account: int | None, first: int, before: int) -> set[Way]:
    """In which ways the messages of a stretch of ids stand."""
    rows = await connection.fetch(QUERIES.ways_between, account, first, before)
    return {Way(row["channel"], row["heard"], row["reason"]) for row in rows}


async def recorded_at(connection: Connection, account: int | None, number: int) -> datetime | None:
    """When the first message from an id on was recorded; None if there is none."""
    at: datetime | None = await connection.fetchval(QUERIES.recorded_at, account, number)
    return at


async def to_recipient(
    connection: Connection, recipient: str, hashed: str | None, channel: Channel | None, limit: int, before: int = LAST
) -> list[asyncpg.Record]:
    """Everything ever sent to one recipient, or to its hash, the newest first."""
    return await connection.fetch(QUERIES.to_recipient, recipient, hashed, channel, before, limit)


async def named(
    connection: Connection, name: str, recipient: str | None, hashed: str | None, limit: int, before: int = LAST
) -> Sequence[asyncpg.Record]:
    """Messages whose number, reference, provider id or recipient it is, the newest first."""
    return await connection.fetch(QUERIES.named, name, recipient, hashed, before, limit)

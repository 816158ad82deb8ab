"""All messages over communications, the newest first: filtered by what they are called, or searched by their names.

No index may hold what reports change. So a filter by label goes over stretches of ids, gathers the ways in which their
messages stand, and looks for those that are called so. It stops when a page is full, or after a time, with a place to
go on from.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from dataclasses import dataclass, replace

import asyncpg

from rules.hashing import Hashing, is_hash
from rules.recipients import normal
from store import listing
from store.connections import Connection
from store.listing import LAST, Filter, Span, Way

#: Which of the ways in which messages stand are wanted.
Chosen = Callable[[Collection[Way]], frozenset[Way]]

#: Ids over which ways to stand are gathered at once.
STRETCH = listing.STRETCH

#: Seconds after which a page is given as it is.
PATIENCE = 2.0

#: Messages read at once where a name is searched, or where each goes through Python.
AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Search:
    """Names to look for, all of one message: what was typed, and the spellings it has if it is a recipient.

    Without `recipient`, recipients are not searched.
    """

    name: str
    recipient: str | None = None
    hashed: str | None = None

    @classmethod
    def of(cls, text: str, hashing: Hashing | None) -> "Search":
        """A search for what somebody typed; `hashing` is None for whoever may not see recipients."""
        if hashing is None:
            return cls(text)
        spelled = normal(text)
        hashed = None if hashing.key is None or is_hash(spelled) else hashing.hash(spelled)
        return cls(text, spelled, hashed)


@dataclass(frozen=True, slots=True)
class Sought:
    """Which messages are wanted: account and channel of `wanted`, when they were recorded, how they stand, a name."""

    wanted: Filter
    span: Span = listing.Span()  # noqa: RUF009 - it is frozen
    chosen: Chosen | None = None
    search: Search | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Some messages, the newest first. `on` is the id from which to go on, None at the end."""

    rows: list[asyncpg.Record]
    on: int | None


async def older(connection: Connection, sought: Sought, limit: int, before: int = LAST) -> Part:
    """Up to `limit` messages before an id; `on` is an id before which to go on."""
    if sought.search is not None:
        return await _searched(connection, sought, sought.search, limit, before)
    first, end = await listing.ends(connection, sought.wanted.account, sought.span)
    before = min(before, end)
    found: list[asyncpg.Record] = []
    until = _now() + PATIENCE
    while before > first and len(found) <= limit:
        low = first if sought.chosen is None else max(first, before - STRETCH)
        wanted = await _wanted(connection, sought, low, before)
        if wanted is not None:
            found += await listing.everywhere(
                connection, wanted, sought.span, limit + 1 - len(found), first=low, before=before
            )
        if len(found) <= limit:
            before = low
            if _now() >= until:
                return Part(found, before if before > first else None)
    return Part(found[:limit], found[limit - 1]["id"] if len(found) > limit else None)


async def newer(connection: Connection, sought: Sought, limit: int, after: int) -> Part:
    """Up to `limit` messages after an id, those nearest to it; `on` is an id after which to go on."""
    first, end = await listing.ends(connection, sought.wanted.account, sought.span)
    after = max(after, first - 1)
    found: list[asyncpg.Record] = []
    until = _now() + PATIENCE
    while after < end - 1 and len(found) <= limit:
        high = end - 1 if sought.chosen is None else min(end - 1, after + STRETCH)
        wanted = await _wanted(connection, sought, after + 1, high + 1)
        if wanted is not None:
            found += await listing.everywhere_up(
                connection, wanted, sought.span, limit + 1 - len(found), after=after, last=high
            )
        if len(found) <= limit:
            after = high
            if _now() >= until:
                return Part(found[::-1], after if after < end - 1 else None)
    on = found[limit - 1]["id"] if len(found) > limit else None
    return Part(found[:limit][::-1], on)


async def parts(connection: Connection, sought: Sought) -> AsyncGenerator[list[asyncpg.Record], None]:
    """All of them, some at a time."""
    on: int | None = LAST
    while on is not None:
        part = await older(connection, sought, AT_ONCE, on)
        if part.rows:
            yield part.rows
        on = part.on


async def _wanted(connection: Connection, sought: Sought, first: int, before: int) -> Filter | None:
    """The filter for a stretch of ids; None if nothing there is wanted."""
    if sought.chosen is None:
        return sought.wanted
    ways = sought.chosen(await listing.ways_between(connection, sought.wanted.account, first, before))
    return replace(sought.wanted, ways=ways) if ways else None


async def _searched(connection: Connection, sought: Sought, search: Search, limit: int, before: int) -> Part:
    found: list[asyncpg.Record] = []
    until = _now() + PATIENCE
    while True:
        rows = await listing.named(connection, search.name, search.recipient, search.hashed, AT_ONCE, before)
        chosen = None if sought.chosen is None else sought.chosen({_way(row) for row in rows})
        found += [row for row in rows if _is_wanted(row, sought, chosen)]
        if len(found) > limit:
            return Part(found[:limit], found[limit - 1]["id"])
        if len(rows) < AT_ONCE:
            return Part(found, None)
        before = rows[-1]["id"]
        if _now() >= until:
            return Part(found, before)


def _is_wanted(row: asyncpg.Record, sought: Sought, chosen: frozenset[Way] | None) -> bool:
    wanted, span = sought.wanted, sought.span
    return (
        wanted.account in {None, row["account_number"]}
        and wanted.channel in {None, row["channel"]}
        and (span.since is None or row["recorded_at"] >= span.since)
        and (span.until is None or row["recorded_at"] < span.until)
        and (chosen is None or _way(row) in chosen)
    )


def _way(row: asyncpg.Record) -> Way:
    return Way(row["channel"], row["heard"], row["reason"])


def _now() -> float:
    return asyncio.get_running_loop().time()

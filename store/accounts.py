"""Accounts: who may ask them, where their streams stand, how they are.

What a poll writes carries the term of its lease. A worker that was stopped and continued after another one took over
changes nothing: `Stale` is raised where it tries.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from rules.forecast import Backlog
from store import watches
from store.connections import Connection
from store.queries import Queries
from store.watches import BEGINNING

QUERIES = Queries("accounts")


class Stale(Exception):
    """Another worker has taken the account over. Stop at once; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to ask an account until a time, and how the account stood when it was taken."""

    account: int
    name: str
    term: int
    until: datetime
    position: str | None
    read_until: datetime | None
    next_read_at: datetime | None
    failures: int
    trouble: str | None
    #: After a recovery: how many requests the next round may have; None: as many as usual.
    easing: int | None = None
    #: Since when the quota does not suffice; None while it does.
    short_since: datetime | None = None
    #: 0: the account's own; others are for lookups only.
    slice: int = 0


@dataclass(frozen=True, slots=True)
class Askable:
    """What a tick needs to know of a configured account."""

    name: str
    settings: str
    streams: bool


async def ensure(connection: Connection, adapters: dict[str, str]) -> dict[str, int]:
    """Make sure that every configured account has a row; returns the numbers of all accounts by name.

    `adapters` maps account names to adapter names.
    """
    await connection.execute(QUERIES.ensure, list(adapters), list(adapters.values()))
    return {row["name"]: row["id"] for row in await everyone(connection)}


async def everyone(connection: Connection) -> list[asyncpg.Record]:
    """The rows of all accounts, by name."""
    return await connection.fetch(QUERIES.all)


async def named(connection: Connection, name: str) -> asyncpg.Record | None:
    """The row of one account."""
    return await connection.fetchrow(QUERIES.named, name)


class Floors:
    """Low-water marks of accounts: where the live part of an index begins for each, as `watches.Mark` has it for one.

    Ticks and sweeps read the first row of each account every few seconds. While some transaction holds an old snapshot,
    the dead entries before it cannot be cleared. Now and then they are all read, at the latest after a minute.
    """

    def __init__(self) -> None:
        """Begin at the beginning."""
        self._floors: dict[str, datetime] = {}
        self._begin_at = BEGINNING

    def below(self, now: datetime, names: Sequence[str]) -> list[datetime]:
        """From where to read for each of these accounts."""
        if now >= self._begin_at:
            self._floors.clear()
        return [self._floors.get(name, BEGINNING) for name in names]

    def found(self, now: datetime, took: timedelta, earliest: Iterable[tuple[str, datetime | None]]) -> None:
        """Remember the earliest row of each account, and after how long all is read again."""
        if now >= self._begin_at:
            self._begin_at = now + min(took * watches.REST, watches.LONGEST_REST)
        # What is written now may lie a little before the present, because it was thought of before.
        self._floors |= {name: min(at, now) - MARGIN for name, at in earliest if at is not None}


#: Whoever writes a row thought of its time so long ago at most. Older ones wait until all is read.
MARGIN = timedelta(seconds=10)


async def askable(
    connection: Connection, now: datetime, accounts: Sequence[Askable], floors: Floors | None = None
) -> list[tuple[str, int]]:
    """Names and terms of the accounts that have something to ask now and that nobody asks."""
    floors, names = floors or Floors(), [account.name for account in accounts]
    columns = (
        names,
        [account.settings for account in accounts],
        [account.streams for account in accounts],
        floors.below(now, names),
    )
    began = time.perf_counter()
    rows = await connection.fetch(QUERIES.askable, now, *columns)
    took = timedelta(seconds=time.perf_counter() - began)
    floors.found(now, took, ((row["name"], row["earliest_at"]) for row in rows))
    return [(row["name"], row["term"]) for row in rows]


async def overdue(
    connection: Connection, now: datetime, names: Sequence[str] = (), floors: Floors | None = None
) -> list[str]:
    """Names of the accounts with a message past its deadline; `names` are those that may have a low-water mark."""
    floors = floors or Floors()
    began = time.perf_counter()
    rows = await connection.fetch(QUERIES.overdue, now, names, floors.below(now, names))
    took = timedelta(seconds=time.perf_counter() - began)
    floors.found(now, took, ((row["name"], row["earliest_at"]) for row in rows))
    return [row["name"] for row in rows]


async def lease(connection: Connection, name: str, holder: str, now: datetime, until: datetime) -> Lease | None:
    """Take the account, or None if someone has it."""
    row = await connection.fetchrow(QUERIES.lease, name, holder, now, until)
    return None if row is None else read_lease(row, until)


def read_lease(row: asyncpg.Record, until: datetime) -> Lease:
    """The lease of an account whose row this is."""
    return Lease(
        row["id"],
        row["name"],
        row["term"],
        until,
        row["position"],
        row["read_until"],
        row["next_read_at"],
        row["failures"],
        row["trouble"],
        row["easing"],
        row["short_since"],
    )


async def renew(connection: Connection, held: Lease, until: datetime) -> bool:
    """Keep the account until a later time. False if an operator has paused it. Raises Stale."""
    row = await connection.fetchrow(QUERIES.renew, held.account, held.term, until)
    if row is None:
        raise _stale(held)
    return row["paused_at"] is None


async def release(connection: Connection, held: Lease) -> None:
    """Let the account go."""
    await connection.execute(QUERIES.release, held.account, held.term)


async def read_on(
    connection: Connection,
    held: Lease,
    position: str | None,
    read_until: datetime | None,
    next_read_at: datetime | None,
) -> None:
    """Write where the stream stands; None leaves a value as it is. Raises Stale."""
    if await connection.fetchval(QUERIES.read_on, held.account, held.term, position, read_until, next_read_at) is None:
        raise _stale(held)


async def begin_again(connection: Connection, held: Lease) -> None:
    """Forget where the stream stands, because the provider refuses that. Raises Stale."""
    if await connection.fetchval(QUERIES.begin_again, held.account, held.term) is None:
        raise _stale(held)


async def went_well(connection: Connection, held: Lease, easing: int) -> bool:
    """Close the breaker; whether it was open. The next round may have `easing` requests."""
    return await connection.fetchval(QUERIES.went_well, held.account, held.term, easing) is not None


async def ease(connection: Connection, held: Lease, easing: int | None) -> None:
    """After a recovery: how many requests the next round may have; None: as many as usual."""
    await connection.execute(QUERIES.ease, held.account, held.term, easing)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a provider could not be asked. `settings` is the fingerprint of those that it refused, else None."""

    kind: str
    said: str
    ask_after: datetime | None
    settings: str | None = None


async def went_wrong(connection: Connection, held: Lease, now: datetime, trouble: Trouble) -> int:
    """Count a failure and leave the provider alone for a while; the failures in a row. Raises Stale."""
    failures: int | None = await connection.fetchval(
        QUERIES.went_wrong,
        held.account,
        held.term,
        trouble.kind,
        trouble.said,
        now,
        trouble.ask_after,
        trouble.settings,
    )
    if failures is None:
        raise _stale(held)
    return failures


async def wait(connection: Connection, held: Lease, until: datetime) -> None:
    """Ask nothing before `until`, because the quota is used up until then."""
    await connection.execute(QUERIES.wait, held.account, held.term, until)


async def backlog(connection: Connection, account: int) -> Backlog | None:
    """What was counted last of what is due, where the quota does not suffice; None where it does."""
    row = await connection.fetchrow(QUERIES.backlog_of, account)
    return None if row is None else Backlog(row["backlog_at"], row["backlog"], row["backlog_growth"])


async def short(
    connection: Connection, held: Lease, counted: Backlog, missed_from: datetime | None, told_since: datetime | None
) -> bool:
    """Write that more is due than the quota allows; whether people are to be told, who were not since a time.

    None: it is not worth telling.
    """
    said = (counted.at, counted.messages, counted.growth, missed_from, told_since, told_since is not None)
    return bool(await connection.fetchval(QUERIES.short, held.account, held.term, *said))


async def sufficient(connection: Connection, held: Lease) -> bool:
    """Write that the quota suffices again; whether it did not."""
    return await connection.fetchval(QUERIES.sufficient, held.account, held.term) is not None


async def pause(connection: Connection, name: str, now: datetime, by: str, why: str) -> bool:
    """Stop asking an account; false if there is none of that name."""
    return await connection.fetchval(QUERIES.pause, name, now, by, why) is not None


async def resume(connection: Connection, name: str) -> bool:
    """Ask an account again, also one that is held; false if there is none of that name."""
    return await connection.fetchval(QUERIES.resume, name) is not None


async def poll_now(connection: Connection, name: str, now: datetime) -> int | None:
    """Make everything open of an account due now; how many messages, or None if there is no such account."""
    account = await connection.fetchval(QUERIES.poll_now, name)
    if account is None:
        return None
    return await watches.due_now(connection, account, now)


def _stale(held: Lease) -> Stale:
    return Stale(f"account {held.name}: term {held.term} is over; another worker has taken it")

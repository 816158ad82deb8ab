"""Open messages: claiming what is due, saying what a look found, handing back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from rules.statuses import Channel
from store.connections import Connection
from store.deadlocks import outlast
from store.queries import Queries

QUERIES = Queries("watches")

#: A claim starts reading the index this far before the earliest row it saw last time.
MARGIN = timedelta(minutes=2)

#: How often the low-water mark is forgotten, so that a row recorded below it waits no longer than this.
FORGET_MARK = timedelta(minutes=1)

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Watch:
    """One open message, claimed. `looks` counts this claim too and tells it from any later one."""

    id: int
    channel: Channel
    provider_id: str
    part: str
    reference: str
    schedule: str | None
    heard: int
    said: int | None
    looks: int
    found: bool | None
    looked_at: datetime | None
    sent_at: datetime
    deadline_at: datetime


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at one claimed message found. `said` is the hash of the answer, None where there was none."""

    watch: Watch
    next_look_at: datetime
    said: int | None
    found: bool


class Mark:
    """The low-water mark of one account: where the live part of the index of due looks begins.

    While some transaction holds an old snapshot, dead entries pile up before it and cannot be cleared.
    """

    def __init__(self) -> None:
        """Begin at the beginning."""
        self._at = BEGINNING
        self._forget_at = BEGINNING

    def floor(self, now: datetime) -> datetime:
        """From where to read."""
        if now >= self._forget_at:
            self._at, self._forget_at = BEGINNING, now + FORGET_MARK
        return self._at

    def saw(self, earliest: datetime) -> None:
        """Remember the earliest row of a claim."""
        self._at = max(self._at, earliest - MARGIN)


async def claim(
    connection: Connection,
    account: int,
    now: datetime,
    limit: int,
    lease_until: datetime,
    mark: Mark | None = None,
) -> list[Watch]:
    """Up to `limit` messages that are due; until `lease_until` nobody else is given them."""
    floor = mark.floor(now) if mark else BEGINNING
    rows = await connection.fetch(QUERIES.claim, account, now, limit, floor, lease_until)
    if mark and rows:
        mark.saw(rows[0]["earliest_due_at"])
    return [_watch(row) for row in rows]


async def claim_one(connection: Connection, account: int, message: int, lease_until: datetime) -> Watch | None:
    """One open message, due or not; None if it is settled."""
    row = await connection.fetchrow(QUERIES.claim_one, account, message, lease_until)
    return None if row is None else _watch(row)


def _watch(row: asyncpg.Record) -> Watch:
    return Watch(
        row["id"],
        Channel(row["channel"]),
        row["provider_id"] or "",
        row["part"],
        row["reference"] or "",
        row["schedule"],
        row["heard"],
        row["said"],
        row["looks"],
        row["found"],
        row["looked_at"],
        row["sent_at"],
        row["deadline_at"],
    )


async def looked(connection: Connection, account: int, at: datetime, looks: Sequence[Looked]) -> None:
    """Write down what a look found and when the next one is, in one statement."""
    columns = (
        [look.watch.id for look in looks],
        [look.watch.looks for look in looks],
        [look.next_look_at for look in looks],
        [look.said for look in looks],
        [look.found for look in looks],
    )
    await outlast(connection, lambda: connection.execute(QUERIES.looked, account, at, *columns))


async def hand_back(
    connection: Connection, account: int, watches: Sequence[Watch], at: datetime | Sequence[datetime]
) -> None:
    """Give back what was claimed and not asked; it is due again `at` (one time, or one each), its claim not counted."""
    ids, looks = [watch.id for watch in watches], [watch.looks for watch in watches]
    times = [at] * len(ids) if isinstance(at, datetime) else at
    await outlast(connection, lambda: connection.execute(QUERIES.hand_back, account, ids, looks, times))


async def due_now(connection: Connection, account: int, now: datetime) -> int:
    """Make every open message of an account due; how many were not."""
    return int((await outlast(connection, lambda: connection.execute(QUERIES.due_now, account, now))).split()[-1])


@dataclass(frozen=True, slots=True)
class Overdue:
    """An open message past its deadline."""

    id: int
    provider_id: str
    part: str
    reference: str
    heard: int
    found: bool | None
    looked_at: datetime | None
    sent_at: datetime
    deadline_at: datetime


#: A place in the order of deadlines: deadline and id.
Place = tuple[datetime, int]


async def overdue(
    connection: Connection, account: int, deadline_up_to: datetime, after: Place, limit: int
) -> list[Overdue]:
    """Open messages whose deadline is up to a time, in the order of deadlines, from a place on. Locks nothing."""
    return [_overdue(row) for row in await connection.fetch(QUERIES.overdue, account, deadline_up_to, *after, limit)]


async def hold(connection: Connection, account: int, ids: Sequence[int]) -> list[Overdue]:
    """These messages as they are now, locked; without those that are settled or that someone else writes just now.

    Run it in the transaction that settles them.
    """
    return [_overdue(row) for row in await connection.fetch(QUERIES.hold, account, ids)]


def _overdue(row: asyncpg.Record) -> Overdue:
    return Overdue(
        row["id"],
        row["provider_id"] or "",
        row["part"],
        row["reference"] or "",
        row["heard"],
        row["found"],
        row["looked_at"],
        row["sent_at"],
        row["deadline_at"],
    )


async def oldest_open(connection: Connection, account: int) -> datetime | None:
    """About when the oldest open message of an account was sent; None if none is open."""
    row = await connection.fetchrow(QUERIES.stretch, account)
    return row["oldest_at"] if row else None


async def backlog(connection: Connection, now: datetime) -> list[asyncpg.Record]:
    """For each account: name, open, due, overdue, next_look_at."""
    return await connection.fetch(QUERIES.backlog, now)


async def recover(connection: Connection, account: int) -> int:
    """Delete watches of settled messages, of which there should be none; returns how many there were."""
    return int((await connection.execute(QUERIES.recover, account)).split()[-1])

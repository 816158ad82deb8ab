"""Open messages: claiming what is due, saying what a look found, handing back."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import asyncpg

from rules.statuses import Channel
from store.connections import Connection
from store.deadlocks import outlast
from store.queries import Queries

QUERIES = Queries("watches")

#: A claim that reads the index from its beginning is made again after so many times of what it took, and at the latest
#: after a minute: a row below the mark waits no longer than that.
REST = 20
LONGEST_REST = timedelta(minutes=1)

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

#: Looking a channel up is much faster than calling its class.
CHANNELS = {int(channel): channel for channel in Channel}


class Watch(NamedTuple):
    """One open message, claimed. `looks` counts this claim too and tells it from any later one.

    A tuple, because thousands are made a second and those are made fastest.
    """

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

    While some transaction holds an old snapshot, dead entries pile up before it and cannot be cleared. Now and then
    they are all read: often where that costs nothing, seldom where it takes long.
    """

    def __init__(self) -> None:
        """Begin at the beginning."""
        self._at = BEGINNING
        self._begin_at = BEGINNING

    @property
    def at(self) -> datetime:
        """From where to read where nothing below it matters for a minute."""
        return self._at

    def floor(self, now: datetime) -> datetime:
        """From where to read."""
        return BEGINNING if now >= self._begin_at else self._at

    def claimed(self, now: datetime, floor: datetime, took: timedelta, earliest: datetime | None) -> None:
        """Remember a claim that read from `floor`, and the earliest row that it found."""
        if floor == BEGINNING:
            self._begin_at = now + min(took * REST, LONGEST_REST)
        if earliest is not None:
            self._at = earliest


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
    began = time.perf_counter()
    rows = await connection.fetch(QUERIES.claim, account, now, limit, floor, lease_until)
    if mark:
        took = timedelta(seconds=time.perf_counter() - began)
        mark.claimed(now, floor, took, next(filter(None, [row[-1] for row in rows]), None))
    return _watches(rows)


class Candidate(NamedTuple):
    """A message that is due, not claimed."""

    id: int
    channel: Channel
    sent_at: datetime
    looked_at: datetime | None
    deadline_at: datetime


@dataclass(frozen=True, slots=True)
class Reach:
    """How far candidates are looked for.

    Those due for longest are read from the low-water mark `floor` on. The last look of a message is due `lag` after its
    deadline, or when it is as old as the provider remembers (`remembered`; None: for ever); those with a deadline up to
    `deadline_up_to` are looked at for that.
    """

    floor: datetime
    deadline_up_to: datetime
    lag: timedelta
    remembered: timedelta | None


#: To find so many messages among those recorded last that are due, so many times as many are read.
NEWEST = 20


async def waiting(connection: Connection, account: int, now: datetime, floor: datetime, most: int) -> int:
    """How many messages are due, counted up to `most`."""
    count: int = await connection.fetchval(QUERIES.waiting, account, now, floor, most)
    return count


async def candidates(connection: Connection, account: int, now: datetime, reach: Reach, limit: int) -> list[Candidate]:
    """Who may come first of what is due: some last looks, some due for longest, some recorded last; `limit` of each."""
    rows = await connection.fetch(
        QUERIES.candidates,
        account,
        now,
        reach.floor,
        reach.deadline_up_to,
        reach.lag,
        reach.remembered,
        limit,
        limit * NEWEST,
    )
    return [Candidate(number, CHANNELS[channel], *rest) for number, channel, *rest in rows]


async def claim_these(
    connection: Connection, account: int, now: datetime, ids: Sequence[int], limit: int, lease_until: datetime
) -> list[Watch]:
    """Up to `limit` of these messages, the first ones that are still due and that nobody else takes just now."""
    rows = await connection.fetch(QUERIES.claim_these, account, now, ids, limit, lease_until)
    return _watches(rows)


async def claim_one(connection: Connection, account: int, message: int, lease_until: datetime) -> Watch | None:
    """One open message, due or not; None if it is settled."""
    row = await connection.fetchrow(QUERIES.claim_one, account, message, lease_until)
    return None if row is None else _watches([row])[0]


def _watches(rows: Iterable[asyncpg.Record]) -> list[Watch]:
    """Their columns come in the order of the fields.

    Every name is written out and the class's own way is gone round, because that takes half as long.
    """
    new = tuple.__new__
    return [
        new(
            Watch,
            (number, CHANNELS[channel], provider_id or "", part, reference or "",
             schedule, heard, said, looks, found, looked_at, sent_at, deadline_at),
        )
        for number, channel, provider_id, part, reference,
            schedule, heard, said, looks, found, looked_at, sent_at, deadline_at, _earliest_due_at in rows
    ]  # fmt: skip


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


#: A place in the order of deadlines: deadline and id.
Place = tuple[datetime, int]


async def oldest_open(connection: Connection, account: int) -> datetime | None:
    """About when the oldest open message of an account was sent; None if none is open."""
    row = await connection.fetchrow(QUERIES.stretch, account)
    return row["oldest_at"] if row else None


async def backlog(connection: Connection, now: datetime) -> list[asyncpg.Record]:
    """For each account: name, open, due, overdue, next_look_at."""
    return await connection.fetch(QUERIES.backlog, now)


async def last_looks(
    connection: Connection, account: int, deadline_up_to: datetime, lag: timedelta, remembered: timedelta | None
) -> list[tuple[datetime, int]]:
    """When last looks fall due, by the tenth of an hour, and how many; of messages with a deadline up to a time."""
    rows = await connection.fetch(QUERIES.last_looks, account, deadline_up_to, lag, remembered)
    return [(row["due_at"], row["messages"]) for row in rows]

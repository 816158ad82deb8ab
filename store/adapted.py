"""Schedules that follow the recorded times: how they stand now, for all workers, and whose turn it is to judge one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rules.adapting import Adaptive, words
from rules.schedules import Schedule
from rules.statuses import Channel
from rules.timing import Timing
from store.connections import Connection
from store.queries import Queries

QUERIES = Queries("adapted")


Ages = tuple[timedelta, ...]


@dataclass(frozen=True, slots=True)
class Adapted:
    """The schedule of one account and channel. Until it first changes, `looks` is None: it is as configured.

    `configured` is the configured schedule in words, with which it began.
    """

    configured: str
    looks: Ages | None
    repeat: timedelta | None
    judged_at: datetime | None
    changed_at: datetime | None
    changes: int
    found: str
    pinned_at: datetime | None
    pinned_by: str | None


async def everything(connection: Connection) -> dict[tuple[int, Channel], Adapted]:
    """Every such schedule, by the number of the account and by channel."""
    rows = await connection.fetch(QUERIES.all)
    return {
        (account, Channel(channel)): Adapted(configured, *_ages(looks, repeat), *rest)
        for account, channel, configured, looks, repeat, *rest in rows
    }


def as_it_stands(adaptive: Adaptive, stands: Adapted | None) -> Schedule:
    """An adaptive schedule as it is in force. One that was set anew is as it was set."""
    configured = adaptive.configured
    if stands is None or stands.looks is None or stands.configured != words(configured):
        return configured
    return replace(configured, looks=stands.looks, then=stands.repeat)


def timed(account: Timing, number: int, stand: Mapping[tuple[int, Channel], Adapted]) -> Timing:
    """The timing of an account, whose number this is, with its adaptive schedules as they stand."""
    found = {channel: as_it_stands(one, stand.get((number, channel))) for channel, one in account.adaptive.items()}
    return account.with_schedules(found)


@dataclass(frozen=True, slots=True)
class Turn:
    """A schedule that is this worker's to judge now, as it stands."""

    looks: Ages | None
    repeat: timedelta | None
    changed_at: datetime | None


async def begin(
    connection: Connection, account: int, channel: Channel, configured: str, now: datetime, judged_by: datetime
) -> Turn | None:
    """Begin to judge a schedule; None if it is pinned, or was judged after `judged_by`."""
    row = await connection.fetchrow(QUERIES.begin, account, channel, configured, now, judged_by)
    if row is None:
        return None
    looks, repeat, changed_at = row
    return Turn(*_ages(looks, repeat), changed_at)


def _ages(looks: Sequence[float] | None, repeat: float | None) -> tuple[Ages | None, timedelta | None]:
    ages = None if looks is None else tuple(timedelta(seconds=look) for look in looks)
    return ages, None if repeat is None else timedelta(seconds=repeat)


async def judged(
    connection: Connection,
    account: int,
    channel: Channel,
    began_at: datetime,
    found: str,
    schedule: Schedule | None = None,
) -> bool:
    """Write down what was found, and another schedule if any; false if it was pinned or judged anew meanwhile."""
    looks = repeat = None
    if schedule is not None:
        looks = [look.total_seconds() for look in schedule.looks]
        repeat = None if schedule.then is None else schedule.then.total_seconds()
    done = await connection.execute(QUERIES.judged, account, channel, began_at, found, looks, repeat)
    return not done.endswith(" 0")


async def pin(connection: Connection, account: int, configured: Mapping[Channel, str], now: datetime, by: str) -> None:
    """Keep these schedules as they are."""
    await connection.execute(QUERIES.pin, account, list(configured), list(configured.values()), now, by)


async def unpin(connection: Connection, account: int, channels: Sequence[Channel]) -> int:
    """Let them follow again; how many there are."""
    return int((await connection.execute(QUERIES.unpin, account, channels)).split()[-1])

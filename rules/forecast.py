"""The forecast of an account that has more to ask than its quota allows: how long it lasts, and what it costs. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp

#: How long ago what was counted still says something of how a backlog grows.
MEMORY = timedelta(minutes=10)

#: Beyond this a forecast says nothing.
HORIZON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many messages were due at a time, and by how many a second they grew until then (negative: shrank)."""

    at: datetime
    messages: int
    growth: float | None = None


def counted(before: Backlog | None, at: datetime, messages: int) -> Backlog:
    """The backlog after it was counted anew. What was counted long ago weighs little."""
    if before is None or at <= before.at:
        return Backlog(at, messages, None if before is None else before.growth)
    passed = at - before.at
    growth = (messages - before.messages) / passed.total_seconds()
    if before.growth is not None:
        kept = exp(-(passed / MEMORY))
        growth = kept * before.growth + (1 - kept) * growth
    return Backlog(at, messages, growth)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What becomes of a backlog.

    `lasts_until` is when it is gone at this rate; None where it does not shrink. `grows_by` is by how many messages an
    hour it grows. `missed_from` is from when last looks come too late; None where none does, as far as is known.
    """

    lasts_until: datetime | None
    grows_by: int
    missed_from: datetime | None


def forecast(backlog: Backlog, missed_from: datetime | None = None) -> Forecast:
    """What becomes of a backlog if it goes on as it did. One that was counted once is taken to stay."""
    growth = backlog.growth or 0.0
    lasts_until = None
    if growth < 0 and (seconds := backlog.messages / -growth) < HORIZON.total_seconds():
        lasts_until = backlog.at + timedelta(seconds=seconds)
    return Forecast(lasts_until, max(round(growth * 3600), 0), missed_from)


@dataclass(frozen=True, slots=True)
class Ends:
    """Last looks that are ready from a time on and of no use after another one."""

    ready_at: datetime
    too_late_at: datetime
    count: int


def missed_from(ends: Iterable[Ends], rate: float, now: datetime) -> datetime | None:
    """From when last looks come too late at `rate` a second, though nothing else is asked; None if all come in time.

    They are made in the order in which they become too late. Groups are expected to become ready in that order too; of
    others it may say that they come too late where a few only just would not.
    """
    free_at = now
    for group in sorted(ends, key=lambda one: (one.too_late_at, one.ready_at)):
        free_at = max(free_at, group.ready_at)
        lasts = group.count / rate if rate > 0 else float("inf")
        if free_at + timedelta(seconds=min(lasts, 2 * HORIZON.total_seconds())) > group.too_late_at:
            return max(group.too_late_at, now)
        free_at += timedelta(seconds=lasts)
    return None

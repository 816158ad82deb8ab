"""Schedules: at which ages to look at a message that is still open."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil

from rules.statuses import Channel

_EPOCH, _SECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Ages at which to look, then a repeat.

    `looks` rise. `then` is the pause between looks after the last of them; None means that no more follow, and the
    last look before settling is the only one left. `jitter` is the share by which the pause before a look may be
    longer, so that messages sent together are not asked about together.
    """

    looks: tuple[timedelta, ...] = ()
    then: timedelta | None = None
    jitter: float = 0.1
    #: Ages below this are useless, because the provider does not know yet.
    first_look: timedelta = field(default=timedelta())

    def next_age(self, age: timedelta, chance: float) -> timedelta | None:
        """The first age to look at after `age`, or None if no look is planned any more.

        `chance` is between 0 and 1 and says how much of the jitter is added.
        """
        planned = self._planned(max(age, timedelta()))
        if planned is None:
            return None
        step = planned - max(age, timedelta())
        return max(planned + step * self.jitter * chance, self.first_look)

    def _planned(self, age: timedelta) -> timedelta | None:
        for look in self.looks:
            if look > age:
                return look
        if self.then is None:
            return None
        last = self.looks[-1] if self.looks else timedelta()
        return last + self.then * ((age - last) // self.then + 1)


@dataclass(frozen=True, slots=True)
class Horizon:
    """The moments that bound the looks at one message.

    `last_look_at` is when the last look before settling is made: the deadline and the provider's lag later, or just
    before the provider forgets, if that is sooner. `settle_at` is when the message may be settled: never before its
    deadline, and at once when the last look comes later.
    """

    last_look_at: datetime
    settle_at: datetime


def horizon(sent_at: datetime, deadline_at: datetime, lag: timedelta, retention: timedelta | None) -> Horizon:
    """When the last look is due and when the message may be settled."""
    last_look_at = deadline_at + lag
    if retention is not None:
        last_look_at = min(last_look_at, sent_at + remembered(retention))
    return Horizon(last_look_at, max(deadline_at, last_look_at))


def remembered(retention: timedelta) -> timedelta:
    """How old a message may be at its last look: the retention less a margin of a twentieth, at most an hour."""
    return retention - min(retention / 20, timedelta(hours=1))


def next_look_at(schedule: Schedule, bounds: Horizon, sent_at: datetime, now: datetime, chance: float) -> datetime:
    """When to look next at a message that was just looked at, or just recorded, at `now`.

    Never in the past, and never past the last look; once that has been made, the moment it may be settled.
    """
    if now >= bounds.last_look_at:
        return max(bounds.settle_at, now)
    age = schedule.next_age(now - sent_at, chance)
    return bounds.last_look_at if age is None else min(sent_at + age, bounds.last_look_at)


def gathered(earliest: datetime, latest: datetime) -> datetime:
    """The roundest second from `earliest` to `latest`, so that looks that may wait for each other fall together.

    Round is what many powers of two divide: the round times of a long wait are among those of a short one, so messages
    of different ages meet as well. On average it is no later than chance would be.
    """
    first, last = ceil((earliest - _EPOCH) / _SECOND), (latest - _EPOCH) // _SECOND
    if first > last:
        return earliest
    # The highest digit in which the last differs from what is just before the first; all behind it becomes zero.
    digits = (last ^ (first - 1)).bit_length() - 1
    return _EPOCH + (last >> digits << digits) * _SECOND


def _ages(*seconds: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(seconds=second) for second in seconds)


_MINUTE, _HOUR = 60, 3600

#: Good unseen: dense while most messages settle, then ever rarer.
DEFAULTS: dict[Channel, Schedule] = {
    Channel.SMS: Schedule(_ages(15, 45, 2 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 4 * _HOUR), timedelta(hours=8)),
    Channel.EMAIL: Schedule(_ages(30, 2 * _MINUTE, 10 * _MINUTE, _HOUR, 4 * _HOUR), timedelta(hours=12)),
    Channel.PUSH: Schedule(_ages(15 * _MINUTE, 30 * _MINUTE, 2 * _HOUR), timedelta(hours=6)),
    Channel.VOICE: Schedule(_ages(_MINUTE, 5 * _MINUTE, 30 * _MINUTE), timedelta(hours=6)),
    Channel.LETTER: Schedule(_ages(_HOUR, 12 * _HOUR), timedelta(days=1)),
    Channel.CHAT: Schedule(_ages(15, _MINUTE, 5 * _MINUTE, _HOUR), timedelta(hours=8)),
    Channel.OTHER: Schedule(_ages(_MINUTE, 10 * _MINUTE, _HOUR), timedelta(hours=8)),
}

#: For accounts whose reports come in a stream: it is read anyway, so a message is looked up only to mend what was lost.
STREAMED = Schedule(_ages(_HOUR, 12 * _HOUR), None)

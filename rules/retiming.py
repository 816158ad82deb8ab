"""Re-timing: when to look next at an open message after its schedule has changed."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from rules.schedules import Horizon, Schedule, next_look_at, remembered

#: Ages of a schedule that are looked for one by one. Whoever is older may be due soon.
MOST_AGES = 500

#: A stretch of time, from and to; None: ever.
Stretch = tuple[datetime | None, datetime | None]


def retimed(
    schedule: Schedule, bounds: Horizon, sent_at: datetime, was: datetime, now: datetime, chance: float
) -> datetime | None:
    """When to look next at a message whose next look `was` set by another schedule; None if that stays.

    What is due stays due: it waits for its turn only. Looks that the new schedule would have made before `now` are not
    made up for, or a schedule with more looks would make everything due at once. What the new schedule could have set
    itself stays too.
    """
    if was <= now:
        return None
    earliest = next_look_at(schedule, bounds, sent_at, now, 0.0)
    if earliest <= was <= next_look_at(schedule, bounds, sent_at, now, 1.0):
        return None
    return next_look_at(schedule, bounds, sent_at, now, chance)


def sent_of_soon(schedule: Schedule, now: datetime, within: timedelta) -> list[Stretch]:
    """When messages were sent at which this schedule may look within so long.

    More may be in it, and none is missing.
    """
    stretches: list[Stretch] = []
    for number, age in enumerate(_ages(schedule)):
        if number == MOST_AGES:
            return [*stretches, (None, now - age + within)]
        # Jitter only puts a look off, and the first useful look does no more.
        stretches.append((now - age, now - max(age, schedule.first_look) + within))
    return [(first, last) for first, last in stretches if first is None or last is None or first <= last]


def _ages(schedule: Schedule) -> Iterator[timedelta]:
    yield from schedule.looks
    age = schedule.looks[-1] if schedule.looks else timedelta()
    while schedule.then is not None:
        age += schedule.then
        yield age


def sent_of_last_looks(retention: timedelta, now: datetime, within: timedelta) -> Stretch:
    """When messages were sent that the provider forgets within so long, or has forgotten."""
    return None, now - remembered(retention) + within


def deadlines_of_last_looks(now: datetime, within: timedelta) -> Stretch:
    """The deadlines of messages that may have their last look, or be settled, within so long."""
    return None, now + within

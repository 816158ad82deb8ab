"""Ages and delays as people read them: two figures are enough."""

from collections.abc import Iterable
from datetime import timedelta

from rules import durations
from rules.schedules import Schedule

#: Below so many seconds tenths matter; from so many on, whole minutes and hours are enough.
TENTHS, MINUTES, HOURS = 10, 600, 36_000


def about(seconds: float | None) -> str:
    """A length of time to two or three figures: `6.1s`, `42s`, `2m5s`, `3h10m`; empty for none."""
    if seconds is None:
        return ""
    if 0 < seconds < 1:
        return f"{max(round(seconds * 1000), 1)}ms"
    if seconds < TENTHS:
        return f"{seconds:.1f}s".replace(".0s", "s")
    grain = 1 if seconds < MINUTES else 60 if seconds < HOURS else 3600
    return durations.text(timedelta(seconds=round(seconds / grain) * grain))


def listed(ages: Iterable[timedelta]) -> str:
    """`15s, 1m, 5m`."""
    return ", ".join(durations.text(age) for age in ages)


def described(schedule: Schedule) -> str:
    """`15s, 1m, 5m, then every 3h`."""
    looks = listed(schedule.looks)
    if schedule.then is None:
        return f"{looks}, then only the last look" if looks else "only the last look"
    then = f"every {durations.text(schedule.then)}"
    return f"{looks}, then {then}" if looks else then

"""The kinds of values that settings have."""

from datetime import timedelta
from math import isfinite, nan
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from rules import durations
from rules.quota import Most


class Table(BaseModel):
    """A table of settings: it does not change, and a name that nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _duration(value: object) -> timedelta:
    """A duration with its unit. A bare number is refused, because everybody reads another unit into it."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        msg = f"{value!r} is not a duration; write it with its unit, like 90s, 15m, 48h or 7d"
        raise ValueError(msg)  # noqa: TRY004 - pydantic collects ValueErrors
    return durations.parse(value)


def _positive(value: object) -> timedelta:
    duration = _duration(value)
    if duration <= timedelta():
        msg = "must be longer than nothing"
        raise ValueError(msg)
    return duration


def _bearable(value: object) -> timedelta:
    """A duration between a second and a day."""
    duration = _duration(value)
    if not timedelta(seconds=1) <= duration <= timedelta(days=1):
        msg = "must be between 1s and 1d"
        raise ValueError(msg)
    return duration


def _list(value: object) -> Any:
    """A list; in the environment its items are separated by commas."""
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


PER = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _rate(value: object) -> float:
    """Requests a second, as a number or like `120/m`."""
    count, slash, per = str(value).partition("/")
    try:
        rate = float(count) / PER[per if slash else "s"]
    except (ValueError, KeyError):
        rate = nan
    if not isfinite(rate):
        msg = f"{value!r} is not a rate; write requests a second, or like 120/m or 100/h"
        raise ValueError(msg)
    if rate <= 0:
        msg = "must be above 0; to stop asking, set paused = true"
        raise ValueError(msg)
    return rate


def _most(value: object) -> Most:
    """At most so many in any window, like `100/10s`."""
    count, slash, window = str(value).partition("/")
    try:
        amount = float(count)
        length = timedelta(seconds=PER[window]) if window in PER else durations.parse(window)
    except ValueError:
        amount, length = nan, timedelta()
    if not (slash and isfinite(amount)):
        msg = f"{value!r} is not a limit; write how many in which time, like 100/10s, 2500/h or 50000/d"
        raise ValueError(msg)
    if amount <= 0 or not timedelta(seconds=1) <= length <= timedelta(days=31):
        msg = f"{value!r} must be more than nothing, in a time between 1s and 31d"
        raise ValueError(msg)
    return Most(amount, length)


def _limits(value: object) -> tuple[Most, ...]:
    """Several of them, or one by itself."""
    items = _list(value)
    if not isinstance(items, list | tuple):
        msg = "must be a list of limits like 100/10s"
        raise ValueError(msg)  # noqa: TRY004 - pydantic collects ValueErrors
    read: list[Most] = []
    faults: list[str] = []
    for one in items:
        try:
            read.append(one if isinstance(one, Most) else _most(one))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError("; ".join(faults))
    return tuple(read)


Duration = Annotated[timedelta, BeforeValidator(_positive)]
DurationOrNone = Annotated[timedelta, BeforeValidator(_duration)]
Period = Annotated[timedelta, BeforeValidator(_bearable)]
Durations = Annotated[tuple[Duration, ...], BeforeValidator(_list)]
Words = Annotated[tuple[str, ...], BeforeValidator(_list)]
Rate = Annotated[float, BeforeValidator(_rate)]
AtMost = Annotated[tuple[Most, ...], BeforeValidator(_limits)]

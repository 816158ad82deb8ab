"""The kinds of values that settings have."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from rules import durations


class Table(BaseModel):
    """A table of settings: it does not change, and a name that nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, bool):
        msg = "write a duration like 90s, 15m, 48h or 7d"
        raise ValueError(msg)  # noqa: TRY004 - pydantic collects ValueErrors
    if isinstance(value, int | float):
        return timedelta(seconds=value)
    return durations.parse(str(value))


def _positive(value: object) -> timedelta:
    duration = _duration(value)
    if duration <= timedelta(0):
        msg = "must be longer than nothing"
        raise ValueError(msg)
    return duration


def _not_negative(value: object) -> timedelta:
    duration = _duration(value)
    if duration < timedelta(0):
        msg = "must not be negative"
        raise ValueError(msg)
    return duration


def _list(value: object) -> Any:
    """A list; in the environment its items are separated by commas."""
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


PER = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _rate(value: object) -> float:
    """Requests a second, as a number or like `120/m`."""
    count, _, per = str(value).partition("/")
    try:
        rate = float(count) / PER[per or "s"]
    except (ValueError, KeyError):
        msg = f"{value!r} is not a rate; write requests a second, or like 120/m or 100/h"
        raise ValueError(msg) from None
    if rate <= 0:
        msg = "must be above 0; to stop asking, set paused = true"
        raise ValueError(msg)
    return rate


Duration = Annotated[timedelta, BeforeValidator(_positive)]
DurationOrNone = Annotated[timedelta, BeforeValidator(_not_negative)]
Durations = Annotated[tuple[Duration, ...], BeforeValidator(_list)]
Words = Annotated[tuple[str, ...], BeforeValidator(_list)]
Rate = Annotated[float, BeforeValidator(_rate)]

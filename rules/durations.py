"""Durations as people write them: `90s`, `15m`, `48h`, `7d`, or several in a row: `1h30m`."""

import re
from datetime import timedelta

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[dhms])")

#: A thousand years. Times further away than this cannot be kept.
LONGEST = timedelta(days=365_000)

#: Units that a rough duration has at most.
SHOWN = 2


def parse(text: str) -> timedelta:
    """The duration that `text` names. ValueError says what would be right."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        raise ValueError(f"{text[:60]!r} is not a duration; write it like 90s, 15m, 48h or 7d")
    try:
        duration = sum((_part(number, unit) for number, unit in parts), timedelta())
    except (OverflowError, ValueError):  # int() refuses thousands of digits with a message about Python
        duration = timedelta.max
    if duration > LONGEST:
        raise ValueError(f"{text[:60]!r} is longer than any time that can be kept; the longest is {LONGEST.days}d")
    return duration


def _part(number: str, unit: str) -> timedelta:
    size = timedelta(milliseconds=1) if unit == "ms" else timedelta(seconds=UNITS[unit])
    return size * (float(number) if "." in number else int(number))


def text(duration: timedelta) -> str:
    """`duration` as a person would write it, exact to the millisecond."""
    milliseconds = (duration + timedelta(microseconds=500)) // timedelta(milliseconds=1)
    seconds, rest = divmod(milliseconds, 1000)
    parts = []
    for unit, size in UNITS.items():
        count, seconds = divmod(seconds, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts + ([f"{rest}ms"] if rest else [])) or "0s"


def roughly(duration: timedelta) -> str:
    """`duration` in words, in its one or two largest units: `2 days 3 hours`, `5 minutes`."""
    seconds = max(0, round(duration.total_seconds()))
    parts: list[str] = []
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}" if count else "")
        if len(parts) == SHOWN or (parts and name == "minute"):
            break
    return " ".join(part for part in parts if part) or "a moment"

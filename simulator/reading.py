"""Reading a scenario's file: every value is checked, and everything that is wrong is said at once."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any, TypeVar

from rules import durations
from rules.tables import guess

T = TypeVar("T")


def read(text: str, scenario: type[Any], faults: type[Any], problems: list[str]) -> dict[str, Any]:
    """The values for a `scenario` that TOML names; what is wrong with them is added to `problems`.

    Raises ValueError if it is not TOML.
    """
    raw = tomllib.loads(text)
    kinds: dict[str, Callable[[object], object]] = {
        "seed": _whole,
        "typical": _duration,
        "spread": _number,
        "faults": lambda value: _faults(_table(value), faults, problems),
        "silence": _duration,
        "skew": _duration,
        "weights": lambda value: _weights(_table(value), problems),
    }
    _refuse_unknown("", raw, _names(scenario), problems)
    return _values("", raw, kinds, problems)


def _faults(table: Mapping[str, object], faults: type[Any], problems: list[str]) -> Any:
    known = _names(faults)
    _refuse_unknown("faults: ", table, known, problems)
    return faults(**_values("faults.", table, dict.fromkeys(known, _rate), problems))


def _weights(table: Mapping[str, object], problems: list[str]) -> dict[str, dict[str, float]]:
    """Which providers and fates there are is checked where they are known."""
    found = _values("weights.", table, dict.fromkeys(table, _table), problems)
    return {
        provider: _values(f"weights.{provider}.", given, dict.fromkeys(given, _number), problems)
        for provider, given in found.items()
    }


def _values(
    place: str, table: Mapping[str, object], kinds: Mapping[str, Callable[[object], T]], problems: list[str]
) -> dict[str, T]:
    values: dict[str, T] = {}
    for name, read_one in kinds.items():
        if name in table:
            try:
                values[name] = read_one(table[name])
            except ValueError as error:
                problems.append(f"{place}{name}: {error}")
    return values


def _refuse_unknown(place: str, given: Iterable[str], known: list[str], problems: list[str]) -> None:
    problems += [f"{place}unknown name {name!r}{guess(name, known)}" for name in given if name not in known]


def _names(kind: type[Any]) -> list[str]:
    return [one.name for one in fields(kind)]


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")  # noqa: TRY004  all that is wrong is a ValueError
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ValueError("must be a number, 0 or more")
    return float(value)


def _rate(value: object) -> float:
    rate = _number(value)
    if rate > 1:
        raise ValueError("is a rate between 0 (never) and 1 (always)")
    return rate


def _duration(value: object) -> timedelta:
    if not isinstance(value, str):
        raise ValueError("must be a duration like '500ms', '4s' or '2m'")  # noqa: TRY004  as above
    duration = durations.parse(value)
    if not duration:
        raise ValueError("must be longer than nothing")
    return duration


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError("must be a table")  # noqa: TRY004  as above
    return value

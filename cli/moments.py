"""Moments as people give them on the line: a time with its zone, or how long ago."""

from datetime import UTC, datetime
from typing import Any

import click

from rules import durations


def now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def moment(text: str, at: datetime) -> datetime:
    """The moment that `text` names, seen from `at`. ValueError says what would be right."""
    if text.strip() == "now":
        return at
    if text.strip()[-1:] in durations.UNITS or text.endswith("ago"):
        try:
            return at - durations.parse(text.removesuffix("ago").strip())
        except (ValueError, OverflowError):
            raise ValueError(f"{text!r} is not a moment; write it like '2h ago' or 2026-03-01T09:30:00Z") from None
    try:
        named = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a moment; write it like '2h ago' or 2026-03-01T09:30:00Z") from None
    if named.tzinfo is None:
        raise ValueError(f"{text!r} has no zone; write it like 2026-03-01T09:30:00Z or 2026-03-01T10:30:00+01:00")
    return named.astimezone(UTC)


class Moment(click.ParamType[datetime]):
    """A moment on the line."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment, aware, in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            return moment(value, now())
        except ValueError as error:
            self.fail(str(error), param, ctx)

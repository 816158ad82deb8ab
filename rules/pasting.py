"""Pasting: a schedule as it stands in `landed.toml`."""

from collections.abc import Sequence
from datetime import timedelta

from rules import durations

#: The longest line.
WIDTH = 100


def toml(account: str, table: str, looks: Sequence[float], then: timedelta | None = None) -> str:
    """Looks at ages in seconds, for a table of an account like `channels.sms` or `schedules.codes`."""
    lines = [f"[accounts.{account}.{table}]"]
    words = [f'"{durations.text(timedelta(seconds=look))}"' for look in looks]
    line = "looks = ["
    for place, word in enumerate(words):
        piece = word if place == len(words) - 1 else f"{word}, "
        if len(line) + len(piece) > WIDTH:
            lines.append(line.rstrip())
            line = "    "
        line += piece
    lines.append(f"{line}]")
    if then is not None:
        lines.append(f'then = "{durations.text(then)}"')
    return "\n".join(lines) + "\n"


def table(channel: str, schedule: str | None) -> str:
    """The table of a schedule that has a name, or of a channel's own."""
    return f"schedules.{schedule}" if schedule else f"channels.{channel}"

"""The columns of the inbox, and what may stand in each."""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import IntEnum

from rules.statuses import Channel, Reason, Status

#: Our own guesses; nobody else makes them.
GUESSES = frozenset({Status.TIMED_OUT, Status.EXPIRED_OURS})

#: The words that a sender may use.
STATUSES = {status.word: status for status in Status if status not in GUESSES}
REASONS = {reason.word: reason for reason in Reason}
CHANNELS = {channel.word: channel for channel in Channel}

#: A word, or what somebody thought to be a time: neither an address nor a text.
_HARMLESS = re.compile(
    r"[\w./-]{1,6}|[A-Za-z]\w{0,23}|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ,]+[\d:.]+ ?\w{0,4}([+-][\d:]+)?)?", re.ASCII
)

#: Longer names than this fit into no index of Postgres.
LONGEST_NAME = 500


def _name(value: str) -> str:
    if len(value) > LONGEST_NAME:
        raise ValueError(f"is longer than {LONGEST_NAME} characters")
    return value


def _text(value: str) -> str:
    return value


def _time(value: str) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{shown(value)} is not a time; write it like 2026-03-01T09:30:00Z") from None
    if at.tzinfo is None:
        raise ValueError(f"{shown(value)} has no zone; write it like 2026-03-01T09:30:00Z or 2026-03-01T10:30:00+01:00")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{shown(value)} is out of range") from None


def shown(value: str) -> str:
    """`value` in quotes, or only its length where it may be an address or a text, because columns were mixed up."""
    return repr(value) if _HARMLESS.fullmatch(value) else f"'…' ({len(value)} characters)"


def _word(kind: type[IntEnum], words: Mapping[str, IntEnum]) -> Callable[[str], str]:
    def read(value: str) -> str:
        word = value.lower()
        if word not in words:
            near = get_close_matches(word, words, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(words)}"
            raise ValueError(f"unknown {kind.__name__.lower()} {shown(value)}, {hint}")
        return word

    return read


#: Every column with what reads it: it gives the value to store, or raises ValueError saying what is wrong.
COLUMNS: dict[str, Callable[[str], str | datetime]] = {
    "account": _name,
    "channel": _word(Channel, CHANNELS),
    "recipient": _name,
    "provider_id": _name,
    "part": _name,
    "reference": _name,
    "communication": _name,
    "status": _word(Status, STATUSES),
    "reason": _word(Reason, REASONS),
    "sent_at": _time,
    "scheduled_at": _time,
    "deadline_at": _time,
    "schedule": _name,
    "acknowledged_at": _time,
    "responded_at": _time,
    "response": _text,
    "opted_out_at": _time,
}

NAMES = tuple(COLUMNS)


def unknown_column(name: str, columns: Collection[str] = NAMES) -> str:
    """What to say of a column that is none of `columns`."""
    near = get_close_matches(name, columns, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the columns are {', '.join(columns)}"
    return f"unknown column {shown(name)}, {hint}"


def stored(fields: Mapping[str, str]) -> tuple[str | datetime | None, ...]:
    """A row of the inbox, in the order of `NAMES`. ValueError names everything that is wrong with it."""
    problems = [f"{name} is missing" for name in ("account", "channel") if not fields.get(name)]
    if not (fields.get("provider_id") or fields.get("reference")):
        problems.append("it has neither provider_id nor reference")
    values: list[str | datetime | None] = []
    for name, read in COLUMNS.items():
        value = fields.get(name)
        try:
            values.append(read(value) if value else None)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(values)

"""What a report says of each message and of all together. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from rules.hashing import is_hash
from rules.state import State
from rules.statuses import Channel, Engagement, Reason
from rules.vocabularies import Label, Vocabulary, icon_of, label
from store import messages
from store.messages import Class

#: The columns of a report, in order.
COLUMNS = (
    "channel", "recipient", "label", "status", "status_at", "attempts", "last_attempt_at", "reason", "code", "response",
    "account", "provider_id", "part", "reference", "sent_at", "scheduled_at", "deadline_at",
    *(kind.word for kind in Engagement),
)  # fmt: skip

#: Any time: a label does not depend on when a cause was given.
ONCE = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a report: what the vocabulary calls it, and its fields by column."""

    label: Label
    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class Total:
    """How many messages of a channel are called the same in totals."""

    channel: str
    label: str
    icon: str
    messages: int


def line(words: Vocabulary, row: asyncpg.Record) -> Line:
    """The line of one message, from a row of `store.messages.page`."""
    state = messages.state(row)
    called = label(words, Channel(row["channel"]), state)
    fields: dict[str, object] = {
        "channel": Channel(row["channel"]).word,
        "recipient": _recipient(row),
        "label": called.text,
        "status": state.status.word,
        "reason": state.reason.word,
        "response": state.response[1] if state.response else "",
    }
    return Line(called, {name: fields[name] if name in fields else row[name] for name in COLUMNS})


def _recipient(row: asyncpg.Record) -> str:
    """Who it is for; where only a hash is kept, what the sender calls the message."""
    recipient: str = row["recipient"]
    return (row["reference"] or row["provider_id"] or "") if is_hash(recipient) else recipient


def shown(line: Line, field: str) -> object:
    """What a column of a vocabulary shows of one message."""
    if field == "why":
        said = (line.fields["reason"], line.fields["code"])
        return ", ".join(str(part) for part in said if part).replace("_", " ")
    return line.fields[field] or ""


def totals(words: Vocabulary, classes: Iterable[Class]) -> list[Total]:
    """How many stand how, by channel; labels that the product counts as one are one line."""
    counts: dict[tuple[int, str], int] = {}
    for found in classes:
        cause = (ONCE, Reason(found.reason), "") if found.reason else None
        called = label(words, Channel(found.channel), State(heard=found.heard, cause=cause))
        counts[found.channel, called.group] = counts.get((found.channel, called.group), 0) + found.messages
    ordered = sorted(counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
    return [Total(Channel(channel).word, name, icon_of(words, name), many) for (channel, name), many in ordered]

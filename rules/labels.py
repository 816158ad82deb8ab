"""Labels: what a state is called in a product's words.

A vocabulary is a list of rows. A row gives its label to the states that meet all its conditions, and of several rows
the most specific wins. `rules.vocabularies` reads a vocabulary from a file and checks it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rules.state import State
from rules.statuses import Channel, Engagement, Reason, Status

#: Names of icons, and the symbol that stands for each where there is only text.
ICONS = {
    "waiting": "○",
    "sent": "→",
    "delayed": "↻",
    "bounced": "↩",
    "timed_out": "◷",
    "unknown": "?",
    "delivered": "✓",
    "read": "◉",
    "acknowledged": "☑",
    "responded": "✎",
    "opted_out": "⊗",
    "failed": "✗",
    "blocked": "⊘",
    "not_sent": "–",
    "none": "",
}


@dataclass(frozen=True, slots=True)
class Label:
    """What people see of a state. `group` is the line of the totals in which it is counted."""

    text: str
    explanation: str
    icon: str
    group: str

    @property
    def symbol(self) -> str:
        """The icon as one character; empty for `none`."""
        return ICONS[self.icon]


@dataclass(frozen=True, slots=True)
class Column:
    """What a product shows beside the label. `field` is a name in `rules.vocabularies.FIELDS`."""

    title: str
    field: str


#: Who settled a message: nobody yet, the provider or the sender, or our sweep.
NOBODY, PROVIDER, SWEEP = range(3)

#: What a row may ask of a state besides engagement, the heaviest first, and the words for it.
#: Whatever is not email shows as SMS.
CONDITIONS: dict[str, dict[str, int]] = {
    "reason": {reason.word or "none": reason for reason in Reason},
    "settled_from": {status.word: status for status in Status if status.is_open},
    "settled_by": {"provider": PROVIDER, "sweep": SWEEP},
    "status": {status.word: status for status in Status},
    "channel": {"email": Channel.EMAIL, "sms": Channel.SMS},
}

#: The words of the kinds of engagement.
KINDS = {kind.name.lower(): kind for kind in Engagement}

#: A value for each of `CONDITIONS`.
Facts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """Which states get `label`: those that meet every condition and show any of `engagement`, if it is given.

    `place` is where the row stands in its file.
    """

    label: Label
    conditions: Mapping[str, frozenset[int]]
    engagement: frozenset[int] | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One product's words.

    `feedback` has the kinds of engagement that show, the weakest first. `blank` are statuses whose text is left empty.
    `rows` give every state one label; `rules.vocabularies.read` refuses others.
    """

    title: str
    rows: tuple[Row, ...]
    feedback: tuple[int, ...] = ()
    columns: tuple[Column, ...] = ()
    blank: frozenset[int] = frozenset()
    #: Labels found so far. Real messages differ in a few hundred ways only.
    found: dict[tuple[int, int, int], Label] = field(default_factory=dict, init=False, repr=False, compare=False)


#: Labels kept, so that even senseless sets of what was heard cannot fill the memory.
KEPT = 100_000


def label(vocabulary: Vocabulary, channel: Channel, state: State) -> Label:
    """The one label of a state on a channel."""
    key = (channel, state.heard, state.cause[1] if state.cause else 0)
    known = vocabulary.found.get(key)
    if known is None:
        if len(vocabulary.found) >= KEPT:
            vocabulary.found.clear()
        known = vocabulary.found[key] = _find(vocabulary, channel, state)
    return known


def _find(vocabulary: Vocabulary, channel: Channel, state: State) -> Label:
    known = facts(channel, state)
    found = best(vocabulary, known, state.heard)[0].label
    return replace(found, text="", icon="none", group="") if known["status"] in vocabulary.blank else found


def facts(channel: Channel, state: State) -> Facts:
    """What a row may ask of a state on a channel."""
    status = state.status
    ours, theirs = (NOBODY, NOBODY) if status.is_open else (SWEEP, PROVIDER)
    return {
        "reason": state.reason,
        "settled_from": state.settled_from,
        "settled_by": ours if state.settled_by_sweep else theirs,
        "status": status,
        "channel": Channel.EMAIL if channel is Channel.EMAIL else Channel.SMS,
    }


def icon_of(vocabulary: Vocabulary, group: str) -> str:
    """The icon of a line of the totals: that of the first label of this text, else of the first in this group."""
    labels = [row.label for row in vocabulary.rows if row.label.group == group]
    return next((label.icon for label in sorted(labels, key=lambda label: label.text != group)), "none")


def best(vocabulary: Vocabulary, known: Facts, heard: int) -> list[Row]:
    """The most specific of the rows that a state meets; one, if the vocabulary is sound.

    The strongest engagement weighs most; then which conditions a row has, in the order of `CONDITIONS`.
    """
    weights: list[tuple[tuple[int, ...], Row]] = []
    for row in vocabulary.rows:
        rank = _rank(vocabulary, row, heard)
        if rank is not None and all(known[name] in allowed for name, allowed in row.conditions.items()):
            weights.append(((rank, *(name in row.conditions for name in CONDITIONS)), row))
    heaviest = max((weight for weight, _ in weights), default=None)
    return [row for weight, row in weights if weight == heaviest]


def _rank(vocabulary: Vocabulary, row: Row, heard: int) -> int | None:
    """How strong the engagement is that meets the row: -1 if it asks for none, None if there is none."""
    if row.engagement is None:
        return -1
    shown = (rank for rank, kind in enumerate(vocabulary.feedback) if kind in row.engagement and heard >> kind & 1)
    return max(shown, default=None)

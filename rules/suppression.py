"""Suppression: which words block an address, and when a block holds.

A block is a fact about one message. An unblocking is a fact too. Whether an address is blocked follows from the set of
both, so the order in which they became known does not matter.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rules.reports import Word
from rules.statuses import Engagement, Reason, Status

#: Any of these blocks the address on its channel, also after `delivered`.
ALWAYS = Status.HARD_BOUNCED.bit | Engagement.OPTED_OUT.bit | Engagement.COMPLAINED.bit

#: Statuses of a refusal, and the reasons for which one blocks.
REFUSALS = Status.NOT_SENT.bit | Status.FAILED.bit
REASONS = frozenset({Reason.SUPPRESSED, Reason.OPTED_OUT})

#: Statuses of a block by the recipient's provider, and the reasons for which one blocks, for who wants it. What was
#: not sent never came to that provider.
BLOCKS = Status.SOFT_BOUNCED.bit | Status.EXPIRED.bit | Status.FAILED.bit
OPTIONAL = frozenset({Reason.SPAM, Reason.POLICY})

#: Never the recipient's fault.
OUR_SIDE = frozenset({Reason.ACCOUNT, Reason.RATE_LIMITED, Reason.CONTENT_REJECTED, Reason.TOO_LARGE})


@dataclass(frozen=True, slots=True)
class SoftBounces:
    """Block after this many soft bounces of different communications within a time, none of them delivered."""

    count: int = 5
    within: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Triggers:
    """What else blocks on a channel. Everything is off unless asked for."""

    #: Any of `OPTIONAL`; others are passed over, so that our own side's faults never block a person.
    reasons: frozenset[Reason] = frozenset()
    soft_bounces: SoftBounces | None = None


def blocks(word: Word, triggers: Triggers) -> bool:
    """Whether `word` blocks the address of its message."""
    if word.bits & ALWAYS:
        return word.reason not in OUR_SIDE or bool(word.bits & ALWAYS & ~Status.HARD_BOUNCED.bit)
    if word.bits & REFUSALS and word.reason in REASONS:
        return True
    return bool(word.bits & BLOCKS) and word.reason in triggers.reasons & OPTIONAL


def is_blocked(blocked_by: Iterable[datetime], unblocked_at: Iterable[datetime]) -> bool:
    """Whether an address is blocked, given when the blocking messages were sent and when a person unblocked it.

    After an unblocking only messages sent later block again.
    """
    last = max(unblocked_at, default=None)
    return any(last is None or sent_at > last for sent_at in blocked_by)

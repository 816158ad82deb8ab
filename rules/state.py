"""The state of a message and the one rule that changes it: `join`.

A state is the join of every word ever applied. Each part of it is joined by an operation in which order, repeats and
batching cannot matter: OR, minimum, maximum. `store/queries/reports.sql` is the SQL twin of this module.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from rules.reports import Word
from rules.statuses import ENGAGEMENT_BITS, MARK_BITS, STATUS_BITS, Engagement, Reason, Status

#: When a cause was given, why, and the provider's code. Compared as a tuple: the smallest is shown.
Cause = tuple[datetime, Reason, str]

#: When the recipient answered and what. Compared as a tuple: the largest counts.
Response = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class State:
    """What we believe about a message.

    `status_at` is the earliest time of a word with the present status. `cause` is the earliest cause given with it.
    `engagement` is the first time of each kind, in the order of `Engagement`.
    """

    heard: int = 0
    status_at: datetime | None = None
    cause: Cause | None = None
    engagement: tuple[datetime | None, ...] = (None,) * len(Engagement)
    response: Response | None = None
    attempts: int = 0
    last_attempt_at: datetime | None = None

    @property
    def status(self) -> Status:
        """The highest status heard; `pending` if none was."""
        return Status(max(0, (self.heard & STATUS_BITS).bit_length() - 1))

    @property
    def settled_from(self) -> Status:
        """The highest open status heard: where the message stood before it was settled."""
        return Status(max(0, (self.heard & 0b1111).bit_length() - 1))

    @property
    def settled_by_sweep(self) -> bool:
        """Whether the present status is our own guess."""
        if self.status is Status.UNCONFIRMED:
            # Where the sweep has guessed `timed_out`, this is a provider's later word.
            return bool(self.heard & MARK_BITS) and not self.heard & Status.TIMED_OUT.bit
        return self.status in {Status.TIMED_OUT, Status.EXPIRED_OURS}

    @property
    def reason(self) -> Reason:
        """Why it was not delivered, as far as anyone said."""
        return self.cause[1] if self.cause else Reason.NONE

    @property
    def code(self) -> str:
        """The provider's own code for the reason."""
        return self.cause[2] if self.cause else ""

    def first(self, kind: Engagement) -> datetime | None:
        """When the recipient first did this, or None."""
        return self.engagement[kind - Engagement.READ]


def join(state: State, words: Iterable[Word]) -> State:
    """`state` with every word taken in. The same words give the same state in any order, repeats and batches."""
    for word in words:
        state = _join_one(state, word)
    return state


def _join_one(state: State, word: Word) -> State:
    status_at, cause = _top(state, word)
    return replace(
        state,
        heard=state.heard | word.bits,
        status_at=status_at,
        cause=cause,
        engagement=_engagement(state, word),
        response=_response(state, word),
        attempts=max(state.attempts, word.attempts),
        last_attempt_at=latest(state.last_attempt_at, word.attempt_at),
    )


def _top(state: State, word: Word) -> tuple[datetime | None, Cause | None]:
    """Time and cause of the highest status after `word`."""
    given: Cause | None = (word.at, word.reason, word.code) if word.reason else None
    present = state.status if state.heard & STATUS_BITS else -1
    if word.top > present:
        return word.at, given
    if word.top == present and word.top >= 0:
        return earliest(state.status_at, word.at), min((c for c in (state.cause, given) if c), default=None)
    return state.status_at, state.cause


def _engagement(state: State, word: Word) -> tuple[datetime | None, ...]:
    if not word.bits & ENGAGEMENT_BITS:
        return state.engagement
    pairs = zip(Engagement, state.engagement, strict=True)
    return tuple(earliest(known, word.at) if word.bits & kind.bit else known for kind, known in pairs)


def _response(state: State, word: Word) -> Response | None:
    if not word.bits & Engagement.RESPONDED.bit:
        return state.response
    given = (word.at, word.response)
    return max(state.response, given) if state.response else given


def earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two times, of which either may be missing."""
    return min((at for at in (one, other) if at), default=None)


def latest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two times, of which either may be missing."""
    return max((at for at in (one, other) if at), default=None)

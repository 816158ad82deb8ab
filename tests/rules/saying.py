"""What the tests of the rules say: times, words and reports, made by hand or at random."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st

from rules.deadlines import settle
from rules.reports import Report, Word, words
from rules.state import State, join
from rules.statuses import Engagement, Mark, Reason, Status

#: The same examples on every machine and interpreter, and nothing is timed.
thoroughly = settings(deadline=None, derandomize=True, max_examples=200)

Kind = Status | Engagement | Mark


def minute(number: float) -> datetime:
    """A time so many minutes after the first one."""
    return datetime(2026, 3, 1, 9, tzinfo=UTC) + timedelta(minutes=number)


def word(*kinds: Kind, at: float = 0, reason: Reason = Reason.NONE, code: str = "", response: str = "") -> Word:
    """A word with the bits of `kinds`; engagement brings `delivered`, as `rules.reports.words` has it."""
    bits = 0
    for kind in kinds:
        bits |= kind.bit | (Status.DELIVERED.bit if isinstance(kind, Engagement) else 0)
    return Word(bits, minute(at), reason, code, response=response)


def joined(*said: Word) -> State:
    """The state of a message about which just this was said."""
    return join(State(), said)


def after(*reports: Report, state: State | None = None, seen: float = 60) -> State:
    """The state after these reports, all seen at one time."""
    return join(state or State(), (one for report in reports for one in words(report, minute(seen))))


def swept(state: State, mark: Mark = Mark.LOOKED, *, at: float = 3 * 24 * 60, confirms: bool = True) -> State:
    """The state after the sweep settled it; it must still be open."""
    guess = settle(state, mark, minute(at), confirms=confirms)

    assert guess is not None

    return join(state, [guess])


#: Few times, reasons and texts, so that ties are common.
TIMES = st.integers(0, 4).map(minute)
REASONS = st.sampled_from((Reason.NONE, Reason.NONE, Reason.INVALID_ADDRESS, Reason.SPAM, Reason.UNKNOWN))
CODES = st.sampled_from(("", "30003", "550"))
RESPONSES = st.sampled_from(("", "no", "yes"))
ATTEMPTS = st.integers(0, 3)


def _bits(kinds: Iterable[Kind]) -> int:
    return word(*kinds).bits


KINDS = st.lists(st.sampled_from((*Status, *Status, *Engagement, *Mark)), max_size=3).map(_bits)

WORDS = st.builds(
    Word, KINDS, TIMES, REASONS, CODES, attempts=ATTEMPTS, attempt_at=st.none() | TIMES, response=RESPONSES
)

REPORTS = st.builds(
    Report,
    status=st.none() | st.sampled_from(Status),
    reason=REASONS,
    code=CODES,
    occurred_at=st.none() | TIMES,
    attempts=ATTEMPTS,
    attempt_at=st.none() | TIMES,
    engagement=st.lists(st.tuples(st.sampled_from(Engagement), TIMES), max_size=3).map(tuple),
    response=RESPONSES,
)

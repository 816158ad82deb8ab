"""When an open message is settled, and as what."""

from datetime import timedelta

import pytest

from rules.deadlines import ALLOWANCES, HARD_LIMIT, deadline, settle
from rules.reports import Word
from rules.state import join
from rules.statuses import OPEN, Channel, Mark, Status, marks_in
from tests.rules.saying import joined, minute, word

NOW = minute(9000)

HOUR = timedelta(hours=1)

#: What each open status becomes, and what on a route that gives no receipts.
GUESSES = {
    Status.PENDING: (Status.TIMED_OUT, Status.TIMED_OUT),
    Status.SENT: (Status.TIMED_OUT, Status.UNCONFIRMED),
    Status.DEFERRED: (Status.EXPIRED_OURS, Status.EXPIRED_OURS),
    Status.SOFT_BOUNCED: (Status.EXPIRED_OURS, Status.EXPIRED_OURS),
}


@pytest.mark.parametrize("mark", Mark)
@pytest.mark.parametrize("confirms", [True, False])
@pytest.mark.parametrize("status", sorted(OPEN))
def test_every_open_status_is_settled_and_the_mark_says_how(status: Status, mark: Mark, *, confirms: bool) -> None:
    expected = GUESSES[status][0 if confirms else 1]
    said = settle(joined(word(status)), mark, NOW, confirms=confirms)

    assert said == Word(expected.bit | mark.bit, NOW)


@pytest.mark.parametrize("confirms", [True, False])
@pytest.mark.parametrize("status", sorted(set(Status) - OPEN))
def test_what_is_settled_is_left_alone(status: Status, *, confirms: bool) -> None:
    assert settle(joined(word(Status.SENT), word(status)), Mark.LOOKED, NOW, confirms=confirms) is None


@pytest.mark.parametrize("mark", Mark)
@pytest.mark.parametrize("status", sorted(OPEN))
def test_settling_is_done_once_and_shows_whose_guess_it_is(status: Status, mark: Mark) -> None:
    said = settle(joined(word(status)), mark, NOW)

    assert said is not None
    state = join(joined(word(status)), [said])

    assert not state.status.is_open
    assert state.settled_by_sweep
    assert state.settled_from is status
    assert state.status_at == NOW
    assert marks_in(state.heard) == [mark]
    assert settle(state, mark, NOW) is None


def test_the_defaults_are_those_of_the_status_model() -> None:
    expected = {Channel.EMAIL: 72 * HOUR, Channel.SMS: 48 * HOUR, Channel.PUSH: 24 * HOUR}

    assert expected.items() <= ALLOWANCES.items()
    assert set(ALLOWANCES) == set(Channel)
    assert HARD_LIMIT == 24 * HOUR


@pytest.mark.parametrize(
    ("scheduled", "expected"),
    [(None, 60), (-30, 60), (0, 60), (90, 150)],
    ids=["not scheduled", "before", "at once", "later"],
)
def test_the_wait_begins_with_the_later_of_acceptance_and_scheduled_time(scheduled: int | None, expected: int) -> None:
    scheduled_at = None if scheduled is None else minute(scheduled)

    assert deadline(minute(0), scheduled_at, HOUR) == minute(expected)

"""The same reports give the same state in any order, repeats and batches; and which state that is."""

from collections.abc import Sequence
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.reports import Report, Word, words
from rules.state import State, earliest, join, latest
from rules.statuses import OPEN, Engagement, Mark, Reason, Status, marks_in, statuses_in
from tests.rules.saying import REPORTS, WORDS, joined, minute, swept, thoroughly, word

SEVERAL = st.lists(WORDS, max_size=7)


def by_definition(said: Sequence[Word]) -> State:
    """The state that the status model describes, found from all words at once."""
    heard = 0
    for one in said:
        heard |= one.bits
    top = max((status for status in Status if heard & status.bit), default=None)
    saying_it = [one for one in said if top is not None and one.bits & top.bit]
    first = [min((one.at for one in said if one.bits & kind.bit), default=None) for kind in Engagement]
    answers = [(one.at, one.response) for one in said if one.bits & Engagement.RESPONDED.bit]
    return State(
        heard,
        min((one.at for one in saying_it), default=None),
        min(((one.at, one.reason, one.code) for one in saying_it if one.reason), default=None),
        tuple(first),
        max(answers, default=None),
        max((one.attempts for one in said), default=0),
        max((one.attempt_at for one in said if one.attempt_at), default=None),
    )


@thoroughly
@given(said=SEVERAL, data=st.data())
def test_any_order_repeats_and_batches_give_the_same_state(said: list[Word], data: st.DataObject) -> None:
    expected = by_definition(said)
    repeated = data.draw(st.lists(st.sampled_from(said), max_size=4)) if said else []
    shuffled = data.draw(st.permutations(said + repeated))
    state, left = State(), shuffled
    while left:
        size = data.draw(st.integers(1, len(left)))
        state, left = join(state, left[:size]), left[size:]

    assert state == expected


@thoroughly
@given(reports=st.lists(REPORTS, max_size=5), data=st.data())
def test_reports_give_the_same_state_in_any_order_and_however_often_they_are_seen(
    reports: list[Report], data: st.DataObject
) -> None:
    """Each was first seen at some minute. Seeing it again later adds nothing, also where it has no time of its own."""
    seen = [(report, number) for number, report in enumerate(reports, 10)]
    again = [(report, number + 100) for report, number in seen]
    expected = join(State(), _words(seen))

    assert join(State(), _words(data.draw(st.permutations(seen + again)))) == expected


def _words(seen: Sequence[tuple[Report, int]]) -> list[Word]:
    return [one for report, number in seen for one in words(report, minute(number))]


@thoroughly
@given(said=SEVERAL)
def test_nothing_ever_goes_back(said: list[Word]) -> None:
    """A status only rises, what was heard is never forgotten, first times only become earlier, attempts only more."""
    states = [join(State(), said[:many]) for many in range(len(said) + 1)]

    for before, then in pairwise(states):
        assert then.status >= before.status
        assert then.settled_from >= before.settled_from
        assert before.heard & ~then.heard == 0
        assert then.attempts >= before.attempts
        assert all(_not_later(new, old) for new, old in zip(then.engagement, before.engagement, strict=True))
        assert before.response is None or (then.response is not None and then.response >= before.response)


def _not_later(new: object, old: object) -> bool:
    return old is None or (new is not None and new <= old)  # type: ignore[operator]


@pytest.mark.parametrize("one", Status)
@pytest.mark.parametrize("other", Status)
def test_of_two_statuses_the_higher_counts(one: Status, other: Status) -> None:
    expected = one if one.rank > other.rank else other
    states = [joined(word(one, at=1), word(other, at=2)), joined(word(other, at=2), word(one, at=1))]

    assert [state.status for state in states] == [expected, expected]
    assert statuses_in(states[0].heard) == sorted({one, other})


def test_ranks_are_those_of_the_status_model() -> None:
    expected = {
        "pending": 0,
        "sent": 10,
        "deferred": 20,
        "soft_bounced": 30,
        "timed_out": 40,
        "unconfirmed": 45,
        "expired_ours": 48,
        "expired": 50,
        "control_group": 52,
        "no_address": 53,
        "duplicate": 54,
        "blocked": 55,
        "not_sent": 60,
        "failed": 70,
        "hard_bounced": 80,
        "delivered": 90,
    }

    assert {status.word: status.rank for status in sorted(Status)} == expected
    assert {status.word for status in OPEN} == {"pending", "sent", "deferred", "soft_bounced"}


def test_every_kind_has_a_bit_of_its_own() -> None:
    bits = [kind.bit for family in (Status, Engagement, Mark) for kind in family]

    assert sorted(bits) == [1 << number for number in range(27)]


def test_what_nothing_was_said_about_is_pending() -> None:
    nothing = State()

    assert nothing.status is Status.PENDING
    assert nothing.settled_from is Status.PENDING
    assert (nothing.status_at, nothing.reason, nothing.code) == (None, Reason.NONE, "")
    assert join(nothing, [Word(0, minute(1), Reason.SPAM, "550")]) == nothing


def test_settled_from_is_the_highest_open_status() -> None:
    soft_bounced = joined(word(Status.SENT), word(Status.SOFT_BOUNCED), word(Status.DEFERRED), word(Status.EXPIRED))
    at_once = joined(word(Status.FAILED))

    assert soft_bounced.settled_from is Status.SOFT_BOUNCED
    assert at_once.settled_from is Status.PENDING


@pytest.mark.parametrize("status", Status)
def test_only_our_guesses_are_settled_by_the_sweep(status: Status) -> None:
    expected = status in {Status.TIMED_OUT, Status.EXPIRED_OURS}

    assert joined(word(Status.SENT), word(status)).settled_by_sweep is expected


def test_unconfirmed_is_ours_only_if_the_sweep_said_it() -> None:
    sent = joined(word(Status.SENT))
    unconfirmed = word(Status.UNCONFIRMED)

    assert swept(sent, confirms=False).settled_by_sweep
    assert not join(sent, [unconfirmed]).settled_by_sweep
    assert not join(swept(sent), [unconfirmed]).settled_by_sweep


@pytest.mark.parametrize("later", [status for status in Status if status > Status.TIMED_OUT])
def test_our_guess_gives_way_to_whatever_is_said_later(later: Status) -> None:
    moved = join(swept(joined(word(Status.SENT))), [word(later, at=9000)])

    assert moved.status is later
    assert moved.settled_from is Status.SENT
    assert moved.status_at == minute(9000)


@pytest.mark.parametrize("late", sorted(OPEN))
def test_a_late_open_status_does_not_move_what_is_settled(late: Status) -> None:
    guessed = swept(joined(word(Status.PENDING)))
    told = join(guessed, [word(late, at=9000)])

    assert told.status is Status.TIMED_OUT
    assert told.status_at == guessed.status_at
    assert told.settled_from is late


def test_the_time_of_a_status_is_that_of_its_earliest_report() -> None:
    state = joined(word(Status.FAILED, at=7), word(Status.FAILED, at=3), word(Status.SENT, at=1))

    assert state.status_at == minute(3)


def test_the_reason_of_a_status_is_that_of_its_earliest_report_that_gives_one() -> None:
    state = joined(
        word(Status.FAILED, at=2),
        word(Status.FAILED, at=4, reason=Reason.UNREACHABLE, code="30003"),
        word(Status.FAILED, at=3, reason=Reason.SPAM, code="30007"),
    )

    assert (state.status_at, state.reason, state.code) == (minute(2), Reason.SPAM, "30007")


def test_of_reasons_given_at_one_time_the_one_listed_first_is_shown() -> None:
    given_at_once = [word(Status.FAILED, reason=reason, code="1") for reason in Reason]
    codes = [word(Status.FAILED, reason=Reason.SPAM, code=code) for code in ("b", "a", "c")]

    assert joined(*reversed(given_at_once)).reason is Reason.INVALID_ADDRESS
    assert {joined(*order).code for order in permutations(codes)} == {"a"}


def test_reasons_are_listed_as_in_the_status_model() -> None:
    expected = (
        "invalid_address mailbox_full unreachable content_rejected too_large spam policy suppressed opted_out "
        "validity_expired canceled rate_limited account unknown"
    )

    assert [reason.word for reason in sorted(Reason) if reason] == expected.split()


def test_a_reason_goes_with_its_status() -> None:
    """A soft bounce's reason does not become that of a later failure, nor that of the delivery."""
    bounced = joined(word(Status.SOFT_BOUNCED, at=1, reason=Reason.MAILBOX_FULL, code="552"))

    assert join(bounced, [word(Status.FAILED, at=2)]).reason is Reason.NONE
    assert join(bounced, [word(Status.DELIVERED, at=2)]).code == ""
    assert join(bounced, [word(Status.SENT, at=0, reason=Reason.SPAM)]).reason is Reason.MAILBOX_FULL


def test_attempts_and_the_last_of_them_are_the_most_that_was_said() -> None:
    said = [
        Word(Status.DEFERRED.bit, minute(1), attempts=3, attempt_at=minute(5)),
        Word(0, minute(9), attempts=2, attempt_at=minute(7)),
        Word(Status.DELIVERED.bit, minute(2)),
    ]
    states = [joined(*order) for order in permutations(said)]

    assert {(state.attempts, state.last_attempt_at) for state in states} == {(3, minute(7))}


@pytest.mark.parametrize("kind", Engagement)
def test_engagement_keeps_its_first_time_and_means_delivered(kind: Engagement) -> None:
    state = joined(word(Status.SENT, at=0), word(kind, at=8), word(kind, at=6))

    assert state.first(kind) == minute(6)
    assert [other for other in Engagement if state.first(other)] == [kind]
    assert state.status is Status.DELIVERED
    assert state.status_at == minute(6)


def test_the_first_answer_is_dated_and_the_latest_counts() -> None:
    said = [
        word(Engagement.RESPONDED, at=5, response="yes"),
        word(Engagement.RESPONDED, at=3, response="no"),
        word(Engagement.READ, at=9),
    ]
    states = [joined(*order) for order in permutations(said)]

    assert {state.response for state in states} == {(minute(5), "yes")}
    assert {state.first(Engagement.RESPONDED) for state in states} == {minute(3)}


@pytest.mark.parametrize("mark", Mark)
def test_a_mark_stays_when_a_later_answer_corrects_the_guess(mark: Mark) -> None:
    corrected = join(swept(joined(word(Status.SENT)), mark), [word(Status.DELIVERED, at=9000)])

    assert corrected.status is Status.DELIVERED
    assert marks_in(corrected.heard) == [mark]


def test_of_two_times_either_may_be_missing() -> None:
    assert earliest(None, None) is latest(None, None) is None
    assert earliest(minute(1), None) == latest(None, minute(1)) == minute(1)
    assert (earliest(minute(1), minute(2)), latest(minute(1), minute(2))) == (minute(1), minute(2))

"""Settling: what open messages become after their last look, and what waits for one. Pure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rules.statuses import Mark, Status
from worker.settling import Standing, Terms, mark, settle

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

SENT = datetime(2026, 11, 22, 12, tzinfo=UTC)
DEADLINE = SENT + timedelta(hours=48)
LAG = timedelta(minutes=5)
HARD = timedelta(hours=24)
TERMS = Terms(LAG, None, HARD, confirms=True, asks=True)
HELD = replace(TERMS, asks=False)
AFTER = DEADLINE + LAG


def standing(*heard: Status, looked_at: datetime | None = AFTER, found: bool | None = True) -> Standing:
    bits = sum(status.bit for status in heard) or Status.SENT.bit
    return Standing(bits, SENT, DEADLINE, looked_at, found, askable=True, streamed=False)


NEVER_LOOKED = standing(looked_at=None, found=None)
UNASKABLE = replace(NEVER_LOOKED, askable=False)
STREAMED = replace(UNASKABLE, streamed=True)


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ((Status.PENDING,), Status.TIMED_OUT),
        ((Status.SENT,), Status.TIMED_OUT),
        ((Status.SENT, Status.DEFERRED), Status.EXPIRED_OURS),
        ((Status.SENT, Status.SOFT_BOUNCED), Status.EXPIRED_OURS),
        ((Status.DEFERRED, Status.SOFT_BOUNCED), Status.EXPIRED_OURS),
    ],
)
def test_each_open_status_becomes_its_guess(heard: tuple[Status, ...], expected: Status) -> None:
    word = settle(standing(*heard), TERMS, AFTER)

    assert word is not None
    assert (word.top, word.bits & Mark.LOOKED.bit, word.at) == (expected, Mark.LOOKED.bit, AFTER)


def test_without_receipts_sent_is_unconfirmed_and_everything_else_as_ever() -> None:
    terms = replace(TERMS, confirms=False)

    tops = [settle(standing(status), terms, AFTER) for status in (Status.SENT, Status.PENDING, Status.DEFERRED)]

    expected = [Status.UNCONFIRMED, Status.TIMED_OUT, Status.EXPIRED_OURS]
    assert [word and word.top for word in tops] == expected


@pytest.mark.parametrize("status", [status for status in Status if not status.is_open])
def test_what_is_settled_is_left_alone(status: Status) -> None:
    assert settle(standing(Status.SENT, status), TERMS, AFTER) is None


def test_nothing_is_settled_before_its_deadline_and_the_providers_lag() -> None:
    just_before = AFTER - timedelta(microseconds=1)

    assert mark(standing(), TERMS, just_before) is None
    assert mark(UNASKABLE, TERMS, just_before) is None
    assert mark(standing(), TERMS, AFTER) is Mark.LOOKED


def test_a_look_before_the_lag_was_over_is_not_the_last_one() -> None:
    assert mark(standing(looked_at=AFTER - timedelta(seconds=1)), TERMS, AFTER + HARD * 9) is None


def test_a_last_look_that_did_not_find_it_counts_and_is_marked() -> None:
    assert mark(standing(found=False), TERMS, AFTER) is Mark.NOT_FOUND


def test_while_the_provider_can_be_asked_the_last_look_is_waited_for_however_long() -> None:
    assert mark(NEVER_LOOKED, TERMS, AFTER + timedelta(days=400)) is None


def test_while_it_cannot_be_asked_the_hard_limit_ends_the_wait_and_that_is_marked() -> None:
    limit = DEADLINE + HARD

    assert mark(NEVER_LOOKED, HELD, limit - timedelta(seconds=1)) is None
    assert mark(NEVER_LOOKED, HELD, limit) is Mark.UNREACHED


def test_a_hard_limit_shorter_than_the_lag_does_not_settle_before_the_lag_is_over() -> None:
    terms = replace(HELD, hard_limit=timedelta(0))

    assert mark(NEVER_LOOKED, terms, DEADLINE) is None
    assert mark(NEVER_LOOKED, terms, AFTER) is Mark.UNREACHED


def test_what_nobody_can_ask_about_waits_for_nothing_also_while_the_account_is_held() -> None:
    assert [mark(UNASKABLE, terms, AFTER) for terms in (TERMS, HELD)] == [Mark.UNASKABLE] * 2


def test_a_stream_read_past_the_lag_is_the_last_look_and_one_read_before_is_not() -> None:
    read = [replace(TERMS, read_until=at) for at in (None, AFTER - timedelta(seconds=1), AFTER)]

    assert [mark(STREAMED, terms, AFTER) for terms in read] == [None, None, Mark.LOOKED]


def test_where_a_lookup_can_tell_what_a_stream_lost_the_stream_is_not_the_last_look() -> None:
    """Infobip gives each report once; the answer with it may never have arrived."""
    read = replace(TERMS, read_until=AFTER)

    assert mark(replace(STREAMED, askable=True), read, AFTER) is None
    assert mark(replace(STREAMED, askable=True, looked_at=AFTER, found=True), read, AFTER) is Mark.LOOKED


def test_a_provider_that_forgets_is_looked_at_before_and_the_message_settles_at_its_deadline() -> None:
    forgets = replace(TERMS, retention=timedelta(hours=24))
    looked = standing(looked_at=SENT + timedelta(hours=23))

    assert mark(looked, forgets, DEADLINE - timedelta(seconds=1)) is None
    assert mark(looked, forgets, DEADLINE) is Mark.LOOKED

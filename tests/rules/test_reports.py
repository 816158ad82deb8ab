"""A report becomes the words that are joined, and the JSON that people are shown."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.reports import Report, Word, fold, words
from rules.state import State, join
from rules.statuses import Engagement, Reason, Status
from tests.rules.saying import REPORTS, WORDS, joined, minute, thoroughly, word

SEEN = minute(30)


def test_a_report_is_one_word_at_the_providers_time() -> None:
    report = Report("id", "part", "ref", Status.DEFERRED, Reason.MAILBOX_FULL, "452", "full", minute(3), 2, minute(2))
    expected = Word(Status.DEFERRED.bit, minute(3), Reason.MAILBOX_FULL, "452", 2, minute(2))

    assert words(report, SEEN) == [expected]
    assert words(report, SEEN)[0].detail == "full"


def test_a_report_without_a_time_happened_when_it_was_seen() -> None:
    assert words(Report("id", status=Status.SENT), SEEN) == [Word(Status.SENT.bit, SEEN)]


def test_an_unknown_word_says_nothing() -> None:
    assert words(Report("id", unknown="teleported", occurred_at=minute(1), reason=Reason.SPAM), SEEN) == []


@pytest.mark.parametrize("report", [Report("id", attempts=4), Report("id", attempt_at=minute(1))])
def test_attempts_alone_are_a_word_without_a_status(report: Report) -> None:
    (said,) = words(report, SEEN)

    assert (said.bits, said.top) == (0, -1)
    assert (said.attempts, said.attempt_at) == (report.attempts, report.attempt_at)


@pytest.mark.parametrize("kind", Engagement)
def test_every_engagement_also_says_delivered(kind: Engagement) -> None:
    report = Report("id", engagement=((kind, minute(4)),), response="yes")
    response = "yes" if kind is Engagement.RESPONDED else ""

    assert words(report, SEEN) == [Word(kind.bit | Status.DELIVERED.bit, minute(4), response=response)]


def test_each_time_in_a_report_is_a_word_and_one_time_is_one_word() -> None:
    report = Report(
        "id",
        status=Status.DELIVERED,
        occurred_at=minute(1),
        engagement=(
            (Engagement.READ, minute(2)),
            (Engagement.CLICKED, minute(3)),
            (Engagement.ACKNOWLEDGED, minute(2)),
        ),
    )
    expected = [
        word(Status.DELIVERED, at=1),
        word(Engagement.READ, Engagement.ACKNOWLEDGED, at=2),
        word(Engagement.CLICKED, at=3),
    ]

    assert words(report, SEEN) == expected


@pytest.mark.parametrize("status", Status)
def test_the_top_of_a_word_is_its_highest_status(status: Status) -> None:
    assert word(Status.PENDING, status).top == status
    assert word(status, Engagement.READ).top == Status.DELIVERED


@thoroughly
@given(said=st.lists(WORDS, max_size=6), known=st.lists(WORDS, max_size=3))
def test_folding_changes_no_state_and_leaves_nothing_to_fold(said: list[Word], known: list[Word]) -> None:
    state = joined(*known)

    assert join(state, fold(said)) == join(state, said)
    assert fold(fold(said)) == fold(said)
    assert len({(one.at, one.reason, one.code, one.attempts, one.attempt_at, one.response) for one in fold(said)}) == (
        len(fold(said))
    )


@thoroughly
@given(report=REPORTS)
def test_the_words_of_a_report_say_all_that_it_says(report: Report) -> None:
    state = join(State(), words(report, SEEN))
    kinds = {kind for kind, _ in report.engagement}

    assert {kind for kind in Engagement if state.first(kind)} == kinds
    assert state.attempts == report.attempts
    assert state.last_attempt_at == report.attempt_at
    assert kinds or report.status is None or state.reason is report.reason
    assert bool(state.heard & Status.DELIVERED.bit) is (bool(kinds) or report.status is Status.DELIVERED)


@pytest.mark.parametrize(
    "change",
    [
        {"at": minute(2)},
        {"reason": Reason.SPAM},
        {"code": "550"},
        {"attempts": 2},
        {"attempt_at": minute(0)},
        {"response": "yes"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_words_that_differ_in_more_than_their_bits_stay_apart(change: dict[str, Any]) -> None:
    one = word(Engagement.RESPONDED, at=1, response="no")
    other = replace(one, **change)

    assert fold([one, other, one]) == [one, other]


def test_the_detail_takes_no_part_in_comparing() -> None:
    one, other = (Word(Status.SENT.bit, minute(1), detail=text) for text in ("queued", "accepted"))

    assert one == other
    assert fold([one, other]) == [one]


def test_json_shows_words_for_statuses_and_iso_times() -> None:
    summer = timezone(timedelta(hours=1))
    report = Report(
        provider_id="SM1",
        part="+447700900123",
        reference="order-1",
        status=Status.EXPIRED_OURS,
        reason=Reason.MAILBOX_FULL,
        code="552",
        detail="mailbox full",
        occurred_at=datetime(2026, 7, 1, 10, tzinfo=summer),
        attempts=3,
        engagement=((Engagement.READ, minute(0)),),
    )
    expected = {
        "provider_id": "SM1",
        "part": "+447700900123",
        "status": "expired_ours",
        "reason": "mailbox_full",
        "code": "552",
        "detail": "mailbox full",
        "occurred_at": "2026-07-01T10:00:00+01:00",
        "attempts": 3,
        "engagement": {"read_at": "2026-03-01T09:00:00+00:00"},
    }

    assert report.plain() == expected
    assert json.loads(json.dumps(report.plain())) == expected


def test_json_has_null_for_what_is_not_said() -> None:
    expected = dict.fromkeys(("status", "reason", "code", "detail", "occurred_at", "attempts"))

    assert Report("SM1").plain() == {"provider_id": "SM1", "part": "", "engagement": {}, **expected}


def test_json_shows_an_unknown_word_in_place_of_the_detail() -> None:
    shown = Report("SM1", unknown="teleported", detail="by beam").plain()

    assert (shown["status"], shown["detail"]) == (None, "teleported")

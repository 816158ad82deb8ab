"""The digest by which the same answer is known again."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest

from rules.reports import Report
from rules.statuses import Engagement, Reason, Status
from worker.hearing import digest

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)

REPORT = Report("SM1", "a", "order-1", Status.SENT, Reason.POLICY, "30007", "said", AT, 1, AT, (), "yes", "")

#: One other value for each thing that a report says.
OTHERS: dict[str, object] = {
    "provider_id": "SM2",
    "part": "b",
    "reference": "order-2",
    "status": Status.PENDING,
    "reason": Reason.SPAM,
    "code": "30008",
    "detail": "told",
    "occurred_at": AT + timedelta(microseconds=1),
    "attempts": 2,
    "attempt_at": None,
    "engagement": ((Engagement.READ, AT),),
    "response": "no",
    "unknown": "odd",
}


def test_an_answer_that_differs_in_anything_has_another_digest() -> None:
    """Else news would be dropped for old."""
    answers = [[REPORT], *([replace(REPORT, **{name: other})] for name, other in OTHERS.items())]  # type: ignore[arg-type]

    assert set(OTHERS) == {field.name for field in fields(Report)}
    assert [pair for pair in combinations(answers, 2) if digest(pair[0]) == digest(pair[1])] == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Report("a", "bc"), Report("ab", "c")),
        (Report("a", status=None), Report("a", status=Status.PENDING)),
        (Report("a", occurred_at=None), Report("a", attempt_at=AT)),
        (Report("a", code="1", detail=""), Report("a", code="", detail="1")),
    ],
)
def test_what_one_thing_says_is_not_taken_for_another(one: Report, other: Report) -> None:
    assert digest([one]) != digest([other])


def test_the_order_of_an_answer_is_nothing_new_and_a_report_more_is() -> None:
    other = replace(REPORT, status=Status.DELIVERED)

    assert digest([REPORT, other]) == digest([other, REPORT])
    assert len({digest([]), digest([REPORT]), digest([REPORT, REPORT]), digest([REPORT, other])}) == 4


def test_an_answer_has_the_same_digest_in_every_process() -> None:
    """It is stored with the watch, and another worker compares."""
    assert digest([REPORT]) == -8695719695304423918


def test_any_number_of_attempts_has_a_digest() -> None:
    assert digest([replace(REPORT, attempts=10**30)]) != digest([REPORT])


def test_a_text_that_is_no_unicode_has_a_digest() -> None:
    assert digest([replace(REPORT, detail="\ud800")]) != digest([REPORT])

"""Why a request was made the way it was is said in plain words."""

from datetime import UTC, datetime, timedelta

import pytest

from rules.why import Why, why

WINDOW = "by window 09:00:00 to 09:05:00"
NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)


def look(how: str, reason: Why | None, covered: int, expected: int, instead: int | None) -> dict[str, object]:
    until = NINE + timedelta(minutes=5)
    return {
        "how": how, "why": reason, "covered": covered, "expected": expected, "instead": instead,
        "since": NINE, "until": until,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            look("listing", Why.FEWEST, 412, 2, 412),
            f"{WINDOW} because 412 messages were due in it: 2 pages instead of 412 requests",
        ),
        (
            look("listing", Why.AHEAD, 1, 1, 1),
            f"{WINDOW} because 1 message was due in it and others soon are: 1 page, no more than by id",
        ),
        (
            look("listing", Why.ONLY, 3, 1, None),
            f"{WINDOW} because 3 messages were due in it: 1 page, and no other way to ask",
        ),
        (look("listing", Why.FEWEST, 0, 2, 412), f"{WINDOW} (a further page)"),
        (
            look("lookup", Why.FEWEST, 1, 1, 23),
            "by id because it takes 1 request for 1 message, and windows take 23 pages",
        ),
        (look("references", Why.ONLY, 1, 1, None), "by reference because there is no other way to ask"),
        (look("lookup", Why.UNSEEN, 1, 1, None), "by id because a window did not show it"),
        (
            look("lookup", Why.LONGER, 1, 1, None),
            "by id because a window was longer than expected: the rest of it would have taken more requests",
        ),
        (look("lookup", Why.APART, 1, 1, None), "by id because the answer about it and others could not be read"),
        (look("lookup", Why.PERSON, 1, 1, None), "by id because a person asked"),
        (look("feed", Why.ONLY, 0, 1, None), ""),
        (look("lookup", None, 1, 1, None), ""),
    ],
)
def test_each_reason_is_a_sentence(asked: dict[str, object], expected: str) -> None:
    assert why(asked) == expected

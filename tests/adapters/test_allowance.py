"""What headers say of how many requests are left is read in every usual form, and nothing is read into others."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from adapters.allowance import Allowance, read_allowance
from adapters.retry_after import LONGEST

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
IN_30 = int(NOW.timestamp()) + 30


def said(**headers: str) -> Allowance | None:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_allowance(httpx.Response(200, headers=given), NOW)


@pytest.mark.parametrize(
    ("headers", "left", "seconds"),
    [
        ({"ratelimit_remaining": "5", "ratelimit_reset": "30"}, 5, 30),
        ({"ratelimit_limit": "100", "ratelimit_remaining": "0", "ratelimit_reset": "7"}, 0, 7),
        ({"ratelimit": '"default";r=50;t=30'}, 50, 30),
        ({"ratelimit": '"second";r=9;t=1, "day"; r=3 ; t=600'}, 3, 600),
        ({"x_ratelimit_remaining": "499", "x_ratelimit_reset": str(IN_30)}, 499, 30),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(IN_30 * 1000 + 500)}, 0, 30.5),
        ({"x_ratelimit_remaining": "12", "x_ratelimit_reset": "24"}, 12, 24),
        ({"x_rate_limit_remaining": "3", "x_rate_limit_reset": "2.5"}, 3, 2.5),
        ({"x_ratelimit_remaining": "1", "x_ratelimit_reset": str(IN_30 - 60)}, 1, 0),
    ],
    ids=["draft", "draft, none left", "later draft", "two policies", "SendGrid", "milliseconds", "X, in seconds",
         "X with another dash", "already over"],
)  # fmt: skip
def test_what_is_left_and_for_how_long(headers: dict[str, str], left: int, seconds: float) -> None:
    assert said(**headers) == Allowance(left, timedelta(seconds=seconds))


def test_a_time_counts_from_the_providers_own_clock() -> None:
    later = str(IN_30 + 3600)

    told = said(x_ratelimit_remaining="1", x_ratelimit_reset=later, date="Tue, 24 Nov 2026 13:00:00 GMT")

    assert told == Allowance(1, timedelta(seconds=30))


def test_of_several_the_narrowest_counts() -> None:
    told = said(ratelimit_remaining="5", ratelimit_reset="30", x_ratelimit_remaining="4", x_ratelimit_reset="1")

    assert told == Allowance(4, timedelta(seconds=1))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_ratelimit_remaining": "5"},
        {"ratelimit_remaining": "-1", "ratelimit_reset": "5"},
        {"ratelimit_remaining": "many", "ratelimit_reset": "5"},
        {"x_ratelimit_remaining": "5", "x_ratelimit_reset": "Tue Feb 16 2021 09:02:42 GMT+0100"},
        {"ratelimit": "r=5"},
        {"ratelimit": '"a";r=x;t=3'},
        {"ratelimit_remaining": "\N{ARABIC-INDIC DIGIT FIVE}", "ratelimit_reset": "5"},
    ],
)
def test_nothing_is_read_into_what_cannot_be_understood(headers: dict[str, str]) -> None:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    assert read_allowance(httpx.Response(200, headers=given), NOW) is None


def test_no_header_keeps_us_away_for_longer_than_a_mistake_may() -> None:
    for reset in ("9" * 15, str(IN_30 + 10**7)):
        assert said(x_ratelimit_remaining="0", x_ratelimit_reset=reset) == Allowance(0, LONGEST)
    assert said(ratelimit='"a";r=0;t=999999999999999') == Allowance(0, LONGEST)

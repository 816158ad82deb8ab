"""How long a provider wants to be left alone, as answers say it."""

from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.retry_after import LONGEST, retry_after
from tests.adapters.recorded import NOW


def said(value: str, **headers: str) -> timedelta | None:
    answer = httpx.Response(429, headers={"retry-after": value} | headers)
    return retry_after(answer, NOW)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("5", 5),
        (" 120 ", 120),
        ("1.5", 1.5),
        ("00012", 12),
        ("86400", 86_400),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30),
        ("Tuesday, 24-Nov-26 12:00:30 GMT", 30),
        ("Tue Nov 24 12:00:30 2026", 30),
        ("Tue, 24 Nov 2026 13:00:30 +0100", 30),
    ],
)
def test_seconds_and_dates_are_understood(value: str, seconds: float) -> None:
    """All three forms of a date that RFC 9110 allows, too."""
    expected = timedelta(seconds=seconds)

    assert said(value) == expected


@pytest.mark.parametrize(
    "value", ["", "soon", "-5", "nan", "inf", "1e3", "1_000", "5s", "5, 6", "Tue, 99 Nov 2026 12:00:30 GMT", "\x00"]
)
def test_what_is_neither_says_nothing(value: str) -> None:
    assert said(value) is None


def test_no_header_says_nothing() -> None:
    assert retry_after(httpx.Response(429), NOW) is None


@pytest.mark.parametrize("value", ["86401", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_nobody_is_left_alone_for_longer_than_a_day(value: str) -> None:
    """It would rather be a mistake, and then a person would have to find it."""
    assert said(value) == timedelta(days=1) == LONGEST


def test_a_date_that_has_passed_means_now() -> None:
    assert said("Tue, 24 Nov 2026 11:59:00 GMT") == timedelta()


@pytest.mark.parametrize("skew", [timedelta(hours=-2), timedelta(), timedelta(hours=2)], ids=str)
def test_a_date_counts_by_the_providers_own_clock(skew: timedelta) -> None:
    """Whether theirs or ours is wrong."""
    theirs = NOW + skew
    form = "%a, %d %b %Y %H:%M:%S GMT"
    until = (theirs + timedelta(seconds=45)).strftime(form)

    assert said(until, date=theirs.strftime(form)) == timedelta(seconds=45)


def test_a_date_counts_by_our_clock_if_theirs_cannot_be_read() -> None:
    assert said("Tue, 24 Nov 2026 12:00:30 GMT", date="today") == timedelta(seconds=30)


@given(
    st.text(st.characters(max_codepoint=255)),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-23)), timezone(timedelta(hours=14))])),
)
def test_anything_at_all_gives_a_bearable_wait_or_none(value: str, now: datetime) -> None:
    answer = httpx.Response(429, headers=[(b"retry-after", value.encode("latin-1"))])
    wait = retry_after(answer, now)

    assert wait is None or timedelta() <= wait <= LONGEST

"""Durations as people write them are read exactly, written so that they can be read, and refused with help."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.durations import LONGEST, parse, roughly, text
from tests.rules.saying import thoroughly


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0s", timedelta()),
        ("250ms", timedelta(milliseconds=250)),
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("48h", timedelta(hours=48)),
        ("7d", timedelta(days=7)),
        ("1h30m", timedelta(minutes=90)),
        ("1d 2h 3m 4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("1.5h", timedelta(minutes=90)),
        ("0.1s", timedelta(milliseconds=100)),
        ("30m30m", timedelta(hours=1)),
    ],
)
def test_a_duration_is_read_exactly(written: str, expected: timedelta) -> None:
    assert parse(written) == expected


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "s",
        "90",
        "48 h",
        "1h30",
        "1 5m",
        "-5m",
        "5m\n",
        "1,5h",
        "1.h",
        ".5h",
        "5min",
        "5M",
        "1e3s",
        "١٥m",
        "nans",
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write it like 90s, 15m, 48h or 7d") as caught:
        parse(written)

    assert str(caught.value).startswith(repr(written))


@pytest.mark.parametrize("written", ["365000d1s", "9" * 20 + "d", "9" * 400 + ".0s", "9" * 5000 + "s"])
def test_what_cannot_be_kept_is_refused_with_the_longest_that_can(written: str) -> None:
    with pytest.raises(ValueError, match="is longer than any time that can be kept; the longest is 365000d") as caught:
        parse(written)

    assert len(str(caught.value)) < 150


def test_the_longest_is_read() -> None:
    assert parse("365000d") == LONGEST


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (timedelta(), "0s"),
        (timedelta(milliseconds=1), "1ms"),
        (timedelta(microseconds=400), "0s"),
        (timedelta(microseconds=600), "1ms"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(hours=48), "2d"),
        (timedelta(days=1, milliseconds=5), "1d5ms"),
    ],
)
def test_a_duration_is_written_with_the_largest_units(duration: timedelta, expected: str) -> None:
    assert text(duration) == expected


@thoroughly
@given(milliseconds=st.integers(0, LONGEST // timedelta(milliseconds=1)))
def test_what_is_written_is_read_as_the_same(milliseconds: int) -> None:
    expected = timedelta(milliseconds=milliseconds)

    assert parse(text(expected)) == expected


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (timedelta(), "a moment"),
        (timedelta(seconds=-5), "a moment"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=59), "59 seconds"),
        (timedelta(seconds=90), "1 minute"),
        (timedelta(hours=1, seconds=59), "1 hour"),
        (timedelta(hours=1, minutes=2, seconds=59), "1 hour 2 minutes"),
        (timedelta(hours=48), "2 days"),
        (timedelta(days=2, minutes=5), "2 days"),
        (timedelta(days=14, hours=3, minutes=5), "14 days 3 hours"),
    ],
)
def test_a_rough_duration_has_its_largest_units_in_words(duration: timedelta, expected: str) -> None:
    assert expected == roughly(duration)

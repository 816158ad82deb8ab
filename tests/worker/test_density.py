"""What windows showed is remembered by the time of sending, so that one busy hour makes no other one dear."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.density import MOST, REACH, STRETCH, Density

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def minutes(first: int, last: int) -> tuple[datetime, datetime]:
    """So many minutes after noon."""
    return NOON + first * MINUTE, NOON + last * MINUTE


def test_nothing_is_expected_where_nothing_is_known() -> None:
    assert Density().between(*minutes(0, 60)) == 0


def test_a_window_is_expected_to_show_what_it_showed() -> None:
    known = Density()
    known.learn(*minutes(0, 10), 1000)

    assert known.between(*minutes(0, 10)) == pytest.approx(1000)
    assert known.between(*minutes(2, 4)) == pytest.approx(200)


def test_what_follows_is_taken_to_be_alike_for_a_while_and_then_to_be_empty() -> None:
    known = Density()
    known.learn(*minutes(0, 1), 60)
    reach = REACH // STRETCH

    assert known.between(*minutes(1, 3)) == pytest.approx(120)
    assert known.between(*minutes(1 + reach, 3 + reach)) == 0


def test_what_was_before_all_that_is_known_is_taken_for_the_average() -> None:
    known = Density()
    known.learn(*minutes(0, 1), 60)
    known.learn(*minutes(1, 2), 180)

    assert known.between(*minutes(-10, 0)) == pytest.approx(1200)


def test_a_long_window_is_taken_to_lie_as_it_did_before() -> None:
    known = Density()
    known.learn(*minutes(0, 10), 10_000)
    known.learn(*minutes(10, 60), 50)

    known.learn(*minutes(0, 60), 20_100)

    assert known.between(*minutes(0, 10)) == pytest.approx(20_000, rel=0.01)
    assert known.between(*minutes(10, 60)) == pytest.approx(100, rel=0.01)


def test_what_was_empty_may_fill() -> None:
    known = Density()
    known.learn(*minutes(0, 10), 0)

    known.learn(*minutes(0, 10), 500)

    assert known.between(*minutes(0, 10)) == pytest.approx(500)


def test_a_part_of_a_minute_counts_for_its_part() -> None:
    known = Density()
    known.learn(*minutes(0, 1), 60)

    known.learn(NOON, NOON + MINUTE / 2, 60)

    assert known.between(*minutes(0, 1)) == pytest.approx(90)


def test_a_window_of_no_length_teaches_nothing() -> None:
    known = Density()
    known.learn(NOON, NOON, 5)

    assert known.news() == {}


def test_only_what_makes_a_difference_is_news_and_only_once() -> None:
    known = Density()
    known.learn(*minutes(0, 2), 400)
    first = known.news()
    known.learn(*minutes(0, 2), 404)
    second = known.news()
    known.learn(*minutes(1, 2), 300)

    assert first == {NOON: 200, NOON + MINUTE: 200}
    assert second == {}
    assert known.news() == {NOON + MINUTE: 300}


def test_what_was_kept_is_known_again() -> None:
    known = Density()
    known.learn(*minutes(0, 5), 500)
    again = Density()
    again.recall(known.news())

    assert again.between(*minutes(1, 3)) == pytest.approx(200)
    assert again.news() == {}


def test_the_oldest_is_forgotten() -> None:
    known = Density()
    for day in range(3):
        known.learn(NOON + timedelta(days=day), NOON + timedelta(days=day + 1), 86400)

    assert len(known.news()) == MOST
    assert known.between(NOON + timedelta(days=1), NOON + timedelta(days=3)) == pytest.approx(2 * 86400)


def test_windows_that_hide_messages_are_not_relied_on_until_they_show_them_again() -> None:
    known = Density()
    said = [known.is_reliable]
    for shown in (0, 1, 1, 1, 1, 1):
        known.showed(shown, 1)
        said.append(known.is_reliable)

    assert said[:2] == [True, False]
    assert said[-1]


@given(
    st.lists(st.tuples(st.floats(0, 10_000), st.floats(1, 5_000), st.integers(0, 100_000)), max_size=20),
    st.lists(st.floats(-1000, 20_000), min_size=2, max_size=2),
)
def test_never_less_than_nothing_is_expected_and_a_longer_window_never_shows_less(
    read: list[tuple[float, float, int]], ends: list[float]
) -> None:
    """Whatever order windows were read in; asking in between changes nothing."""
    asked, silent = Density(), Density()
    for since, length, messages in read:
        first = NOON + timedelta(seconds=since)
        for known in (asked, silent):
            known.learn(first, first + timedelta(seconds=length), messages)
        asked.between(NOON, first)
    first, last = (NOON + timedelta(seconds=end) for end in sorted(ends))

    assert silent.between(first, last) == pytest.approx(asked.between(first, last), rel=1e-6, abs=1e-6)
    assert silent.between(first, last) >= -1e-6
    assert silent.between(first, last) <= silent.between(first, last + MINUTE) + 1e-6

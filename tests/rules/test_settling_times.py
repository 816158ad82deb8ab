"""Settling times: whoever is still open counts for as long as was seen, a time between looks for what it says."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.settling_between import SPREAD, estimate
from rules.settling_times import Curve, Observed, curve
from tests.rules.saying import thoroughly
from tests.rules.settling import HORIZON, drawn, seen, text_messages

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

EXACT = st.builds(lambda age, count: Observed(age, age, count), st.integers(0, 60), st.integers(1, 4))
OPEN = st.builds(lambda age, count: Observed(age, None, count), st.integers(0, 60), st.integers(1, 4))
BETWEEN = st.builds(
    lambda after, length, count: Observed(after, after + length, count),
    st.integers(0, 50),
    st.integers(1, 30),
    st.integers(1, 4),
)


def steps(found: Curve) -> dict[float, float]:
    return dict(zip(found.ages, found.weights, strict=True))


def test_a_sample_that_was_followed_to_the_end_is_itself() -> None:
    found = curve(seen(3, 5, 5, 0, None, 101, horizon=100), 100)

    assert steps(found) == {0: 1, 3: 1, 5: 2}
    assert (found.never, found.total, found.shares) == (2, 6, (1 / 6, 2 / 6, 4 / 6))
    assert (found.exact, found.open, found.known_until) == (True, 0, 100)


def test_the_product_limit_is_that_of_the_textbook() -> None:
    """The 6-MP arm of Freireich's leukaemia trial of 1963, as in Cox and Oakes, "Analysis of Survival Data", 1984."""
    settled = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    still_open = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    expected = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]

    found = curve([*(Observed(age, age) for age in settled), *(Observed(age, None) for age in still_open)], 100)

    assert list(found.ages) == [6, 7, 10, 13, 16, 22, 23]
    assert [1 - share for share in found.shares] == pytest.approx(expected, abs=6e-4)
    assert (found.open, found.known_until) == (12, 35)


def test_who_settles_as_another_is_last_seen_open_settles_first() -> None:
    assert steps(curve([Observed(5, 5), Observed(5, None), Observed(9, 9)], 100)) == {5: 1, 9: 2}


def test_what_settles_after_the_horizon_counts_as_never() -> None:
    found = curve([Observed(5, 5), Observed(11, 11), Observed(9, 12), Observed(40, None)], 10)

    assert steps(found) == {5: 1}
    assert found.never == 3


def test_looks_that_all_messages_share_give_the_counts_between_them() -> None:
    found = curve([Observed(0, 10, 6), Observed(10, 30, 3), Observed(30, None, 1)], 100)

    assert (found.settled(10), found.settled(30)) == pytest.approx((0.6, 0.9))
    assert found.between == pytest.approx(9)
    assert len(found.ages) == 2 * SPREAD
    assert not found.exact


def test_turnbulls_estimate_is_that_of_the_textbook() -> None:
    """The radiotherapy arm of Finkelstein and Wolfe, 1985, as in Klein and Moeschberger, "Survival Analysis", 5.2."""
    between = (
        "6-10 0-7 7-16 7-14 37-44 0-8 4-11 11-15 25-37 26-40 27-34 36-44 36-48 17-25"
        " 11-18 5-12 0-5 5-11 19-35 17-25 19-26"
    )
    still_open = (
        *(45, 46, 46, 17, 15, 22, 46, 46, 46, 46, 46, 37, 40),
        *(46, 38, 37, 18, 24, 36, 24, 32, 33, 37, 34, 36),
    )
    expected = {4: 1.0, 6: 0.954, 7: 0.920, 11: 0.832, 24: 0.761, 33: 0.668, 38: 0.586, 46: 0.467, 48: 0.0}

    ends = [[int(end) for end in one.split("-")] for one in between.split()]
    found = curve([*(Observed(*one) for one in ends), *(Observed(age, None) for age in still_open)], 100)

    assert {age: 1 - found.settled(age) for age in expected} == pytest.approx(expected, abs=2e-3)


def test_looks_with_jitter_tell_what_is_settled_where_they_are() -> None:
    """And between them, weight is spread, and not heaped at their edges."""
    times = drawn(text_messages, 3000, 1)
    chance = Random(2)  # noqa: S311 - jitter, the same each time
    observed = []
    for time in times:
        looks = [0.0, *(look * (1 + chance.random() / 10) for look in (5, 15, 45, 120, 300, 900, 3600))]
        later = [look for look in looks if time is not None and look >= time]
        observed.append(Observed(looks[-len(later) - 1] if later else looks[-1], later[0] if later else None))
    expected = curve(seen(*times), HORIZON)

    found = curve(observed, HORIZON)
    differences = {age: found.settled(age) - expected.settled(age) for age in (5.2, 10, 15.7, 30, 47, 80, 126, 315)}

    assert max(map(abs, differences.values())) < 0.06
    assert max(abs(differences[age]) for age in (5.2, 15.7, 47, 126, 315)) < 0.025


def test_who_is_followed_to_the_horizon_never_settles_before_it() -> None:
    observed = [Observed(10 + n / 10, 96 + n / 100, 1) for n in range(100)]

    assert curve([*observed, Observed(100, None, 50)], 100).never == pytest.approx(50)


@thoroughly
@given(st.lists(EXACT | OPEN, min_size=1, max_size=12))
def test_turnbulls_estimate_is_the_product_limit_where_no_time_lies_between_looks(observed: list[Observed]) -> None:
    exact: dict[float, int] = {}
    left: dict[float, int] = {}
    for one in observed:
        place = exact if one.until is not None else left
        place[one.after] = place.get(one.after, 0) + one.count
    expected = curve(observed, 100)

    points, never, _ = estimate(exact, left, {})

    assert dict(points) == pytest.approx(steps(expected), abs=1e-3)
    assert never == pytest.approx(expected.never, abs=1e-3)


@thoroughly
@given(st.lists(EXACT | OPEN | BETWEEN, max_size=12))
def test_no_message_is_lost_or_made_up(observed: list[Observed]) -> None:
    found = curve(observed, 70)

    assert found.total == pytest.approx(sum(one.count for one in observed))
    assert list(found.ages) == sorted(set(found.ages))
    assert all(weight >= 0 for weight in (*found.weights, found.never))


@pytest.mark.parametrize("wrong", [Observed(5, 4), Observed(0, 1, -1), Observed(float("nan"), None)])
def test_what_contradicts_itself_is_refused(wrong: Observed) -> None:
    with pytest.raises(ValueError, match="contradicts itself"):
        curve([wrong], 100)


def test_ages_below_nothing_are_nothing() -> None:
    assert steps(curve([Observed(-2, -2), Observed(-1, 0)], 100)) == {0: 2}

"""Smoothing: a few times say what others are likely to be, and steps that are sharp stay sharp."""

from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.settling_times import Observed, curve
from rules.smoothing import smoothed
from tests.rules.saying import thoroughly
from tests.rules.settling import HORIZON, KINDS, drawn, greylisted_mail, heavy_tail, one_time_codes, seen


@thoroughly
@given(st.lists(st.none() | st.floats(0, 2 * HORIZON), max_size=40))
def test_messages_stay_as_many(times: list[float | None]) -> None:
    given_times = curve(seen(*times), HORIZON)

    found = smoothed(given_times)

    assert found.total == pytest.approx(given_times.total)
    assert found.never >= given_times.never - 1e-6
    assert all(one < other for one, other in pairwise((*found.ages, HORIZON * (1 + 1e-9))))
    assert all(weight >= 0 for weight in found.weights)


@pytest.mark.parametrize("kind", KINDS)
def test_at_every_age_nearly_as_many_are_settled_as_in_many_other_times(kind: Callable[[Random], float | None]) -> None:
    truth = curve(seen(*drawn(kind, 30_000, 2)), HORIZON)

    found = smoothed(curve(seen(*drawn(kind, 3000, 1)), HORIZON))
    differences = [abs(found.settled(age) - truth.settled(age)) for age in (1, 3, 10, 30, 100, 310, 1000, 3630, 20_000)]

    assert max(differences) < 0.03


def test_a_tail_goes_on_where_nothing_was_seen_as_a_power_law_does() -> None:
    """Of 300 messages none may be as late as one in 2,000 is; the law says that some would be, and about how many."""
    times = curve(seen(*drawn(heavy_tail, 300, 4)), HORIZON)
    age = 2 * times.ages[-1]
    expected = (5 / age) ** 1.2

    assert times.settled(age) == 1
    assert 1 - smoothed(times).settled(age) == pytest.approx(expected, rel=2)


def test_a_tail_that_ends_is_not_drawn_out() -> None:
    times = curve(seen(*drawn(one_time_codes, 3000, 1)), HORIZON)

    assert smoothed(times).settled(120) == pytest.approx(times.settled(120), abs=3e-4)


def test_a_steep_rise_stays_where_it_is() -> None:
    """Nothing comes between 30 s and 5 min, and then a tenth of all within a minute."""
    found = smoothed(curve(seen(*drawn(greylisted_mail, 3000, 1)), HORIZON))

    assert found.settled(295) - found.settled(60) < 0.01
    assert found.settled(360) - found.settled(295) > 0.15


def test_many_messages_at_one_age_stay_there() -> None:
    found = smoothed(curve([Observed(10, 10, 500), Observed(11, 11, 500)], HORIZON))

    assert found.settled(9.99) == 0
    assert found.settled(10) == pytest.approx(0.5, abs=1e-3)

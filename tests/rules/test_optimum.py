"""The optimum: nothing that trying every schedule finds is better, and what is not tried is bounded."""

from collections.abc import Callable
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import places as places_of
from rules.checking import Figures, judge
from rules.optimum import QUICK, THOROUGH, Effort, least_cost, least_delay
from rules.places import places
from rules.settling_times import Curve, Observed, curve
from tests.rules.saying import thoroughly
from tests.rules.settling import HORIZON, KINDS, drawn, seen

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

END = 100.0

#: Few ages, several messages at some, some that never settle, sometimes one at the horizon itself.
SMALL = st.builds(
    lambda ages, never: curve([*(Observed(age, age, count) for age, count in ages), Observed(END, None, never)], END),
    st.lists(
        st.tuples(st.integers(0, 40) | st.floats(0.125, END, width=32), st.integers(1, 4)), min_size=1, max_size=7
    ),
    st.integers(0, 4),
)


def every(times: Curve) -> list[Figures]:
    """The figures of every schedule whose looks are at ages of settling."""
    ages = [age for age in times.ages if age < END]
    return [judge(times, looks) for count in range(len(ages) + 1) for looks in combinations(ages, count)]


@thoroughly
@given(times=SMALL, budget=st.floats(1, 7))
def test_no_schedule_of_the_same_cost_has_less_delay(times: Curve, budget: float) -> None:
    expected = min(one.mean_delay or 0.0 for one in every(times) if one.looks_per_message <= budget + 1e-12)

    where = places(times)
    best = least_delay(where, (budget - 1) * times.total)
    found = judge(times, [where.ages[look] for look in best.path.looks])

    assert found.mean_delay == pytest.approx(expected, rel=2 * THOROUGH.near, abs=1e-9)
    assert found.looks_per_message <= budget + 1e-9
    assert best.bound / times.settling <= expected + 1e-9


@thoroughly
@given(times=SMALL, delay=st.floats(0, 60))
def test_no_schedule_with_so_little_delay_costs_less(times: Curve, delay: float) -> None:
    expected = min(one.looks_per_message for one in every(times) if (one.mean_delay or 0.0) <= delay)

    where = places(times)
    best = least_cost(where, delay * times.settling)
    found = judge(times, [where.ages[look] for look in best.path.looks])

    assert found.looks_per_message == pytest.approx(expected, rel=2 * THOROUGH.near)
    assert found.mean_delay is not None
    assert found.mean_delay <= delay + 1e-9
    assert best.bound / times.total + 1 <= expected + 1e-9


def test_the_best_schedule_is_found_where_any_rate_of_exchange_misses_it() -> None:
    """The first two looks are a bargain together only: costs and delays on a line from none to both."""
    times = curve([Observed(1, 1, 10), Observed(50, 50, 9), Observed(90, 90, 10), Observed(END, None, 10)], END)
    where = places(times)
    rates = [rate / 100 for rate in range(1, 20_000)]
    on_hull = {
        min((one.mean_delay * 29 + rate * one.looks_per_message, one.looks) for one in every(times) if one.mean_delay)[
            1
        ]
        for rate in rates
    }

    budgets = [1 + extra / 39 for extra in range(60)]
    found = {
        tuple(where.ages[look] for look in least_delay(where, (budget - 1) * times.total).path.looks[:-1])
        for budget in budgets
    }

    assert found - on_hull


@pytest.mark.parametrize("kind", KINDS)
def test_two_hundred_times_are_solved_within_two_in_a_hundred_and_proved(
    kind: Callable[[Random], float | None],
) -> None:
    times = curve(seen(*drawn(kind, 200, 1)), HORIZON)
    where = places(times)

    for budget in (1.2, 2, 4, 8):
        best = least_delay(where, (budget - 1) * times.total)

        assert best.path.delay <= best.bound * 1.02 + 1e-6


@pytest.mark.parametrize("kind", KINDS[:2])
def test_five_thousand_times_are_solved_near_to_the_bound(kind: Callable[[Random], float | None]) -> None:
    times = curve(seen(*drawn(kind, 5000, 1)), HORIZON)
    best = least_delay(places(times), 3 * times.total)

    assert best.path.cost <= 3 * times.total
    assert best.path.delay <= best.bound * 1.02


def test_many_ages_are_taken_together_and_cost_what_was_promised_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look moves by a thousandth of its age (or of a second), or twice that, ... and the cost does not rise."""
    times = curve(seen(*drawn(KINDS[0], 2000, 3)), HORIZON)
    exact = places(times)
    expected = least_delay(exact, times.total).path
    monkeypatch.setattr(places_of, "MOST", 500)

    few = places(times)
    found = least_delay(few, times.total).path
    ratio = max(
        (min(age for age in few.ages if age >= exact.ages[look]) - exact.ages[look]) / max(exact.ages[look], 1)
        for look in expected.looks
    )
    mean_known = (expected.delay + exact.spent[-1]) / times.settling

    assert len(few.ages) <= 501
    assert ratio <= 0.032
    assert found.cost <= times.total
    assert found.delay / times.settling <= expected.delay / times.settling + ratio * (mean_known + 1) + 1e-6


def test_a_search_that_is_cut_short_still_keeps_to_the_cost_and_tells_the_bound() -> None:
    times = curve(seen(*drawn(KINDS[1], 1000, 2)), HORIZON)
    where = places(times)
    short, whole = least_delay(where, times.total, Effort(1e-4, 1)), least_delay(where, times.total)

    assert short.path.cost <= times.total
    assert short.bound <= whole.path.delay <= short.path.delay


def test_a_quick_search_is_as_near_as_it_says() -> None:
    times = curve(seen(*drawn(KINDS[0], 300, 2)), HORIZON)
    where = places(times)

    assert least_delay(where, times.total, QUICK).path.delay <= 1.05 * least_delay(where, times.total).path.delay


def test_less_delay_than_a_look_at_every_place_leaves_is_refused() -> None:
    where = places(curve(seen(1, 2, 3, horizon=END), END), [10.0, 20.0])

    with pytest.raises(ValueError, match="so little delay"):
        least_cost(where, 1)


def test_no_look_is_before_the_first_useful_one() -> None:
    where = places(curve(seen(1, 2, 30, horizon=END), END), first=15)

    assert list(where.ages) == [15, 30, END]
    assert list(where.known) == [2, 3, 3]

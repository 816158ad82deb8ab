"""Suggesting: on times that it has not seen, a schedule is near the best there is and better than others at its cost.

The truth is 100,000 times that the schedule was not fitted to.
"""

from collections.abc import Callable, Iterator
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import rounding
from rules.checking import judge
from rules.optimum import Effort, least_delay
from rules.places import Places, places
from rules.settling_times import Observed, curve
from rules.suggesting import Goal, Suggestion, Unreachable, held_out, suggest, to_use
from tests.rules.saying import thoroughly
from tests.rules.settling import (
    HORIZON,
    KINDS,
    Truth,
    drawn,
    fast_and_slow_handsets,
    one_time_codes,
    seen,
    text_messages,
)

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

Kind = Callable[[Random], float | None]

#: How much more delay than that of the schedule that knows the truth is allowed.
ALLOWED = 1.5

#: First looks, in seconds, of the back-offs that are tried.
FIRST = (1, 2, 5, 10, 15, 30, 60, 120, 300, 900)


@cache
def truth(kind: Kind) -> tuple[Truth, Places]:
    """Many times of a kind; and as places, at steps of a two-hundredth of the age or 50 ms."""
    times = drawn(kind, 100_000, 0)
    ages, age = [], 0.05
    while age < HORIZON:
        ages.append(age)
        age += max(0.05, age / 200)
    return Truth.of(times), places(curve(seen(*times), HORIZON), ages)


def backed_off(first: float, factor: float) -> Iterator[float]:
    """Looks whose ages grow by a factor: exponential back-off."""
    while first < HORIZON:
        yield first
        first *= factor


def every(interval: float) -> Iterator[float]:
    """Looks at a fixed interval."""
    look = interval
    while look < HORIZON:
        yield look
        look += interval


def as_dear(
    known: Truth, looks: Callable[[float], Iterator[float]], most: float, low: float, high: float
) -> list[float]:
    """The densest of these schedules that costs at most `most`; it gets cheaper from `low` to `high`."""
    for _ in range(14):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if known.cost(looks(middle)) <= most else (middle, high)
    return list(looks(high))


@pytest.mark.parametrize("budget", [2, 4, 8])
@pytest.mark.parametrize("kind", KINDS)
def test_on_unseen_times_it_is_near_the_best_and_beats_back_off_and_fixed_intervals(kind: Kind, budget: float) -> None:
    known, where = truth(kind)
    given_times = curve(seen(*drawn(kind, 3000, 1)), HORIZON)

    looks = to_use(given_times, Goal(looks_per_message=budget))
    cost, delay = known.cost(looks), known.delay(looks)
    # The bound: no schedule of this cost has less.
    best = least_delay(where, (cost - 1) * known.total, Effort(1, 0)).bound / len(known.ages)
    others = [
        as_dear(known, lambda factor, first=first: backed_off(first, factor), cost, 1.01, HORIZON / first)  # type: ignore[misc]
        for first in FIRST
        if known.cost([first]) <= cost
    ]
    fixed = as_dear(known, every, cost, 1, HORIZON)

    assert judge(given_times, looks).looks_per_message <= budget
    assert delay <= ALLOWED * best
    assert delay < min(map(known.delay, others))
    assert delay < known.delay(fixed)


def suggested(kind: Kind, count: int, goal: Goal) -> Suggestion:
    return suggest(seen(*drawn(kind, count, 1)), HORIZON, goal)


@pytest.mark.parametrize("kind", [text_messages, fast_and_slow_handsets])
def test_held_out_figures_are_near_the_truth_and_the_optimum_flatters_itself(kind: Kind) -> None:
    known, _ = truth(kind)
    found = suggested(kind, 2000, Goal(looks_per_message=3))
    expected = known.delay(found.use.looks)

    assert found.held_out is not None
    assert found.held_out.mean_delay == pytest.approx(expected, rel=0.2)
    assert found.held_out.looks_per_message == pytest.approx(known.cost(found.use.looks), rel=0.05)
    assert found.optimum.mean_delay is not None
    assert found.optimum.mean_delay < expected
    assert found.bound == pytest.approx(found.optimum.mean_delay, rel=0.02)


def test_a_mean_delay_is_kept_to_with_few_looks() -> None:
    found = suggested(fast_and_slow_handsets, 1000, Goal(mean_delay=300))

    assert (found.use.mean_delay or 0) <= 300
    assert (found.optimum.mean_delay or 0) <= 300
    assert found.bound <= found.optimum.looks_per_message <= found.use.looks_per_message
    assert found.use.looks_per_message <= 1.5 * found.optimum.looks_per_message


def test_looks_are_round() -> None:
    """Four in five are at ages a tenth apart or more, and none is finer than the finest."""
    looks = to_use(curve(seen(*drawn(fast_and_slow_handsets, 2000, 1)), HORIZON), Goal(looks_per_message=4))
    round_ages = {age for coarseness in rounding.COARSENESS[:3] for age in rounding.ages(0, HORIZON, coarseness)}

    assert len([look for look in looks if look in round_ages]) >= 0.8 * len(looks)
    assert set(looks) <= {age for coarseness in rounding.COARSENESS for age in rounding.ages(0, HORIZON, coarseness)}


#: Each example makes a schedule several times.
fairly = settings(thoroughly, max_examples=20)

TIMES = st.lists(
    st.builds(
        lambda after, length, count: Observed(after, None if length is None else after + length, count),
        st.floats(0, 3600, width=32),
        st.just(0.0) | st.none() | st.floats(1, 600, width=32),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=8,
)


@fairly
@given(observed=TIMES, budget=st.floats(1, 20))
def test_whatever_the_times_it_costs_no_more_than_was_asked(observed: list[Observed], budget: float) -> None:
    given_times = curve(observed, HORIZON)

    looks = to_use(given_times, Goal(looks_per_message=budget))

    assert judge(given_times, looks).looks_per_message <= budget * (1 + 1e-9)


@fairly
@given(observed=TIMES, delay=st.floats(600, 7200))
def test_whatever_the_times_it_is_no_later_than_was_asked(observed: list[Observed], delay: float) -> None:
    given_times = curve(observed, HORIZON)

    looks = to_use(given_times, Goal(mean_delay=delay))

    assert (judge(given_times, looks).mean_delay or 0.0) <= delay * (1 + 1e-9)


def test_a_budget_of_one_look_is_the_last_one() -> None:
    found = suggested(text_messages, 100, Goal(looks_per_message=1))

    # Nobody is open after the very last of the times given, so a look there costs nothing.
    assert found.optimum.looks_per_message == found.use.looks_per_message == 1
    assert len(found.optimum.looks) <= 1


def test_an_absurd_budget_gives_a_schedule_that_can_still_be_written() -> None:
    found = suggested(one_time_codes, 500, Goal(looks_per_message=10_000))

    assert found.optimum.mean_delay == 0
    assert len(found.use.looks) <= 200


@pytest.mark.parametrize(
    "observed",
    [seen(None, None), seen(10), seen(0), [Observed(10, 10, 1000)], [Observed(0, 0, 20)], seen(5, horizon=3600)],
    ids=["all never", "one", "at once", "all at one age", "all at once", "alone"],
)
def test_times_that_say_little_give_a_schedule_within_what_was_asked(observed: list[Observed]) -> None:
    found = suggest(observed, HORIZON, Goal(looks_per_message=3))

    assert found.use.looks_per_message <= 3
    assert found.optimum.looks_per_message <= 3
    assert (found.held_out is None) == (sum(one.count for one in observed) < 10)


def test_a_horizon_below_most_times_counts_them_as_never() -> None:
    found = suggest(seen(*drawn(fast_and_slow_handsets, 500, 1)), 5, Goal(looks_per_message=1.5))

    assert found.use.undecided > 0.5
    assert all(look < 5 for look in found.use.looks)


def test_no_look_is_before_the_first_useful_one() -> None:
    found = suggest(seen(*drawn(text_messages, 500, 1)), HORIZON, Goal(looks_per_message=3), first_look=17)

    assert min(found.use.looks) >= 17
    assert min(found.optimum.looks) >= 17


def test_the_same_times_give_the_same_answer_in_any_order() -> None:
    times = seen(*drawn(text_messages, 60, 1))

    expected = suggest(times, HORIZON, Goal(looks_per_message=3))

    assert suggest(times[::-1], HORIZON, Goal(looks_per_message=3)) == expected


def test_messages_that_are_counted_together_are_held_out_apart() -> None:
    """A thousand in two rows are parted as evenly as in a thousand rows."""
    found = held_out([Observed(10, 10, 500), Observed(1000, 1000, 500)], HORIZON, Goal(looks_per_message=2))

    assert found is not None
    assert found.mean_delay == pytest.approx(0, abs=5)


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        (Goal(looks_per_message=0.9), "ask for 1 look per message or more"),
        (Goal(looks_per_message=float("nan")), "ask for 1 look per message or more"),
        (Goal(mean_delay=0), "ask for a mean delay above 0s"),
        (Goal(mean_delay=0.001), "looks at every round age leave"),
    ],
)
def test_what_cannot_be_reached_says_what_can(goal: Goal, said: str) -> None:
    with pytest.raises(Unreachable, match=said):
        suggest(seen(*drawn(text_messages, 100, 1)), HORIZON, goal)


@pytest.mark.parametrize("goal", [Goal(), Goal(2, 3)])
def test_one_thing_is_asked_for(goal: Goal) -> None:
    with pytest.raises(ValueError, match="not for both"):
        suggest(seen(1), HORIZON, goal)


def test_without_times_there_is_no_answer() -> None:
    with pytest.raises(ValueError, match="no settling times"):
        suggest([], HORIZON, Goal(looks_per_message=2))

"""Checking: the figures of a schedule are those that counting message by message gives."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.checking import Figures, judge, planned
from rules.settling_times import curve
from tests.rules.saying import thoroughly
from tests.rules.settling import seen

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

AGES = st.floats(0, 120, width=32)
LOOKS = st.lists(AGES, max_size=6)


def counted(times: list[float | None], looks: list[float], then: float | None, horizon: float) -> Figures:
    """Message by message, as the definitions say."""
    ages = sorted(set(looks))
    base = ages[-1] if ages else 0.0
    if then is not None:
        ages += [base + then * count for count in range(1, math.ceil((horizon - base) / then) + 1)]
    ages = [age for age in ages if age < horizon]
    made, delays = 0, []
    for time in times:
        settled = math.inf if time is None or time > horizon else time
        knowing = [age for age in (*ages, horizon) if age >= settled]
        made += 1 + sum(age < settled for age in ages) if knowing else len(ages) + 1
        delays += [knowing[0] - settled] if knowing else []
    delays.sort()
    p50, p95, p99 = (
        delays[max(math.ceil(part * len(delays) / 100) - 1, 0)] if delays else None for part in (50, 95, 99)
    )
    mean = math.fsum(delays) / len(delays) if delays else None
    return Figures(tuple(ages), made / len(times), mean, p50, p95, p99, 1 - len(delays) / len(times))


@thoroughly
@given(
    times=st.lists(st.none() | AGES, min_size=1, max_size=40),
    looks=LOOKS,
    then=st.none() | st.floats(5, 200, width=32),
    horizon=st.sampled_from([1, 50, 100]),
)
def test_figures_are_those_of_counting(
    times: list[float | None], looks: list[float], then: float | None, horizon: float
) -> None:
    expected = counted(times, looks, then, horizon)

    found = judge(curve(seen(*times), 48 * 3600), looks, then, horizon)

    assert found.looks == expected.looks
    assert found.looks_per_message == pytest.approx(expected.looks_per_message, rel=1e-12)
    assert found.undecided == pytest.approx(expected.undecided, abs=1e-12)
    assert (found.p50_delay, found.p95_delay, found.p99_delay) == (
        expected.p50_delay,
        expected.p95_delay,
        expected.p99_delay,
    )
    assert found.mean_delay == (None if expected.mean_delay is None else pytest.approx(expected.mean_delay, rel=1e-12))


def test_an_example_by_hand() -> None:
    """Looks at 10 and 30, the last at 100. Messages settle at 10, 11 and never."""
    expected = Figures((10, 30), (1 + 2 + 3) / 3, 9.5, 0, 19, 19, 1 / 3)

    assert judge(curve(seen(10, 11, None, horizon=100), 100), [10, 30]) == expected


def test_whoever_settles_by_the_horizon_is_known_by_its_last_look() -> None:
    assert judge(curve(seen(70, 100, horizon=100), 100), []) == Figures((), 1, 15, 0, 30, 30, 0)


def test_where_nothing_settles_there_is_no_delay() -> None:
    assert judge(curve(seen(None, None, horizon=100), 100), [10]) == Figures((10,), 2, None, None, None, None, 1)


@pytest.mark.parametrize(
    ("looks", "then", "expected"),
    [
        ([15, 60], None, (15, 60)),
        ([15, 60], 20, (15, 60, 80)),
        ([], 30, (30, 60, 90)),
        ([60, 15, 60, 100, 200], None, (15, 60)),
        ([0], None, (0,)),
    ],
)
def test_a_schedule_looks_at_its_ages_then_again_and_again_below_the_horizon(
    looks: list[float], then: float | None, expected: tuple[float, ...]
) -> None:
    assert planned(looks, then, 100) == expected


@pytest.mark.parametrize(
    ("looks", "then", "said"),
    [
        ([1], 1e-6, "write a longer `then`"),
        ([1], 0, "longer than 0s"),
        ([-1], None, "before the message is sent"),
        (list(range(2_000_000)), None, "write fewer"),
    ],
)
def test_what_no_schedule_is_says_why(looks: list[float], then: float | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        planned(looks, then, 1e6)


def test_nobody_judges_without_times_or_beyond_what_they_tell() -> None:
    with pytest.raises(ValueError, match="no settling times"):
        judge(curve([], 100), [10])
    with pytest.raises(ValueError, match="beyond"):
        judge(curve(seen(5, horizon=100), 100), [10], horizon=101)

"""Round ages are those that a person would write."""

from datetime import timedelta
from itertools import pairwise

import pytest

from rules import durations
from rules.rounding import COARSENESS, STEPS, ages


def written(first: float, horizon: float, coarseness: float) -> str:
    return " ".join(durations.text(timedelta(seconds=age)) for age in ages(first, horizon, coarseness))


def test_the_coarsest_are_those_of_a_schedule_by_hand() -> None:
    expected = (
        "10s 15s 20s 30s 45s 1m 1m30s 2m 3m 4m 5m 6m 7m 8m 9m 10m 15m 20m 30m 45m 1h 1h30m 2h 3h 4h 6h 9h 12h 18h 1d"
    )

    assert written(10, 36 * 3600, COARSENESS[0]) == expected


def test_finer_ones_are_still_multiples_of_a_step() -> None:
    assert written(110, 200, 0.1) == "1m50s 2m 2m10s 2m20s 2m30s 2m45s 3m 3m15s"


@pytest.mark.parametrize("coarseness", COARSENESS)
def test_ages_rise_and_are_no_further_apart_than_is_allowed(coarseness: float) -> None:
    found = ages(0, 14 * 86400, coarseness)
    gaps = [(one, other - one) for one, other in pairwise(found)]

    assert all(0 < gap <= max(2 * coarseness * one, STEPS[0]) + 1e-9 for one, gap in gaps)


def test_none_lies_below_the_first_or_at_the_horizon() -> None:
    assert ages(30, 60, 0.5) == [30, 45]
    assert ages(0, 0.1, 0.5) == []

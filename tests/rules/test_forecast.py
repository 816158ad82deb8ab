"""The forecast: how long a backlog lasts, and from when last looks come too late."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.forecast import Backlog, Ends, Forecast, counted, forecast, missed_from
from tests.rules.saying import minute, thoroughly

NOW = minute(0)


def test_a_backlog_counted_once_is_taken_to_stay() -> None:
    assert forecast(counted(None, NOW, 500)) == Forecast(None, 0, None)


def test_at_this_rate_it_lasts_until() -> None:
    """600 were served in ten minutes, 400 are left."""
    backlog = counted(counted(None, NOW, 1000), minute(10), 400)

    assert forecast(backlog).lasts_until == minute(10) + timedelta(seconds=400)


def test_one_that_grows_lasts_for_ever_and_says_by_how_much() -> None:
    backlog = counted(counted(None, NOW, 1000), minute(10), 1300)

    assert forecast(backlog, minute(99)) == Forecast(None, 1800, minute(99))


def test_one_that_hardly_shrinks_has_no_end_that_anybody_could_plan_with() -> None:
    assert forecast(Backlog(NOW, 1_000_000, -0.001)) == Forecast(None, 0, None)


def test_what_was_counted_long_ago_weighs_little_and_what_was_counted_just_now_does_not_leap() -> None:
    grew = counted(counted(None, NOW, 0), minute(10), 600)
    soon = counted(grew, minute(10.1), 540)
    later = counted(grew, minute(60), 0)

    assert grew.growth == 1.0
    assert 0.8 < (soon.growth or 0) < 1.0
    assert later.growth == pytest.approx(-600 / 3000, abs=0.01)


def test_two_counts_at_one_time_say_nothing_of_growth() -> None:
    assert counted(Backlog(NOW, 5, 0.5), NOW, 900) == Backlog(NOW, 900, 0.5)


def ends(ready: float, late: float, count: int) -> Ends:
    return Ends(minute(ready), minute(late), count)


def test_last_looks_that_can_all_be_made_are_not_missed() -> None:
    assert missed_from([ends(0, 60, 3600), ends(60, 120, 3600)], 1.0, NOW) is None


def test_they_are_missed_from_the_end_of_the_first_group_that_cannot_be_made() -> None:
    """Half of the first hour is not enough for the second."""
    groups = [ends(30, 60, 1800), ends(60, 90, 1801), ends(600, 700, 10_000_000)]

    assert missed_from(groups, 1.0, NOW) == minute(90)


def test_what_is_too_late_already_is_missed_from_now_on() -> None:
    assert missed_from([ends(-90, -30, 5)], 1.0, NOW) == NOW


def test_without_a_rate_everything_is_missed() -> None:
    assert missed_from([ends(0, 60, 1)], 0.0, NOW) == minute(60)
    assert missed_from([], 0.0, NOW) is None


@thoroughly
@given(
    groups=st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=20),
    quota=st.integers(1, 5),
)
def test_it_foretells_what_a_simulation_finds(groups: list[tuple[int, int]], quota: int) -> None:
    """Each group can be made for five minutes from its time on; so many a minute are made, whoever is first."""
    left = [[at, count] for at, count in sorted(groups)]
    missed = None
    for now in range(2000):
        free = quota
        for one in left:
            if one[0] <= now and one[1]:
                if now >= one[0] + 5:
                    missed = one[0] + 5 if missed is None else missed
                done = min(free, one[1])
                one[1] -= done
                free -= done
    found = missed_from([ends(at, at + 5, count) for at, count in groups], quota / 60, NOW)

    # It counts in parts of a minute, the simulation in whole ones.
    if missed is not None:
        assert found is not None
        assert found <= minute(missed)
    if found is None:
        assert missed is None

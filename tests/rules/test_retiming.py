"""Re-timing by the rules: never in the past, never past the last look, and what is due stays due."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.retiming import deadlines_of_last_looks, retimed, sent_of_last_looks, sent_of_soon
from rules.schedules import Horizon, Schedule, horizon, next_look_at

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

seconds = st.integers(1, 100_000).map(lambda count: timedelta(seconds=count))
schedules = st.builds(
    Schedule,
    st.lists(seconds, max_size=5, unique=True).map(lambda ages: tuple(sorted(ages))),
    st.none() | seconds,
    st.sampled_from([0.0, 0.1, 1.0]),
    st.sampled_from([timedelta(), MINUTE, HOUR]),
)
ages = st.integers(-1000, 200_000).map(lambda count: timedelta(seconds=count))
chances = st.floats(0, 1)
retentions = st.none() | st.integers(3600, 200_000).map(lambda count: timedelta(seconds=count))


horizons = st.builds(
    lambda age, allowance, lag, retention: (NOW - age, horizon(NOW - age, NOW - age + allowance, lag, retention)),
    ages,
    seconds,
    seconds,
    retentions,
)


@given(schedules, horizons, st.integers(-1000, 200_000), chances)
def test_never_in_the_past_nor_past_the_last_look_or_the_settling_that_follows_it(
    schedule: Schedule, message: tuple[datetime, Horizon], was: int, chance: float
) -> None:
    sent_at, bounds = message
    last = bounds.last_look_at if bounds.last_look_at > NOW else max(bounds.settle_at, NOW)

    at = retimed(schedule, bounds, sent_at, NOW + timedelta(seconds=was), NOW, chance)

    assert at is None or NOW <= at <= last


@given(schedules, ages, seconds, st.integers(-1000, 0), chances)
def test_what_is_due_stays_due(
    schedule: Schedule, age: timedelta, allowance: timedelta, was: int, chance: float
) -> None:
    bounds = horizon(NOW - age, NOW - age + allowance, MINUTE, None)

    assert retimed(schedule, bounds, NOW - age, NOW + timedelta(seconds=was), NOW, chance) is None


@given(schedules, ages, seconds, retentions, chances, chances)
def test_what_was_re_timed_just_now_stays(
    schedule: Schedule,
    age: timedelta,
    allowance: timedelta,
    retention: timedelta | None,
    first: float,
    second: float,
) -> None:
    bounds = horizon(NOW - age, NOW - age + allowance, MINUTE, retention)
    was = next_look_at(schedule, bounds, NOW - age, NOW, first)

    assert retimed(schedule, bounds, NOW - age, was, NOW, second) is None


@given(schedules, ages, seconds, retentions, chances)
def test_nothing_that_is_due_soon_is_missed(
    schedule: Schedule, age: timedelta, allowance: timedelta, retention: timedelta | None, chance: float
) -> None:
    sent_at, deadline_at = NOW - age, NOW - age + allowance
    at = next_look_at(schedule, horizon(sent_at, deadline_at, MINUTE, retention), sent_at, NOW, chance)
    sent = sent_of_soon(schedule, NOW, MINUTE)
    if retention is not None:
        sent.append(sent_of_last_looks(retention, NOW, MINUTE))
    found = any(_within(one, sent_at) for one in sent) or _within(deadlines_of_last_looks(NOW, MINUTE), deadline_at)

    assert found or at > NOW + MINUTE


def _within(stretch: tuple[datetime | None, datetime | None], at: datetime) -> bool:
    first, last = stretch
    return (first is None or first <= at) and (last is None or at <= last)


@pytest.mark.parametrize(
    ("looks", "then", "age", "expected"),
    [
        ([15, 60], None, 20, 60),  # not at 15 s, which is over
        ([15, 60], 3600, 61, 3660),
        ([15], 20, 24 * 3600, 24 * 3600 + 15),
        ([], None, 20, 48 * 3600),
    ],
)
def test_the_look_that_follows_now_is_the_next(looks: list[int], then: int | None, age: int, expected: int) -> None:
    ages = tuple(timedelta(seconds=look) for look in looks)
    schedule = Schedule(ages, None if then is None else timedelta(seconds=then), jitter=0)
    sent_at = NOW - timedelta(seconds=age)
    bounds = horizon(sent_at, sent_at + 48 * HOUR, timedelta(), None)

    assert retimed(schedule, bounds, sent_at, NOW + 30 * HOUR, NOW, 0.5) == sent_at + timedelta(seconds=expected)


def test_a_schedule_that_looks_every_second_gives_a_bounded_number_of_stretches() -> None:
    stretches = sent_of_soon(Schedule((), timedelta(seconds=1)), NOW, MINUTE)

    assert len(stretches) <= 501
    assert stretches[-1][0] is None

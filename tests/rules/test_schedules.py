"""When to look at an open message: looks rise, are never in the past, and end with the last one."""

from datetime import datetime, timedelta
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.deadlines import ALLOWANCES
from rules.schedules import DEFAULTS, STREAMED, Horizon, Schedule, gathered, horizon, next_look_at, remembered
from rules.statuses import Channel
from tests.rules.saying import minute, thoroughly

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=seconds) for seconds in (1, 60, 3600, 86400))

AGES = st.timedeltas(timedelta(), 10 * DAY)
PAUSES = st.timedeltas(SECOND, 2 * DAY)
CHANCES = st.floats(0, 1, exclude_max=True)


def rising(ages: list[timedelta]) -> tuple[timedelta, ...]:
    return tuple(sorted(set(ages)))


SCHEDULES = st.builds(
    Schedule,
    st.lists(PAUSES, max_size=5).map(rising),
    st.none() | PAUSES,
    st.floats(0, 1),
    st.just(timedelta()) | PAUSES,
)


def planned(schedule: Schedule, age: timedelta) -> timedelta | None:
    """The next planned age without jitter, found by counting."""
    last = schedule.looks[-1] if schedule.looks else timedelta()
    ages = list(schedule.looks)
    if schedule.then is not None:
        times = max(0, (age - last) // schedule.then)
        ages += [last + schedule.then * count for count in (times, times + 1) if count]
    return min((one for one in ages if one > age), default=None)


@thoroughly
@given(schedule=SCHEDULES, age=AGES, chance=CHANCES)
def test_the_next_age_is_the_next_planned_one_and_at_most_the_jitter_later(
    schedule: Schedule, age: timedelta, chance: float
) -> None:
    expected = planned(schedule, age)
    found = schedule.next_age(age, chance)
    if expected is None:
        assert found is None
        return

    assert found is not None
    assert found > age
    assert found >= schedule.first_look
    assert expected <= found
    assert found <= max(expected + (expected - age) * schedule.jitter, schedule.first_look)


@thoroughly
@given(schedule=SCHEDULES, age=AGES)
def test_without_luck_there_is_no_jitter(schedule: Schedule, age: timedelta) -> None:
    expected = planned(schedule, age)

    assert schedule.next_age(age, 0) == (None if expected is None else max(expected, schedule.first_look))


def test_ages_are_followed_by_a_repeat() -> None:
    schedule = Schedule((MINUTE, 5 * MINUTE), HOUR, jitter=0)
    expected = [MINUTE, 5 * MINUTE, 65 * MINUTE, 125 * MINUTE]
    ages, age = [], timedelta()
    for _ in expected:
        age = schedule.next_age(age, 0.5) or timedelta()
        ages.append(age)

    assert ages == expected


def test_without_a_repeat_only_the_last_look_is_left() -> None:
    schedule = Schedule((MINUTE,), None, jitter=0)
    bounds = Horizon(minute(60), minute(60))

    assert schedule.next_age(MINUTE, 0) is None
    assert next_look_at(schedule, bounds, minute(0), minute(1), 0) == minute(60)


def test_no_look_is_made_before_the_provider_can_know() -> None:
    schedule = Schedule((SECOND, 40 * MINUTE), None, jitter=0, first_look=15 * MINUTE)

    assert schedule.next_age(timedelta(), 0) == 15 * MINUTE
    assert schedule.next_age(15 * MINUTE, 0) == 40 * MINUTE


def test_a_message_that_is_sent_later_is_looked_at_after_that() -> None:
    schedule = Schedule((MINUTE,), None, jitter=0)

    assert next_look_at(schedule, Horizon(minute(900), minute(900)), minute(60), minute(0), 0) == minute(61)


@thoroughly
@given(
    schedule=SCHEDULES,
    sent=st.integers(-5000, 5000),
    allowance=st.integers(0, 5000),
    lag=st.integers(0, 60),
    retention=st.none() | st.integers(1, 5000),
    chance=CHANCES,
)
def test_a_look_is_never_in_the_past_and_never_past_the_last_one(
    schedule: Schedule, sent: int, allowance: int, lag: int, retention: int | None, chance: float
) -> None:
    kept = None if retention is None else retention * MINUTE
    bounds = horizon(minute(sent), minute(sent + allowance), lag * MINUTE, kept)
    now = minute(0)
    found = next_look_at(schedule, bounds, minute(sent), now, chance)
    if now < bounds.last_look_at:
        assert now < found <= bounds.last_look_at
    else:
        assert found == max(now, bounds.settle_at)


@pytest.mark.parametrize("schedule", [*DEFAULTS.values(), STREAMED])
def test_looks_rise_up_to_the_last_one_and_then_the_message_is_settled(schedule: Schedule) -> None:
    sent_at, bounds = minute(0), horizon(minute(0), minute(72 * 60), 10 * MINUTE, 24 * HOUR)
    looks: list[datetime] = [sent_at]
    while looks[-1] < bounds.settle_at:
        looks.append(next_look_at(schedule, bounds, sent_at, looks[-1], 0.9))

    assert looks == sorted(set(looks))
    assert looks[-2:] == [bounds.last_look_at, bounds.settle_at]
    assert len(looks) < 20


@pytest.mark.parametrize("channel", Channel)
def test_every_channel_has_a_default_whose_ages_rise_and_end_before_its_deadline(channel: Channel) -> None:
    looks = DEFAULTS[channel].looks

    assert list(looks) == sorted(set(looks))
    assert timedelta() < looks[0]
    assert looks[-1] < ALLOWANCES[channel]


@pytest.mark.parametrize(
    ("retention", "last_look", "settled"),
    [
        (None, 73, 73),
        (1000 * HOUR, 73, 73),
        (73.5 * HOUR, 72.5, 72.5),
        (24 * HOUR, 23, 72),
        (10 * HOUR, 9.5, 72),
    ],
    ids=["remembers", "remembers long", "forgets within the lag", "forgets before the deadline", "forgets soon"],
)
def test_the_last_look_is_after_the_lag_or_just_before_the_provider_forgets(
    retention: timedelta | None, last_look: float, settled: float
) -> None:
    """A message whose provider forgets sooner still settles at its deadline."""
    expected = Horizon(minute(last_look * 60), minute(settled * 60))

    assert horizon(minute(0), minute(72 * 60), HOUR, retention) == expected


@thoroughly
@given(st.floats(0, 1e6), st.floats(0, 1e5))
def test_looks_gather_at_the_roundest_second_that_their_jitter_allows(since: float, wait: float) -> None:
    """No other second in between is divided by a higher power of two."""
    earliest = minute(0) + timedelta(seconds=since)
    latest = earliest + timedelta(seconds=wait)
    found = gathered(earliest, latest)
    number = round(found.timestamp())
    first, last = ceil(earliest.timestamp()), int(latest.timestamp())
    assert earliest <= found <= latest
    if first > last:
        assert found == earliest
        return
    step = 2 * (number & -number)

    assert found.timestamp() == number
    assert first <= number <= last
    assert last // step == (first - 1) // step


@thoroughly
@given(st.integers(0, 10**6), st.integers(1, 10**4), st.integers(1, 10**4))
def test_whoever_may_wait_longer_meets_whoever_may_wait_at_that_time(at: int, short: int, longer: int) -> None:
    """If the roundest second of the longer wait is one that the shorter allows, it is the roundest of both."""
    one = gathered(minute(0) + at * SECOND, minute(0) + (at + short) * SECOND)
    other = gathered(minute(0) + at * SECOND, minute(0) + (at + short + longer) * SECOND)

    assert one == other or other > minute(0) + (at + short) * SECOND


@pytest.mark.parametrize(
    ("retention", "expected"), [(20 * MINUTE, 19 * MINUTE), (20 * HOUR, 19 * HOUR), (30 * DAY, 30 * DAY - HOUR)]
)
def test_the_margin_is_a_twentieth_and_at_most_an_hour(retention: timedelta, expected: timedelta) -> None:
    assert remembered(retention) == expected

"""A schedule that follows the times by itself stays within its limits, moves slowly, and gets better."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.adapting import (
    STEP,
    Adaptive,
    Decision,
    Within,
    adapt,
    ages_of,
    align,
    halves,
    limits,
    schedule_of,
    steps,
    within,
    words,
)
from rules.checking import judge
from rules.schedules import DEFAULTS, Schedule
from rules.settling_times import Observed, curve
from rules.statuses import Channel

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

HOUR = 3600.0
HORIZON = 48 * HOUR

EMAIL = Adaptive(DEFAULTS[Channel.EMAIL])


def seconds(*ages: float) -> tuple[timedelta, ...]:
    return tuple(timedelta(seconds=age) for age in ages)


def times(count: int, seed: int) -> list[Observed]:
    """Most settle within seconds, some within hours, a few never."""
    chance = random.Random(seed)  # noqa: S311 - times of a test
    found = []
    for _ in range(count):
        kind = chance.random()
        if kind < 0.04:
            found.append(Observed(HORIZON, None))
        else:
            age = round(min(chance.lognormvariate(2.3, 0.8) if kind < 0.8 else chance.lognormvariate(7, 1.2), 1e5), 1)
            found.append(Observed(age, age))
    return found


def is_step(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether no look moved by more than `STEP`, once at most one was added and one left out."""
    return any(
        len(one) == len(other)
        and all(max(pair) <= min(pair) * STEP * (1 + 1e-9) for pair in zip(one, other, strict=True))
        for one in fewer(before)
        for other in fewer(after)
    )


def fewer(ages: Sequence[float]) -> list[list[float]]:
    """The ages, and the ages without each of them."""
    return [[*ages], *([*ages[:place], *ages[place + 1 :]] for place in range(len(ages)))]


def is_within(ages: Sequence[float], limit: Within, horizon: float) -> bool:
    pauses = [later - earlier for earlier, later in pairwise((0.0, *ages, horizon))]
    # The first pause may have to be longer, where no look is allowed so early.
    pauses[0] = min(pauses[0], limit.longest) if ages and ages[0] <= limit.earliest else pauses[0]
    return all(age >= limit.earliest for age in ages) and max(pauses) <= limit.longest * (1 + 1e-6)


#: The same examples each time, however slow the machine is.
surely = settings(deadline=None, derandomize=True)

AGES = st.lists(st.floats(0.5, HORIZON - 1), min_size=0, max_size=12, unique=True).map(sorted)


@surely
@given(AGES, AGES)
def test_a_step_moves_each_look_a_little_and_adds_and_leaves_out_one_at_most(
    present: list[float], target: list[float]
) -> None:
    for after in steps(present, target):
        assert is_step(present, after)
        assert list(after) == sorted(set(after))


@surely
@given(AGES, AGES)
def test_steps_lead_to_the_target(present: list[float], target: list[float]) -> None:
    """The step that is nearest to it is nearer than before, until it is reached."""

    def apart(ages: Sequence[float]) -> float:
        pairs, loose, missing = align(ages, target)
        far = sum(abs(ages[one] - target[other]) / target[other] for one, other in pairs)
        return far + 100 * (len(loose) + len(missing))

    nearest = min(map(apart, steps(present, target)), default=0.0)

    # Ages of a few seconds are moved by whole tenths only, and so may stay.
    assert nearest <= apart(present)
    if apart(present) > 0.3 * max(len(target), 1) and min([*present, *target], default=1) > 1:
        assert nearest < apart(present)


@surely
@given(
    AGES,
    st.floats(0, 600),
    st.floats(60, HORIZON),
)
def test_whatever_is_brought_within_limits_is_and_stays_there(
    ages: list[float], earliest: float, longest: float
) -> None:
    limit = Within(9.0, earliest, longest)
    inside = within(ages, limit, HORIZON)

    assert is_within(inside, limit, HORIZON) or earliest > longest
    assert within(inside, limit, HORIZON) == inside


@settings(surely, max_examples=25)
@given(
    st.lists(st.tuples(st.floats(0.1, HORIZON - 1), st.integers(0, 2), st.integers(1, 30)), min_size=5, max_size=30),
    AGES.filter(lambda ages: len(ages) > 0),
    st.one_of(st.none(), st.floats(1, 20)),
    st.one_of(st.none(), st.integers(1, 300)),
    st.one_of(st.none(), st.integers(600, 172_800)),
)
def test_a_change_never_leaves_the_limits_and_is_a_small_one(
    drawn: list[tuple[float, int, int]],
    ages: list[float],
    cost: float | None,
    earliest: int | None,
    longest: int | None,
) -> None:
    observed = [
        [Observed(age, age, count), Observed(age / 2, age, count), Observed(age, None, count)][kind]
        for age, kind, count in drawn
    ]
    configured = Schedule(seconds(*ages), None)
    adaptive = Adaptive(
        configured,
        cost,
        None if earliest is None else timedelta(seconds=earliest),
        None if longest is None else timedelta(seconds=longest),
    )
    present = ages_of(configured, HORIZON)
    limit = limits(adaptive, curve(observed, HORIZON))
    for _ in range(3):
        decision = adapt(present, adaptive, observed, HORIZON)
        if decision.ages is None:
            break
        was_within = is_within(present, limit, HORIZON)
        after = ages_of(schedule_of(decision.ages, configured, HORIZON), HORIZON)

        assert is_within(after, limit, HORIZON) or limit.earliest > limit.longest
        assert not was_within or is_step(present, after)
        assert decision.after is not None
        if was_within:
            assert decision.after.looks_per_message <= max(limit.cost, decision.before.looks_per_message) * (1 + 1e-6)
        present = after


def test_it_gets_much_better_at_the_same_cost_on_times_it_never_saw() -> None:
    present = ages_of(EMAIL.configured, HORIZON)
    true = curve(times(20_000, 999), HORIZON)
    before = judge(true, present)
    changes = 0
    for week in range(8):
        decision = adapt(present, EMAIL, times(1500, week), HORIZON)
        if decision.ages is not None:
            changes += 1
            present = ages_of(schedule_of(decision.ages, EMAIL.configured, HORIZON), HORIZON)
    after = judge(true, present)

    assert changes > 3
    assert before.mean_delay is not None
    assert after.mean_delay is not None
    assert after.mean_delay < before.mean_delay / 1.5
    assert after.looks_per_message < before.looks_per_message * 1.03


def decide(present: Sequence[float], adaptive: Adaptive, count: int = 1000) -> Decision:
    return adapt(present, adaptive, times(count, 5), HORIZON)


def test_what_is_outside_its_limits_is_brought_inside_at_once() -> None:
    adaptive = replace(EMAIL, earliest=timedelta(minutes=1), longest_pause=timedelta(hours=6))
    decision = decide(ages_of(EMAIL.configured, HORIZON), adaptive)

    assert decision.ages is not None
    assert decision.why == "it was outside its limits"
    assert decision.ages[0] == 60
    assert max(later - earlier for earlier, later in pairwise((*decision.ages, HORIZON))) <= 6 * HOUR


def test_a_schedule_that_costs_too_much_comes_to_cost_less() -> None:
    present = ages_of(EMAIL.configured, HORIZON)
    decision = decide(present, replace(EMAIL, looks_per_message=1.5))

    assert decision.why == "it costs less"
    assert decision.after is not None
    assert 1.5 <= decision.after.looks_per_message < decision.before.looks_per_message


def test_where_nothing_settles_nothing_changes() -> None:
    observed = [Observed(HORIZON, None, 900)]

    decision = adapt(ages_of(EMAIL.configured, HORIZON), EMAIL, observed, HORIZON)

    assert (decision.ages, decision.why) == (None, "nothing settles")


def test_limits_follow_from_the_configured_schedule_unless_they_are_set() -> None:
    configured = Schedule(seconds(40, 600), timedelta(hours=1), first_look=timedelta(seconds=20))
    observed = curve([Observed(30, 30), Observed(HORIZON, None)], 5 * HOUR)
    ages = ages_of(configured, 5 * HOUR)

    assert list(ages) == [40, 600, 4200, 7800, 11400, 15000]
    assert limits(Adaptive(configured), observed) == Within((1 + 7) / 2, 20, 7200)
    given_limits = Adaptive(configured, 3, timedelta(seconds=30), timedelta(minutes=9))
    assert limits(given_limits, observed) == Within(3, 30, 540)


@pytest.mark.parametrize(
    ("then", "expected"),
    [(None, None), (timedelta(hours=8), timedelta(hours=46)), (timedelta(days=3), timedelta(days=3))],
)
def test_up_to_the_horizon_there_is_no_other_look_and_after_it_they_go_on(
    then: timedelta | None, expected: timedelta | None
) -> None:
    configured = Schedule(seconds(30), then, 0.3, timedelta(seconds=5))
    adapted = schedule_of((10.0, 2 * HOUR), configured, HORIZON)

    assert adapted == Schedule(seconds(10, 7200), expected, 0.3, timedelta(seconds=5))
    assert list(ages_of(adapted, HORIZON)) == [10, 7200]


def test_every_message_is_in_one_half() -> None:
    observed = [Observed(5, 5, 1001), Observed(3, 9, 1), Observed(HORIZON, None, 77)]
    one, other = halves(observed, random.Random(1))  # noqa: S311 - parts a sample

    assert {(seen.after, seen.until) for seen in (*one, *other)} == {(seen.after, seen.until) for seen in observed}
    assert sum(seen.count for seen in (*one, *other)) == 1079
    assert 400 < sum(seen.count for seen in one if seen.after == 5) < 600


def test_words_tell_every_two_schedules_apart() -> None:
    known = [
        Schedule(),
        Schedule(seconds(15)),
        Schedule(seconds(15, 60)),
        Schedule(seconds(15), timedelta(hours=1)),
        Schedule((), timedelta(hours=1)),
        Schedule(seconds(15), first_look=timedelta(seconds=5)),
    ]

    assert len({words(one) for one in known}) == len(known)
    assert words(known[3]) == "15s then 1h from 0s"

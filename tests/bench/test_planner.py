"""On simulated days the planner needs no more requests than other ways to ask. The machine has no part in it."""

import math

import pytest

from bench import planner
from bench.modelled import Provider
from bench.rounds import rows, run
from bench.stage import Stage
from bench.strategies import Dear, Outcome, at_intervals, backing_off, flat, planned, unhindered
from bench.traffic import DAY, MINUTE, SHAPES, Shape, Traffic, traffic

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

CODES, NEWSLETTERS, STEADY, SMALL = SHAPES


def few(settles: list[float]) -> Traffic:
    """Messages sent a minute apart that settle after so many seconds."""
    sent = [MINUTE * number for number in range(len(settles))]
    return Traffic(sent, [at + after for at, after in zip(sent, settles, strict=True)])


def test_the_same_seed_is_the_same_day() -> None:
    assert traffic(CODES, 50, 3) == traffic(CODES, 50, 3)
    assert traffic(CODES, 50, 3) != traffic(CODES, 50, 4)


def test_a_provider_tells_by_id_what_has_settled_until_it_is_asked() -> None:
    provider = Provider(few([5, 90]), CODES.limits, None)
    provider.look_up(65, [0, 1])

    assert (provider.is_known(0), provider.is_known(1)) == (True, False)
    assert (provider.requests, provider.delays()) == (1, [60])


def test_a_provider_lists_the_newest_first_and_each_page_is_a_request() -> None:
    provider = Provider(few([1] * 50), SMALL.limits, None)
    shown = [(first, last) for _, first, last in provider.listing(DAY, 5 * MINUTE, DAY)]

    assert shown == [(30, 50), (10, 30), (5, 10)]
    assert [provider.is_known(message) for message in (4, 5)] == [False, True]
    assert provider.requests == 3


def test_a_provider_with_a_limit_is_asked_no_faster() -> None:
    provider = Provider(few([1]), SMALL.limits, 0.5)

    assert [provider.look_up(10, [0]) for _ in range(3)] == [10, 12, 14]


def test_each_minute_asks_until_it_knows_or_gives_up() -> None:
    """Looks at 60; at 60 and 120; and at every minute of the ten that a code is waited for."""
    outcome = at_intervals(CODES, few([5, 100, math.inf]), MINUTE, math.inf)

    assert (outcome.requests, outcome.delays) == (1 + 2 + 10, [20, 55])


def test_where_a_limit_holds_nobody_up_each_minute_is_the_same_by_itself_and_in_turn() -> None:
    some = few([5, 100, 170, math.inf])
    alone = unhindered(SMALL, some, MINUTE)
    in_turn = at_intervals(SMALL, some, MINUTE, math.inf)

    assert alone.requests == in_turn.requests
    assert alone.delays == pytest.approx(in_turn.delays, abs=3)


def test_backing_off_doubles_the_age() -> None:
    """Looks at 15, 30, 60 and 120; and at 15 alone."""
    outcome = backing_off(CODES, few([100, 5]), 15, math.inf)

    assert (outcome.requests, outcome.delays) == (4 + 1, [10, 20])


def test_the_flat_poll_asks_about_those_that_waited_longest() -> None:
    """At 0 about the one that is there; at 300 about five, one by one; at 600 and at 900 about the one that is left."""
    outcome = flat(CODES, few([5, 5, 5, 5, 400]), 300, math.inf)

    assert (outcome.requests, outcome.delays) == (1 + 5 + 1 + 1, [115, 175, 235, 260, 295])


def test_ours_finds_all_that_settles_in_time() -> None:
    day = traffic(CODES, 300, 1)
    outcome = planned(CODES, day, 1, math.inf)
    in_time = sum(at - sent <= CODES.patience for sent, at in zip(day.sent, day.settles, strict=True))

    assert len(outcome.delays) == in_time
    assert min(outcome.delays) >= 0


def test_who_takes_too_many_requests_is_stopped() -> None:
    with pytest.raises(Dear):
        planned(CODES, few([5, 5, 5]), 1, 2)


@pytest.mark.parametrize(
    ("goal", "expected"), [(30, 8.0), (45, 6.0), (60, 4.0), (1, math.inf)], ids=["a step", "between", "usual", "never"]
)
def test_at_equal_delay_requests_lie_between_those_of_the_nearest_figures(goal: float, expected: float) -> None:
    """A way that is late by its figure, and takes 240 requests divided by it; 40 at least."""

    def ask(_shape: Shape, _traffic: Traffic, figure: float, _most: float) -> Outcome:
        step = max(20.0, figure)
        return Outcome(round(240 / step), [step])

    way = planner.Way("made up", ask, 60.0)
    day = planner.Day(CODES, few([5]))
    found = day.at_equal(way, lambda outcome: outcome.mean, goal, math.inf)

    assert found == pytest.approx(expected, rel=0.1)


async def test_the_goals_are_met_on_a_twentieth_of_what_is_large_and_on_all_that_is_small() -> None:
    async with planner.variants(Stage("", "", 1, 0.05)) as variants:
        measured = await run(variants, 1, 7, lambda _step: None)
    found = rows("planner", variants, measured, planner.GOALS)

    assert [f"{row.variant} {row.unit} {row.median:.3f}" for row in found if row.met is False] == []

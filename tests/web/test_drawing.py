"""Pictures of schedules: lines that rise as the shares do, marks that people know, and nothing outside."""

import re

import pytest

from rules.checking import judge
from rules.frontier import frontier
from rules.settling_times import Curve, Observed, curve
from web import drawing
from web.drawing import BOTTOM, LEFT, RIGHT, TOP, Scale
from web.measuring import AGES, coarse, nothing

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

HORIZON = 3600.0


def times() -> Curve:
    return curve([*(Observed(age, age) for age in (2.0, 5.0, 40.0)), Observed(HORIZON, None)], HORIZON)


def steps(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"H([\d.]+)V([\d.]+)", path)]


def test_the_settling_curve_rises_to_what_settles() -> None:
    found = steps(drawing.settling(times(), judge(times(), [10.0])).path)
    shares = [round((BOTTOM - y) / (BOTTOM - TOP), 2) for _, y in found]

    assert shares == [0.25, 0.5, 0.75, 0.75]
    assert [x for x, _ in found] == sorted(x for x, _ in found)


def test_what_is_known_rises_at_looks_only() -> None:
    picture = drawing.settling(times(), judge(times(), [10.0]))
    found = steps(picture.known(times(), [10.0]))

    assert [x for x, _ in found] == [picture.scale.at(10.0), picture.scale.at(HORIZON)]
    assert [round((BOTTOM - y) / (BOTTOM - TOP), 2) for _, y in found] == [0.5, 0.75]


def test_there_is_one_tick_a_look_and_never_more_than_can_be_told_apart() -> None:
    picture = drawing.settling(times(), judge(times(), [10.0]))

    assert picture.ticks([10.0, 60.0]).count("M") == 2
    assert picture.ticks(10 + n / 100 for n in range(100_000)).count("M") <= drawing.MOST


@pytest.mark.parametrize("value", [0.0, 1e-9, 1e9])
def test_what_lies_outside_is_at_the_end(value: float) -> None:
    scale = Scale(1.0, 100.0, LEFT, RIGHT)

    assert LEFT <= scale.at(value) <= RIGHT


def test_marks_are_lengths_of_time_that_people_know() -> None:
    assert [mark.text for mark in Scale(1.0, 3600.0, LEFT, RIGHT).marks(7)] == ["1s", "5s", "30s", "2m", "10m", "1h"]


def test_costs_have_the_frontier_falling_and_the_schedule_above_it() -> None:
    present = judge(times(), [30.0, 600.0])
    found = drawing.costs(list(frontier(times(), present, 0.0)), present, most=12)

    assert found is not None
    points = [tuple(map(float, point.split())) for point in found.path[1:].split("L")]
    place = found.place(present)

    assert [y for _, y in points] == sorted(y for _, y in points)
    assert place is not None
    assert place[1] <= min(y for x, y in points if x >= place[0])


def test_where_nothing_settles_there_are_no_costs() -> None:
    empty = nothing(HORIZON)

    assert drawing.costs([], judge(empty, [10.0]), most=12) is None
    assert steps(drawing.settling(empty, judge(empty, [10.0])).path)[-1][1] == BOTTOM


def test_ages_that_are_taken_together_lose_no_message_and_are_never_earlier() -> None:
    many = curve([Observed(1 + n / 10, 1 + n / 10) for n in range(3 * AGES)], HORIZON)
    rough = coarse(many)

    assert len(rough.ages) < len(many.ages) / 3
    assert rough.total == pytest.approx(many.total)
    assert rough.ages == tuple(sorted(rough.ages))
    assert all(rough.settled(age) <= many.settled(age) + 1e-12 for age in many.ages)

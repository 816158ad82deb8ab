"""Rounds: every variant once a round, the first round dropped, ratios formed within a round."""

import pytest

from bench.rounds import Figures, Goal, Measured, Row, Variant, Wrong, rows, run, steps, sure

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


def counting(name: str, figures: list[float], floor: str | None = None, *, once: bool = False) -> Variant:
    """A variant that gives these figures, one after the other."""
    given = iter(figures)

    async def trial() -> Figures:
        return {"rows/s": next(given)}

    return Variant(name, trial, floor, once)


async def test_every_variant_runs_once_a_round_and_the_first_round_does_not_count() -> None:
    variants = [counting("a", [9, 1, 2, 3]), counting("b", [9, 4, 5, 6])]
    said: list[str] = []
    measured = await run(variants, 3, 7, said.append)

    assert measured == {
        "a": {1: {"rows/s": 1}, 2: {"rows/s": 2}, 3: {"rows/s": 3}},
        "b": {1: {"rows/s": 4}, 2: {"rows/s": 5}, 3: {"rows/s": 6}},
    }
    assert len(said) == steps(variants, 3) == 8


async def test_a_variant_that_takes_minutes_runs_in_one_round_that_counts() -> None:
    variants = [counting("a", [1, 1, 1, 1]), counting("long", [8], once=True)]

    assert (await run(variants, 3, 7, lambda _said: None))["long"] == {1: {"rows/s": 8}}
    assert steps(variants, 3) == 5


async def test_the_order_within_a_round_is_decided_by_the_seed() -> None:
    async def order(seed: int) -> list[str]:
        said: list[str] = []
        await run([counting(name, [1] * 9) for name in "abcdef"], 8, seed, said.append)
        return [one[-1] for one in said]

    first = await order(7)
    of_rounds = {tuple(first[start : start + 6]) for start in range(0, len(first), 6)}

    assert first == await order(7)
    assert first != await order(8)
    assert len(of_rounds) > 1
    assert {tuple(sorted(one)) for one in of_rounds} == {tuple("abcdef")}


MEASURED: Measured = {
    "ours": {
        1: {"rows/s": 10.0, "HOT %": 99.0},
        2: {"rows/s": 40.0, "HOT %": 97.0},
        3: {"rows/s": 30.0, "HOT %": 98.0},
    },
    "floor": {1: {"rows/s": 20.0}, 2: {"rows/s": 50.0}, 3: {"rows/s": 10.0}},
    "peer": {1: {"rows/s": 1.0}, 2: {"rows/s": 1.0}, 3: {"rows/s": 1.0}},
}
VARIANTS = [counting("ours", [], "floor"), counting("floor", []), counting("peer", [])]


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    """Not the ratio of the medians, which here is 1.5."""
    found = rows("joining", VARIANTS, MEASURED, ())

    assert found[0] == Row("joining", "ours", "rows/s", 30, 10, 40, 0.8)
    assert [(row.variant, row.unit) for row in found] == [
        ("ours", "rows/s"), ("ours", "HOT %"), ("floor", "rows/s"), ("peer", "rows/s")
    ]  # fmt: skip


def test_each_goal_has_a_row_that_says_whether_it_was_met() -> None:
    goals = (
        Goal("ours", at_least=0.9, of="floor"),
        Goal("ours", at_least=30, of="peer"),
        Goal("ours", at_least=98, unit="HOT %"),
        Goal("floor", at_most=19.9),
    )
    found = [(row.variant, row.ratio, row.goal, row.met) for row in rows("joining", VARIANTS, MEASURED, goals)]

    assert found == [
        ("ours", 0.8, ">= 0.9 of floor", False),
        ("ours", 30, ">= 30 of peer", True),
        ("ours", None, ">= 98", True),
        ("floor", None, "<= 19.9", False),
        ("peer", None, None, None),
    ]


@pytest.mark.parametrize(("value", "met"), [(0.99, False), (1, True), (2, True), (2.01, False)])
def test_a_goal_may_have_two_bounds(value: float, met: bool) -> None:  # noqa: FBT001  as pytest gives it
    goal = Goal("ours", at_least=1, at_most=2, of="floor")

    assert goal.met(value) is met
    assert str(goal) == ">= 1 and <= 2 of floor"


def test_what_was_not_done_ends_the_run() -> None:
    with pytest.raises(Wrong, match="messages written: 9, and it should be 10"):
        sure(9, 10, "messages written")


def test_a_goal_names_variants_that_are_measured() -> None:
    """A goal for a variant that nobody runs could never be missed."""
    with pytest.raises(ValueError, match="nobody"):
        rows("joining", VARIANTS, MEASURED, (Goal("nobody", at_least=1),))

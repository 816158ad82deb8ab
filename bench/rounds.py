"""Rounds: every variant once a round, in an order that chance decides, so that what disturbs one disturbs all.

The first round only warms up. A ratio is formed within each round, and the median of those counts.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

#: One trial's figures by unit. The first decides.
Figures = Mapping[str, float]

#: Rounds that count, at least: one alone means nothing.
FEWEST = 7


class Wrong(Exception):
    """A variant did not do what it should have done, so its time means nothing."""


def sure(found: object, expected: object, what: str) -> None:
    """Raise Wrong unless what was done is what should have been done."""
    if found != expected:
        raise Wrong(f"{what}: {found}, and it should be {expected}; the benchmark is broken, or what it measures is")


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to do the work. `once`: a trial takes minutes, so there is one, in the first round that counts."""

    name: str
    run: Callable[[], Awaitable[Figures]]
    floor: str | None = None
    once: bool = False


@dataclass(frozen=True, slots=True)
class Goal:
    """What the median of `variant` must reach in `unit` (else its first): a figure, or a share of the variant `of`."""

    variant: str
    at_least: float | None = None
    at_most: float | None = None
    of: str | None = None
    unit: str | None = None

    def met(self, value: float) -> bool:
        """Whether `value` reaches it."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        bounds = [
            f"{sign} {bound:g}" for sign, bound in ((">=", self.at_least), ("<=", self.at_most)) if bound is not None
        ]
        return " and ".join(bounds) + (f" of {self.of}" if self.of else "")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the outcome: what a variant measured in one unit, and one goal for it at most."""

    benchmark: str
    variant: str
    unit: str
    median: float
    min: float
    max: float
    ratio: float | None = None
    goal: str | None = None
    met: bool | None = None

    def plain(self) -> dict[str, object]:
        """The row for JSON."""
        return asdict(self)


#: The figures of each variant, by name, then by round.
Measured = dict[str, dict[int, Figures]]


async def run(variants: Sequence[Variant], rounds: int, seed: int, step: Callable[[str], None]) -> Measured:
    """Run every variant in each of `rounds` rounds, after one that does not count. `step` is told what comes next."""
    chance = random.Random(seed)  # noqa: S311 - an order, guards nothing
    measured: Measured = {variant.name: {} for variant in variants}
    for number in range(rounds + 1):
        for variant in chance.sample(variants, len(variants)):
            if variant.once and number != 1:
                continue
            step(f"round {number} of {rounds}: {variant.name}")
            figures = await variant.run()
            if number:
                measured[variant.name][number] = figures
    return measured


def steps(variants: Sequence[Variant], rounds: int) -> int:
    """How many trials a run has."""
    return sum(1 if variant.once else rounds + 1 for variant in variants)


def rows(benchmark: str, variants: Sequence[Variant], measured: Measured, goals: Sequence[Goal]) -> list[Row]:
    """The outcome. Each goal is on a row of its own unit; where it is about another variant, on one more row."""
    known = {variant.name for variant in variants}
    for goal in goals:
        if not {goal.variant, goal.of or goal.variant} <= known:
            raise ValueError(f"the goal {goal.variant!r} {goal} is about a variant that is not measured")
    found = []
    for variant in variants:
        trials = measured[variant.name]
        units = list(next(iter(trials.values())))
        for unit in units:
            mine = [goal for goal in goals if goal.variant == variant.name and (goal.unit or units[0]) == unit]
            about_floor = next((goal for goal in mine if goal.of in {None, variant.floor}), None)
            each = [about_floor, *(goal for goal in mine if goal is not about_floor)]
            found += [_row(benchmark, variant, unit, measured, goal) for goal in each]
    return found


def _row(benchmark: str, variant: Variant, unit: str, measured: Measured, goal: Goal | None) -> Row:
    values = [figures[unit] for figures in measured[variant.name].values()]
    middle = median(values)
    other = goal.of if goal and goal.of else variant.floor
    ratio = _ratio(unit, measured[variant.name], measured[other]) if other else None
    met = None
    if goal:
        value = ratio if goal.of else middle
        met = value is not None and goal.met(value)
    return Row(benchmark, variant.name, unit, middle, min(values), max(values), ratio, str(goal) if goal else None, met)


def _ratio(unit: str, ours: Mapping[int, Figures], theirs: Mapping[int, Figures]) -> float | None:
    """The median of the ratios of each round; None where the other has no such figure."""
    ratios = [ours[number][unit] / theirs[number][unit] for number in ours if theirs.get(number, {}).get(unit)]
    return median(ratios) if ratios else None

"""Settling times: how many messages settle at which age, from what was observed of each.

A time may be exact, known only between two looks, or not known yet because the message is still open. All three are
counted: leaving out what is still open would make a provider look faster than it is.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf, isfinite

from rules import settling_between


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known of the age, in seconds, at which `count` messages settled.

    They settled in (after, until]: exactly at `until` where both are equal; not by `after`, and nothing more is known,
    where `until` is None. Ages below zero, which come of clocks that disagree, count as zero.
    """

    after: float
    until: float | None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Curve:
    """How many messages settle at which age: a step function up to `horizon`, in seconds.

    Weights are messages, so that they are whole numbers wherever every message was followed to the horizon. They and
    `never` together are all messages.
    """

    #: Rising, none above the horizon.
    ages: tuple[float, ...]
    #: How many messages settle at each of the ages.
    weights: tuple[float, ...]
    #: How many are not settled at the horizon.
    never: float
    horizon: float
    #: The age up to which anything is known. Whatever is open at that age counts as never settling.
    known_until: float
    #: How many messages settled at an age that is known only to lie between two looks. Each such stretch is shown as
    #: `settling_between.SPREAD` ages, evenly over it.
    between: float = 0.0
    #: How many were still open when they were last heard of, at an age below the horizon.
    open: float = 0.0
    _reached: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_reached", tuple(accumulate(self.weights)))

    @property
    def exact(self) -> bool:
        """Whether every time was given, and none is known only between looks."""
        return not self.between

    @property
    def total(self) -> float:
        """How many messages there are."""
        return self.settling + self.never

    @property
    def settling(self) -> float:
        """How many of them settle by the horizon."""
        return self._reached[-1] if self._reached else 0.0

    @property
    def reached(self) -> tuple[float, ...]:
        """How many are settled at each of the ages or before."""
        return self._reached

    @property
    def shares(self) -> tuple[float, ...]:
        """The share that is settled at each of the ages."""
        return tuple(reached / self.total for reached in self._reached)

    def settled(self, age: float) -> float:
        """The share that is settled at `age`."""
        place = bisect_right(self.ages, age)
        return self._reached[place - 1] / self.total if place else 0.0


def curve(observed: Iterable[Observed], horizon: float) -> Curve:
    """The curve of what was observed; what settles after `horizon` counts as never.

    Where times are exact or still unknown it is the product-limit estimate (Kaplan and Meier, "Nonparametric
    estimation from incomplete observations", 1958). Where some lie between looks it is the self-consistent one
    (Turnbull, "The empirical distribution function with arbitrarily grouped, censored and truncated data", 1976), which
    is the same if none does. ValueError where an observation contradicts itself.
    """
    if not (isfinite(horizon) and horizon > 0):
        raise ValueError("the horizon must be longer than 0s")
    exact: dict[float, int] = {}
    left: dict[float, int] = {}
    between: dict[tuple[float, float], int] = {}
    for one in observed:
        after, until = _checked(one)
        if until > horizon:
            # Beyond the horizon nothing is told apart. Whoever was followed to it is known not to settle by it.
            age = min(after, horizon)
            left[age] = left.get(age, 0) + one.count
        elif after == until:
            exact[until] = exact.get(until, 0) + one.count
        else:
            between[after, until] = between.get((after, until), 0) + one.count
    known_until = max([*left, *exact, *(until for _, until in between)], default=0.0)
    still_open = float(sum(count for age, count in left.items() if age < horizon))
    if between:
        points, never, loose = settling_between.estimate(exact, left, between)
    else:
        points, never = _product_limit(exact, left)
        loose = 0.0
    known_until = horizon if not never else known_until
    ages, weights = tuple(age for age, _ in points), tuple(weight for _, weight in points)
    return Curve(ages, weights, never, horizon, known_until, loose, still_open)


def _checked(one: Observed) -> tuple[float, float]:
    until = inf if one.until is None else max(one.until, 0.0)
    after = max(one.after, 0.0)
    if not after <= until or not isfinite(after) or one.count < 0:
        raise ValueError(f"{one} contradicts itself: `until` is not before `after`, and a count is not negative")
    return after, until


def _product_limit(exact: dict[float, int], left: dict[float, int]) -> tuple[list[tuple[float, float]], float]:
    """The weight at each age, and what never settles.

    Each message counts as 1 until others leave at a lower age without having settled. What those count is then shared
    by all that are older (Efron, "The two sample problem with censored data", 1967), which gives the product-limit
    estimate, and whole numbers as long as nobody leaves.
    """
    followed = sum(exact.values()) + sum(left.values())
    points: list[tuple[float, float]] = []
    each = 1.0
    for age in sorted({*exact, *left}):
        if settled := exact.get(age, 0):
            points.append((age, settled * each))
            followed -= settled
        leaving = left.get(age, 0)
        if leaving and leaving < followed:
            each *= followed / (followed - leaving)
            followed -= leaving
    return points, followed * each

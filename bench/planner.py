"""The planner on simulated days, beside four other ways to ask: requests for each settled message, and delays.

Nothing is measured but what is counted: the program's own schedules and planner ask a provider that is made up, and
time is a number. The other ways have one figure each. They are shown with the usual one, and compared at equal delay:
with the figure by which their mean (or their median) delay is ours, between the two nearest of a row of figures. One
request a message each minute is also compared at its own median delay, with the ages of our schedule doubled as long as
ours is no longer; and by the requests that it would have to make, of which a provider's limit may not let it make all.
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.rounds import Figures, Goal, Variant, Wrong
from bench.stage import Stage
from bench.strategies import Dear, Outcome, Strategy, at_intervals, backing_off, flat, planned, unhindered, windows
from bench.traffic import MINUTE, SHAPES, Shape, Traffic, traffic

MEANING = "requests of the planner beside other ways to ask, on simulated time"

EACH, MEAN, MEDIAN, LATE = "requests/settled", "mean delay s", "p50 delay s", "p95 delay s"
OF_MEAN, OF_MEDIAN, OF_MINUTE = "of the best at equal mean", "of the best at equal p50", "of each minute at its p50"
AT_MEAN, AT_MEDIAN = "at our mean: requests/settled", "at our p50: requests/settled"

OURS, MINUTELY = "ours", "each minute"

GOALS = tuple(
    Goal(f"{shape.name}: {OURS}", at_most=most, unit=unit)
    for shape in SHAPES
    for unit, most in ((OF_MEAN, 1.1), (OF_MEDIAN, 1.1), (OF_MINUTE, 0.1))
)

#: A figure of a way to ask is the usual one or some steps from it, so many of which double it, up to so many times.
STEPS, POWERS = 2, 9

#: Whoever takes so many times our requests is not followed any further.
MANY = 25


@dataclass(frozen=True, slots=True)
class Way:
    """A way to ask, and its usual figure."""

    name: str
    ask: Strategy
    usual: float

    def at(self, step: int) -> float:
        """Its figure so many steps from the usual one."""
        return float(self.usual * 2 ** (step / STEPS))


OTHERS = (
    Way(MINUTELY, at_intervals, MINUTE),
    Way("flat five-minute poll of 500", flat, 5 * MINUTE),
    Way("exponential back-off", backing_off, 15.0),
    Way("always windows", windows, 1.0),
)

US = Way(OURS, planned, 1.0)

Metric = Callable[[Outcome], float]


def _mean(outcome: Outcome) -> float:
    return outcome.mean


def _median(outcome: Outcome) -> float:
    return outcome.percentile(50)


@dataclass
class Day:
    """One shape of traffic, and what each way to ask came to so far. None: too many requests."""

    shape: Shape
    traffic: Traffic
    _found: dict[tuple[str, int], Outcome | None] = field(default_factory=dict)

    def usual(self, way: Way) -> Outcome:
        """What a way comes to with its usual figure."""
        return self._certain(way, 0)

    def at_equal(self, way: Way, metric: Metric, goal: float, most: float) -> float:
        """How many requests a way takes where its delay is `goal`; infinity if more than `most`, or if it never is."""
        steps = STEPS * POWERS
        low, high, stride = 0, 0, 1
        # Away from the usual figure in ever longer strides, and then between the last two.
        if self._is_fast(way, metric, goal, 0, most):
            while low < steps and self._is_fast(way, metric, goal, high := min(steps, low + stride), most):
                low, stride = high, stride * 2
        else:
            while low > -steps and not self._is_fast(way, metric, goal, low := max(-steps, low - stride), most):
                high, stride = low, stride * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._is_fast(way, metric, goal, middle, most) else (low, middle)
        below, above = self._step(way, low, most), self._step(way, high, most)
        if below is None or metric(below) > goal:
            return math.inf
        if above is None or metric(above) <= goal:
            return below.requests
        share = (goal - metric(below)) / (metric(above) - metric(below))
        return below.requests + share * (above.requests - below.requests)

    def _is_fast(self, way: Way, metric: Metric, goal: float, step: int, most: float) -> bool:
        """Whether the delay is no longer than `goal`, which it is taken to be where there are too many requests."""
        outcome = self._step(way, step, most)
        return outcome is None or metric(outcome) <= goal

    def as_slow(self, goal: float) -> int:
        """How many requests ours takes with a median delay of at most `goal`, its ages doubled as long as it is."""
        outcome, step = self.usual(US), 0
        if outcome.percentile(50) > goal:
            raise Wrong(f"{self.shape.name}: the median delay of ours is above {goal} seconds as it is")
        while (slower := self._certain(US, step + STEPS)).percentile(50) <= goal and step < STEPS * POWERS:
            step, outcome = step + STEPS, slower
        return outcome.requests

    def _certain(self, way: Way, step: int) -> Outcome:
        """What a way comes to, however many requests it takes."""
        outcome = self._step(way, step, math.inf)
        if outcome is None:
            outcome = self._found[way.name, step] = way.ask(self.shape, self.traffic, way.at(step), math.inf)
        return outcome

    def _step(self, way: Way, step: int, most: float) -> Outcome | None:
        """What a way comes to so many steps from its usual figure; None if that takes more than `most` requests."""
        key = way.name, step
        if key not in self._found:
            try:
                self._found[key] = way.ask(self.shape, self.traffic, way.at(step), most)
            except Dear:
                self._found[key] = None
        return self._found[key]

    def ours(self) -> Figures:
        """What ours came to, and its share of the requests of others."""
        us = self.usual(US)
        minutely = self.usual(OTHERS[0])
        return {
            **_shown(us),
            OF_MEAN: us.requests / min(self._best(way, _mean) for way in OTHERS),
            OF_MEDIAN: us.requests / min(self._best(way, _median) for way in OTHERS),
            OF_MINUTE: self.as_slow(minutely.percentile(50)) / unhindered(self.shape, self.traffic, MINUTE).requests,
        }

    def other(self, way: Way) -> Figures:
        """What another way comes to, as it usually is and at our delays."""
        settled = len(self.usual(US).delays)
        equal = {AT_MEAN: self._best(way, _mean) / settled, AT_MEDIAN: self._best(way, _median) / settled}
        return {**_shown(self.usual(way)), **{unit: each for unit, each in equal.items() if each < math.inf}}

    def _best(self, way: Way, metric: Metric) -> float:
        us = self.usual(US)
        return self.at_equal(way, metric, metric(us), us.requests * MANY)


def _shown(outcome: Outcome) -> Figures:
    return {EACH: outcome.each, MEAN: outcome.mean, MEDIAN: outcome.percentile(50), LATE: outcome.percentile(95)}


@asynccontextmanager
async def variants(stage: Stage) -> AsyncIterator[list[Variant]]:
    """Every way to ask about every shape of day. Each is the same whenever it runs, so it runs once."""
    found = []
    for shape in SHAPES:
        count = stage.rows(shape.messages) if shape.scales else shape.messages
        day = Day(shape, traffic(shape, count, stage.seed))
        found.append(Variant(f"{shape.name}: {OURS}", _trial(day.ours), once=True))
        found += [Variant(f"{shape.name}: {way.name}", _trial(_other(day, way)), once=True) for way in OTHERS]
    yield found


def _other(day: Day, way: Way) -> Callable[[], Figures]:
    return lambda: day.other(way)


def _trial(figures: Callable[[], Figures]) -> Callable[[], Awaitable[Figures]]:
    async def trial() -> Figures:
        return figures()

    return trial

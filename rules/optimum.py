"""The schedule with the least expected delay at a given cost, among given places, by dynamic programming.

Optimum checking procedures (Barlow, Hunter and Proschan, 1963), with a limit on the cost. The best schedule is a
shortest path through the places, and is found in two steps:

1. Cost and delay are added at a rate of exchange. The best path for a rate takes one pass over the places. The right
   rate leaves two paths, one within the limit and one beyond it, and a bound: no path within the limit lies below the
   line between the two. (Handler and Zang, "A dual algorithm for the constrained shortest path problem", 1980.)
2. Paths above that line and still better than the first of the two are searched: `rules.search`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rules.envelope import Envelope
from rules.places import Path, Places, path
from rules.search import Limits, searched


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to search: until no path can be better by more than the share `near`, or for so many steps."""

    near: float
    steps: int


THOROUGH = Effort(1e-4, 2_000_000)
QUICK = Effort(0.01, 60_000)


@dataclass(frozen=True, slots=True)
class Best:
    """The best path found, and what no path can go below: in delay, or in cost if a delay was asked for."""

    path: Path
    bound: float


def least_delay(where: Places, cost: float, effort: Effort = THOROUGH) -> Best:
    """The path with the least delay whose cost is at most `cost`."""
    inside, outside = _fewest(where), _all(where)
    if outside.cost <= cost:
        return Best(outside, outside.delay)
    inside, outside, rate = _around(where, inside, outside, lambda found: found.cost <= cost)
    bound = max(inside.delay - rate * (cost - inside.cost), outside.delay)
    if inside.delay > bound * (1 + effort.near):
        inside, complete = searched(
            where,
            inside,
            effort.steps,
            lambda best: Limits(cost, best.delay * (1 - effort.near), rate),
            lambda found: (found.cost > cost, found.delay, found.cost),
        )
        bound = inside.delay * (1 - effort.near) if complete else bound
    return Best(inside, min(bound, inside.delay))


def least_cost(where: Places, delay: float, effort: Effort = THOROUGH) -> Best:
    """The path with the least cost whose delay is at most `delay`. ValueError if a look everywhere has a longer one."""
    delay += 1e-12 * where.spent[-1]  # sums of fractions are not exact
    outside, inside = _fewest(where), _all(where)
    if inside.delay > delay:
        raise ValueError("no schedule has so little delay")
    if outside.delay <= delay:
        return Best(outside, outside.cost)
    outside, inside, rate = _around(where, outside, inside, lambda found: found.delay > delay)
    bound = max(inside.cost - (delay - inside.delay) / rate, outside.cost)
    if inside.cost > bound + effort.near * (bound + where.total):
        inside, complete = searched(
            where,
            inside,
            effort.steps,
            lambda best: Limits(best.cost - effort.near * (best.cost + where.total), delay, rate),
            lambda found: (found.delay > delay, found.cost, found.delay),
        )
        bound = inside.cost - effort.near * (inside.cost + where.total) if complete else bound
    return Best(inside, min(bound, inside.cost))


def _all(where: Places) -> Path:
    """A look at every place that learns something; or where looks are counted besides, at those that are worth it."""
    if any(where.extra):
        return _cheapest(where, 0.0)
    below = (0.0, *where.known)
    return path(where, (here for here, known in enumerate(where.known) if known > below[here]))


def _fewest(where: Places) -> Path:
    """The first look that costs nothing, because nobody is open after it."""
    return path(where, [where.costs.index(0.0)])


def _around(where: Places, cheap: Path, dear: Path, is_cheap: Callable[[Path], bool]) -> tuple[Path, Path, float]:
    """The two paths beside what was asked on the lower hull of all costs and delays, and the rate between them."""
    while True:
        rate = (cheap.delay - dear.delay) / (dear.cost - cheap.cost)
        found = _cheapest(where, rate)
        if found.delay + rate * found.cost >= (cheap.delay + rate * cheap.cost) * (1 - 1e-12):
            return cheap, dear, rate
        if is_cheap(found):
            cheap = found
        else:
            dear = found


def _cheapest(where: Places, rate: float) -> Path:
    """The path with the least sum of its delay and `rate` times its cost."""
    lines = Envelope[int]()
    lines.add(0.0, 0.0, -1)
    before = []
    columns = zip(where.ages, where.known, where.costs, where.extra, strict=True)
    for here, (age, known, cost, extra) in enumerate(columns):
        least, previous = lines.lowest(age)
        before.append(previous)
        lines.add(-known, least + age * known + rate * cost + extra, here)
    looks = [where.end]
    while (here := before[looks[-1]]) >= 0:
        looks.append(here)
    return path(where, looks)

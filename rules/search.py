"""The search among schedules that are not on the lower hull of costs and delays: places by costs, with bounds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from rules.envelope import Envelope
from rules.places import Path, Places, path

#: Steps of the first, coarse search at most, if no beginning could be left out: places by costs told apart.
COARSE = 200_000

#: Places that the coarse search tries. Of more, every second, third, ... is.
PLACES = 250


@dataclass(frozen=True, slots=True)
class Limits:
    """What a path must do to be better than what is known: neither its cost nor its delay is above these.

    Nor is its delay plus `rate` times its cost above that of the limits. That bounds beginnings of paths too, because
    the least that can follow is known for each place.
    """

    cost: float
    delay: float
    rate: float

    @property
    def sum(self) -> float:
        """The limit of the sum of delay and cost, less a hair, so that only what is better is searched."""
        return (self.delay + self.rate * self.cost) * (1 - 1e-12)


@dataclass(frozen=True, slots=True)
class Begun:
    """The beginning of a path, up to the look at a place."""

    before: Optional["Begun"]
    here: int
    cost: float


def searched(
    where: Places, known: Path, patience: int, limits: Callable[[Path], Limits], order: Callable[[Path], Any]
) -> tuple[Path, bool]:
    """The first by `order` of the paths within the limits and the one known, and whether all were gone through.

    At first some places are tried, with costs told apart coarsely, so that a good path is known soon; then those around
    its looks; then all. `limits` are those beside the best path up to then, and the better it is, the fewer others
    can still be better. The last takes `patience` steps at most, a step being a beginning taken one look further.
    """
    rate = limits(known).rate
    ahead, sums = _ahead(where, rate), _behind(where, rate)

    def places_open(best: Path) -> list[int]:
        return [here for here in range(where.end) if sums[here] + ahead[here] < limits(best).sum]

    best = known
    unit = _unit(where, limits(known).cost)
    for wanted in (_spaced, _near):
        chosen = wanted(places_open(best), best)
        coarse = max(unit, limits(best).cost * len(chosen) / min(COARSE, patience))
        best = min([best, *_tried(where, chosen, ahead, limits(best), coarse, patience)[0]], key=order)
    found, complete = _tried(where, [*places_open(best), where.end], ahead, limits(best), unit, patience)
    return min([best, *found], key=order), complete and unit == 1


def _spaced(places: Sequence[int], best: Path) -> list[int]:
    """Some of the places, evenly, and those of the best path."""
    return sorted({*places[:: max(1, len(places) // PLACES)], *best.looks})


def _near(places: Sequence[int], best: Path) -> list[int]:
    """The places around each look of the best path."""
    reach = max(2, len(places) // PLACES, PLACES // len(best.looks) // 2)
    near = {here for look in best.looks for here in range(look - reach, look + reach + 1)}
    return sorted({*near.intersection(places), *best.looks})


def _behind(where: Places, rate: float) -> list[float]:
    """For each place, the least sum of delay and `rate` times cost up to there, its own included."""
    lines = Envelope[None]()
    lines.add(0.0, 0.0, None)
    sums = []
    columns = zip(where.ages, where.known, where.spent, where.costs, where.extra, strict=True)
    for age, known, spent, cost, extra in columns:
        least = lines.lowest(age)[0] + age * known + rate * cost + extra
        sums.append(least - spent)
        lines.add(-known, least, None)
    return sums


def _ahead(where: Places, rate: float) -> list[float]:
    """For each place, the least sum of what follows it."""
    lines = Envelope[None]()
    sums = [0.0] * len(where.ages)
    for here in range(where.end, -1, -1):
        age, known, spent = where.ages[here], where.known[here], where.spent[here]
        if here < where.end:
            sums[here] = spent + lines.lowest(-known)[0]
        own = rate * where.costs[here] + where.extra[here]
        lines.add(age, age * known - spent + own + sums[here], None)
    return sums


def _tried(
    where: Places, chosen: Sequence[int], ahead: Sequence[float], limits: Limits, unit: float, patience: int
) -> tuple[list[Path], bool]:
    """Paths over the places chosen, among them the best, and whether all could be tried.

    At each place, and for each cost up to there, only the least delay matters. Costs are told apart by a unit, and of
    those between two units only one is kept; it is taken with its full cost, so that no limit is ever passed.
    """
    begins = Envelope[Begun]()
    begins.add(0.0, 0.0, Begun(None, -1, 0.0))
    layers = {0: begins}
    steps = 0
    for here in chosen:
        reached = _reached(where, here, layers, unit, ahead[here], limits)
        if here == where.end:
            return [path(where, _looks(begun)) for _, _, begun in reached], True
        for layer, value, begun in reached:
            layers.setdefault(layer, Envelope()).add(-where.known[here], value + where.spent[here], begun)
        steps += len(layers)
        if steps > patience:
            break
    return [], False


def _unit(where: Places, cost: float) -> float:
    """The least difference between two costs."""
    return 1.0 if all(one.is_integer() for one in where.costs) else max(cost, 1e-300) / COARSE


def _reached(
    where: Places, here: int, layers: dict[int, Envelope[Begun]], unit: float, ahead: float, limits: Limits
) -> list[tuple[int, float, Begun]]:
    """Every way to a place that may still be the best: its layer, its delay, and the path begun."""
    age, own = where.ages[here], where.costs[here]
    base = age * where.known[here] - where.spent[here] + where.extra[here]
    most, limit, rate = limits.cost * (1 + 1e-12), limits.sum - ahead - base, limits.rate
    fresh: dict[int, tuple[float, Begun, float]] = {}
    for lines in layers.values():
        value, begun = lines.lowest(age)
        cost = begun.cost + own
        if cost <= most and value + rate * cost < limit:
            layer = int(cost / unit)
            if layer not in fresh or value < fresh[layer][0]:
                fresh[layer] = value, begun, cost
    least = float("inf")
    best = []
    for layer in sorted(fresh):
        value, before, cost = fresh[layer]
        if value < least:
            least = value
            best.append((layer, value + base, Begun(before, here, cost)))
    return best


def _looks(begun: Begun) -> list[int]:
    looks = []
    one: Begun | None = begun
    while one is not None and one.before is not None:
        looks.append(one.here)
        one = one.before
    return looks

"""Places: the ages at which a schedule may look, and what looks there cost and bring, added up once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rules.settling_times import Curve

#: Ages that are told apart. Of more, those that lie nearest to each other are taken together.
MOST = 5000

#: How near ages lie that are taken together, as a share of the age, or of a second below one second.
NEAREST = 1e-3


@dataclass(frozen=True, slots=True)
class Places:
    """Ages at which a look may be, rising, the horizon last, and the messages settled and open then.

    A look costs a request for each message that is still open after it, whatever the other looks are: each of them
    needs the next look. So the cost of a schedule is a sum over its looks, and its delay a sum over its gaps.
    """

    ages: tuple[float, ...]
    #: How many messages are settled.
    known: tuple[float, ...]
    #: The sum of the ages at which they settled.
    spent: tuple[float, ...]
    #: How many messages are open after a look there. At the horizon nothing follows.
    costs: tuple[float, ...]
    total: float
    #: What a look there is counted besides, as if it were delay; nothing at the horizon.
    extra: tuple[float, ...]

    @property
    def end(self) -> int:
        """The place at the horizon."""
        return len(self.ages) - 1

    def delay(self, one: int, other: int) -> float:
        """The delay of all that settles between two looks next to each other; -1 is the moment of sending."""
        known, spent = (self.known[one], self.spent[one]) if one >= 0 else (0.0, 0.0)
        return max(self.ages[other] * (self.known[other] - known) - (self.spent[other] - spent), 0.0)


@dataclass(frozen=True, slots=True)
class Path:
    """A schedule as the places of its looks. Cost and delay are sums over all messages, the first request left out."""

    looks: tuple[int, ...]
    cost: float
    delay: float


def path(where: Places, looks: Iterable[int]) -> Path:
    """The path over these places and the horizon."""
    taken = tuple(sorted({*looks, where.end}))
    delay = sum(where.delay(one, other) for one, other in pairwise((-1, *taken)))
    return Path(taken, sum(where.costs[here] for here in taken), delay + sum(where.extra[here] for here in taken))


def places(curve: Curve, ages: Sequence[float] | None = None, first: float = 0.0) -> Places:
    """The places of a curve from the age `first` on: the ages given, else its own.

    A look at another age is never better than one at the next lower age at which something settles. Where the curve
    has more than `MOST` ages, of those that lie within a share of each other (`NEAREST`, twice that, ... until they are
    few enough) the last is taken. So a look is later than it might be by that share of its age at most, and no dearer.
    """
    chosen = sorted({age for age in (_few(curve.ages) if ages is None else ages) if first <= age < curve.horizon})
    if first and (not chosen or chosen[0] > first) and ages is None and first < curve.horizon:
        chosen.insert(0, first)
    known, spent = [], []
    place, reached, total_age = 0, 0.0, 0.0
    for age in (*chosen, curve.horizon):
        while place < len(curve.ages) and curve.ages[place] <= age:
            reached = curve.reached[place]
            total_age += curve.weights[place] * curve.ages[place]
            place += 1
        known.append(reached)
        spent.append(total_age)
    costs = (_whole(curve.total - settled, curve.total) for settled in known[:-1])
    return Places((*chosen, curve.horizon), tuple(known), tuple(spent), (*costs, 0.0), curve.total, (0.0,) * len(known))


def _whole(count: float, total: float) -> float:
    """`count` without what sums of fractions leave behind, which would hide that nobody is open."""
    return float(round(count)) if abs(count - round(count)) < 1e-9 * total else max(count, 0.0)


def _few(ages: Sequence[float]) -> Sequence[float]:
    share = NEAREST
    kept = ages
    while len(kept) > MOST:
        kept = [age for age, begins in _marked(ages, share) if begins]
        share *= 2
    return kept


def _marked(ages: Sequence[float], share: float) -> Iterable[tuple[float, bool]]:
    """Each age, and whether it is the last of those that are taken together."""
    begin = ages[0]
    for age, following in pairwise((*ages, float("inf"))):
        last = following - begin > share * max(begin, 1.0)
        yield age, last
        if last:
            begin = following

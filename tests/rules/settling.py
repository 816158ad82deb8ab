"""Settling times to try schedules on: plausible ones, and the truth that they were drawn from."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from rules.settling_times import Observed

HORIZON = 48 * 3600.0


def seen(*ages: float | None, horizon: float = HORIZON) -> list[Observed]:
    """Messages that settled at these ages, None being one that never did."""
    return [Observed(horizon, None) if age is None else Observed(age, age) for age in ages]


def text_messages(chance: Random) -> float | None:
    return chance.lognormvariate(3.0, 1.2)


def fast_and_slow_handsets(chance: Random) -> float | None:
    kind = chance.random()
    if kind < 0.08:
        return None
    return chance.lognormvariate(2.0, 0.6) if kind < 0.7 else chance.lognormvariate(8.0, 1.5)


def heavy_tail(chance: Random) -> float | None:
    return 5 * chance.paretovariate(1.2)


def one_time_codes(chance: Random) -> float | None:
    return None if chance.random() < 0.01 else chance.lognormvariate(1.5, 0.6)


def greylisted_mail(chance: Random) -> float | None:
    kind = chance.random()
    if kind < 0.03:
        return None
    if kind < 0.6:
        return chance.lognormvariate(1.0, 0.5)
    return chance.choice([300, 300, 900, 3600]) + chance.expovariate(1 / 20)


KINDS = (text_messages, fast_and_slow_handsets, heavy_tail, one_time_codes, greylisted_mail)


def drawn(kind: Callable[[Random], float | None], count: int, seed: int) -> list[float | None]:
    """So many times of a kind, to the millisecond."""
    chance = Random(f"{kind.__name__} {seed}")  # noqa: S311 - times to try, the same each time
    return [None if age is None else round(age, 3) for age in (kind(chance) for _ in range(count))]


@dataclass(frozen=True)
class Truth:
    """The figures of schedules on many times, by another way than the rules: for comparison, and fast for few looks."""

    ages: Sequence[float]
    sums: Sequence[float]
    total: int

    @classmethod
    def of(cls, times: Iterable[float | None]) -> "Truth":
        """These times."""
        known = list(times)
        ages = sorted(age for age in known if age is not None and age <= HORIZON)
        return cls(ages, [0.0, *accumulate(ages)], len(known))

    def cost(self, looks: Iterable[float]) -> float:
        """Looks per message."""
        return 1 + sum(self.total - bisect_right(self.ages, look) for look in looks) / self.total

    def delay(self, looks: Iterable[float]) -> float:
        """The mean delay."""
        below, summed = 0, 0.0
        for look in (*looks, HORIZON):
            settled = bisect_right(self.ages, look)
            summed += look * (settled - below)
            below = settled
        return (summed - self.sums[-1]) / len(self.ages)

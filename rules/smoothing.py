"""Smoothing: what settling times are likely to be, where only some of them were seen.

Each time stands for others near it. How near is read from the times themselves: as far as some of its neighbours, so
that a steep rise stays steep, and single late times are spread widely. The last of them follow a power law wherever
they look like one, because a few late messages make most of the delay and say little about where the next will be.
All is done on the logarithm of the age.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import exp, expm1, log, log1p, sqrt
from statistics import NormalDist

from rules.settling_times import Curve

#: How many neighbours a time has on each side, as a share of the root of their number.
NEIGHBOURS = 0.5

#: How far a time is spread, as a share of the distance of its last neighbour.
WIDTH = 0.5

#: The parts into which each is spread: the middles of as many equally likely parts of a normal distribution.
SPREAD = tuple(NormalDist().inv_cdf((part + 0.5) / 9) for part in range(9))

#: Ages below this are not told apart.
LEAST = 0.05

#: The shares of all times that are tried as a tail, and how few may be one.
TAILS = (0.25, 0.125, 0.0625, 0.03, 0.015)
FEWEST = 10

#: A tail is no power law if it deviates by more than this, over the root of its size: 5 in 100 of those that are do
#: (Lilliefors, "On the Kolmogorov-Smirnov test for the exponential distribution with mean unknown", 1969).
DEVIATION = 1.09

#: Products of rate and height below which a law counts as flat, and above which its cut does not matter, so that
#: neither small differences nor great numbers lose their digits.
FLAT, STEEP = 1e-6, 700.0

#: Steps of a tail, of equal length and of equal weight each.
STEPS = 500

#: So many of a message may come anywhere between the last age seen and the horizon.
UNSEEN = 0.2


def smoothed(curve: Curve) -> Curve:
    """The curve with its weights spread. Its messages stay as many; those spread beyond the horizon never settle."""
    if not curve.settling:
        return curve
    ages = [max(age, LEAST) for age in curve.ages]
    begin, rate = _tail(curve, ages)
    points: dict[float, float] = {}
    for age, weight in (*_spread(curve, ages, begin), *_law(curve, ages, begin, rate), *_unseen(curve, ages[-1])):
        points[age] = points.get(age, 0.0) + weight
    scale = curve.settling / sum(points.values())
    kept = sorted((age, weight * scale) for age, weight in points.items() if age <= curve.horizon)
    never = max(curve.total - sum(weight for _, weight in kept), 0.0)
    return replace(
        curve, ages=tuple(age for age, _ in kept), weights=tuple(weight for _, weight in kept), never=never, open=0.0
    )


def _spread(curve: Curve, ages: Sequence[float], end: int) -> Iterator[tuple[float, float]]:
    """The times before place `end`, each spread among its neighbours; many at one age stay there."""
    reach = max(NEIGHBOURS * sqrt(curve.settling), 1.0)
    for place in range(end):
        age, weight = ages[place], curve.weights[place]
        rank = curve.reached[place] - weight / 2
        below, above = bisect_left(curve.reached, rank - reach), bisect_left(curve.reached, rank + reach)
        distances = [log(age / ages[below])] if rank > reach else []
        distances += [log(ages[above] / age)] if above < len(ages) else []
        width = WIDTH * min(distances, default=1.0)
        if weight >= 2 * reach or not width:
            yield age, weight
        else:
            yield from ((age * exp(width * part), weight / len(SPREAD)) for part in SPREAD)


def _tail(curve: Curve, ages: Sequence[float]) -> tuple[int, float]:
    """From which place on the times follow a power law up to the horizon, as many of them as do, and its exponent."""
    for share in TAILS:
        begin = bisect_left(curve.reached, curve.settling * (1 - share)) + 1
        size = curve.settling - curve.reached[begin - 1] if begin < len(ages) else 0.0
        if size < FEWEST or ages[begin - 1] >= curve.horizon:
            continue
        height = log(curve.horizon / ages[begin - 1])
        logs = [log(age / ages[begin - 1]) for age in ages[begin:]]
        mean = sum(one * weight for one, weight in zip(logs, curve.weights[begin:], strict=True)) / size
        rate = _rate(mean, height)
        if _deviation(logs, curve.weights[begin:], size, rate, height) * sqrt(size) <= DEVIATION:
            return begin, rate
    return len(ages), 0.0


def _rate(mean: float, height: float) -> float:
    """The rate of the exponential distribution that is cut off at `height` and has this mean."""
    low, high = -20.0 / height, 1 / max(mean, 1e-6)
    for _ in range(60):
        rate = (low + high) / 2
        if _mean(rate, height) > mean:
            low = rate
        else:
            high = rate
    return (low + high) / 2


def _mean(rate: float, height: float) -> float:
    scaled = rate * height
    if abs(scaled) < FLAT:
        return height / 2
    return 1 / rate - (height / expm1(scaled) if scaled < STEEP else 0.0)


def _below(one: float, rate: float, height: float) -> float:
    """The share of that distribution below `one`."""
    if abs(rate * height) < FLAT:
        return one / height
    return expm1(-rate * one) / expm1(-rate * height)


def _above(share: float, rate: float, height: float) -> float:
    """Where that share of the distribution is below."""
    if abs(rate * height) < FLAT:
        return share * height
    return -log1p(share * expm1(-rate * height)) / rate


def _deviation(logs: Sequence[float], weights: Sequence[float], size: float, rate: float, height: float) -> float:
    """The greatest difference between the shares seen and those of the law."""
    furthest, reached = 0.0, 0.0
    for one, weight in zip(logs, weights, strict=True):
        expected = _below(one, rate, height)
        furthest = max(furthest, abs(expected - reached / size), abs(expected - (reached + weight) / size))
        reached += weight
    return furthest


def _law(curve: Curve, ages: Sequence[float], begin: int, rate: float) -> Iterator[tuple[float, float]]:
    """The times from place `begin` on, as the law has them."""
    if begin == len(ages):
        return
    size = curve.settling - curve.reached[begin - 1]
    height = log(curve.horizon / ages[begin - 1])
    even = (height * step / STEPS for step in range(STEPS + 1))
    likely = (_above(step / STEPS, rate, height) for step in range(1, STEPS))
    for one, other in pairwise(sorted({*even, *likely})):
        weight = size * (_below(other, rate, height) - _below(one, rate, height))
        yield ages[begin - 1] * exp((one + other) / 2), weight


def _unseen(curve: Curve, last: float) -> Iterator[tuple[float, float]]:
    """A little, evenly between the last age seen and the horizon: the next message may be later than all before."""
    if last < curve.horizon:
        steps = STEPS // 10
        yield from ((last * (curve.horizon / last) ** ((step + 0.5) / steps), UNSEEN / steps) for step in range(steps))

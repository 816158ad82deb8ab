"""Settling times of which some are known only to lie between two looks: Turnbull's self-consistent estimate."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from math import inf

#: Into how many ages a stretch is cut whose weight may lie anywhere in it.
SPREAD = 8

#: The estimate is good when no stretch changes by more of all messages than this.
CLOSE = 1e-7

#: Additions at most; about ten seconds of a slow machine.
PATIENCE = 20_000_000

#: An end of a stretch: its age, and whether the age itself lies inside (-1 and 0) or is left out (1).
End = tuple[float, int]


def estimate(
    exact: Mapping[float, int], left: Mapping[float, int], between: Mapping[tuple[float, float], int]
) -> tuple[list[tuple[float, float]], float, float]:
    """The weight at each age, what never settles, and how much of the weight was spread over a stretch.

    `exact` has counts by age, `left` by the age after which nothing is known, `between` by (after, until]. Only
    the smallest stretches that the ends of all observations enclose can have weight. Each gets what the observations
    that cover it expect there, until that agrees with itself.
    """
    seen: list[tuple[End, End, int]] = [
        *(((age, -1), (age, 0), count) for age, count in exact.items() if count),
        *(((age, 1), (inf, 0), count) for age, count in left.items() if count),
        *(((after, 1), (until, 0), count) for (after, until), count in between.items() if count),
    ]
    stretches = _enclosed(seen)
    weights = _agreed(stretches, seen)
    points: dict[float, float] = {}
    never = loose = 0.0
    for ((after, _), (until, _)), weight in zip(stretches, weights, strict=True):
        if until == inf:
            never += weight
        elif after == until:
            points[until] = points.get(until, 0.0) + weight
        else:
            loose += weight
            for step in range(SPREAD):
                age = after + (until - after) * (step + 0.5) / SPREAD
                points[age] = points.get(age, 0.0) + weight / SPREAD
    return sorted(points.items()), never, loose


def _enclosed(seen: Sequence[tuple[End, End, int]]) -> list[tuple[End, End]]:
    """The stretches from a beginning to an end with no other beginning or end between them."""
    begins = {begin for begin, _, _ in seen}
    marks = sorted([*((end, False) for end in {end for _, end, _ in seen}), *((begin, True) for begin in begins)])
    return [(one, other) for (one, opens), (other, too) in pairwise(marks) if opens and not too]


def _agreed(stretches: Sequence[tuple[End, End]], seen: Sequence[tuple[End, End, int]]) -> list[float]:
    """The weight of each stretch, in messages."""
    begins, ends = [begin for begin, _ in stretches], [end for _, end in stretches]
    covers: dict[tuple[int, int], int] = {}
    for begin, end, count in seen:
        place = bisect_left(begins, begin), bisect_right(ends, end)
        covers[place] = covers.get(place, 0) + count
    total = float(sum(covers.values()))
    weights = [total / len(stretches)] * len(stretches)
    for _ in range(max(10, PATIENCE // (len(stretches) + 2 * len(covers)))):
        expected = _expected(weights, covers)
        furthest = max(abs(one - other) for one, other in zip(weights, expected, strict=True))
        weights = expected
        if furthest <= CLOSE * total:
            break
    return weights


def _expected(weights: Sequence[float], covers: Mapping[tuple[int, int], int]) -> list[float]:
    """What each stretch gets if every observation is shared among what it covers by the present weights."""
    below = [0.0, *accumulate(weights)]
    change = [0.0] * (len(weights) + 1)
    for (first, end), count in covers.items():
        each = count / (below[end] - below[first])
        change[first] += each
        change[end] -= each
    return [weight * each for weight, each in zip(weights, accumulate(change), strict=False)]

"""Settling times of which some are known only to lie between two looks: Turnbull's self-consistent estimate."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from math import inf

#: Into how many ages a stretch is cut whose weight may lie anywhere in it.
SPREAD = 8

#: Where looks were at more ages than these, those within a share of each other are taken as one, their mean.
MANY, NEAR = 60, 0.05

#: The estimate is good when no stretch changes by more of all messages than this.
CLOSE = 1e-7

#: Additions at most; a second or two.
PATIENCE = 3_000_000

#: An end of a stretch: its age, and whether the age itself lies inside (-1 and 0) or is left out (1).
End = tuple[float, int]


def estimate(
    exact: Mapping[float, int], left: Mapping[float, int], between: Mapping[tuple[float, float], int]
) -> tuple[list[tuple[float, float]], float, float]:
    """The weight at each age, what never settles, and how much of the weight was spread over a stretch.

    `exact` has counts by age, `left` by the age after which nothing is known, `between` by (after, until]. Only
    the smallest stretches that the ends of all observations enclose can have weight. Each gets what the observations
    that cover it expect there, until that agrees with itself.

    Looks with jitter are at a different age for every message. The most likely estimate then heaps weight at the edges
    of where looks were, which says nothing about messages. So ages of looks that are near to each other count as one.
    """
    left, between = _gathered(left, between)
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


def _gathered(
    left: Mapping[float, int], between: Mapping[tuple[float, float], int]
) -> tuple[Mapping[float, int], Mapping[tuple[float, float], int]]:
    """The same with one age for all looks that are near to each other, where there are many."""
    ends = Counter(dict(left))
    for (after, until), count in between.items():
        ends[after] += count
        ends[until] += count
    del ends[0.0]  # before the first look; not a look
    if len(ends) <= MANY:
        return left, between
    # The greatest stays: messages that are followed to the horizon do not settle before it.
    last = max(ends)
    del ends[last]
    ages = {0.0: 0.0, last: last, **_as_one(ends)}
    fewer_left: Counter[float] = Counter()
    fewer_between: Counter[tuple[float, float]] = Counter()
    for age, count in left.items():
        fewer_left[ages[age]] += count
    for (after, until), count in between.items():
        # Two looks at one message stay two.
        begin, end = ages[after], ages[until]
        fewer_between[(begin, end) if begin < end else (after, until)] += count
    return fewer_left, fewer_between


def _as_one(ends: Mapping[float, int]) -> dict[float, float]:
    """For each age, the mean of those that are taken as one with it."""
    groups: list[list[float]] = []
    for age in sorted(ends):
        if groups and age <= groups[-1][0] * (1 + NEAR):
            groups[-1].append(age)
        else:
            groups.append([age])
    found: dict[float, float] = {}
    for group in groups:
        mean = sum(age * ends[age] for age in group) / sum(ends[age] for age in group)
        found |= dict.fromkeys(group, mean)
    return found


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

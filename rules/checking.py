"""Checking: what a schedule costs, and how much later than the provider it knows.

The figures are those of optimum checking procedures (Barlow, Hunter and Proschan, 1963): a look at some age knows all
that settled at that age or before; looks at a message stop at the first that knows; a last look at the horizon is
always made, and counted. Jitter is ignored.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum

from rules.settling_times import Curve

#: Looks at one message that are still computed: one a second for more than two weeks. More are a slip of the pen.
MOST = 1_500_000


@dataclass(frozen=True, slots=True)
class Figures:
    """What a schedule costs and brings. Ages and delays are in seconds, delays over the messages that settle.

    A delay is the age of the first look at or after the settling, minus the age of the settling. Its quantiles are
    delays that occur: `p95_delay` is the least that at least 95 in 100 do not exceed. Delays are None where no
    message settles by the horizon.
    """

    #: Every look below the horizon; the one at the horizon is not among them.
    looks: tuple[float, ...]
    #: The mean over all messages, those that never settle included.
    looks_per_message: float
    mean_delay: float | None
    p50_delay: float | None
    p95_delay: float | None
    p99_delay: float | None
    #: The share of messages that are not settled by the horizon.
    undecided: float


def planned(looks: Iterable[float], then: float | None, horizon: float) -> tuple[float, ...]:
    """Every age below `horizon` at which a schedule looks. ValueError says what is wrong with it."""
    ages = sorted(set(looks))
    if ages and ages[0] < 0:
        raise ValueError("a look cannot be before the message is sent")
    last = ages[-1] if ages else 0.0
    if then is not None:
        if then <= 0:
            raise ValueError("`then` must be longer than 0s")
        if (horizon - last) / then > MOST:
            raise ValueError(f"these are more than {MOST:,} looks at one message; write a longer `then`")
        count = 1
        while last + then * count < horizon:
            ages.append(last + then * count)
            count += 1
    if len(ages) > MOST:
        raise ValueError(f"these are more than {MOST:,} looks at one message; write fewer")
    return tuple(ages[: bisect_left(ages, horizon)])


def judge(curve: Curve, looks: Iterable[float], then: float | None = None, horizon: float | None = None) -> Figures:
    """The figures of a schedule on a curve: exactly those of the sample where the curve is one.

    `looks` and `then` as in `rules.schedules.Schedule`, in seconds. `horizon` is the curve's, or a shorter one; what
    settles after it counts as never. ValueError if the curve has no messages or does not reach so far.
    """
    horizon = curve.horizon if horizon is None else horizon
    if horizon > curve.horizon:
        raise ValueError("the horizon lies beyond what the curve tells")
    if not curve.total:
        raise ValueError("there are no settling times")
    ages = planned(looks, then, horizon)
    cost = curve.total
    delays: list[tuple[float, float]] = []
    begin = 0
    for look in (*ages, horizon):
        end = begin
        while end < len(curve.ages) and curve.ages[end] <= look:
            delays.append((look - curve.ages[end], curve.weights[end]))
            end += 1
        begin = end
        if look < horizon:
            cost += curve.total - (curve.reached[end - 1] if end else 0.0)
    settled = curve.reached[begin - 1] if begin else 0.0
    quantiles = _quantiles(delays, settled, (0.5, 0.95, 0.99))
    return Figures(
        ages,
        cost / curve.total,
        fsum(delay * weight for delay, weight in delays) / settled if settled else None,
        *quantiles,
        undecided=(curve.total - settled) / curve.total,
    )


def _quantiles(
    delays: list[tuple[float, float]], settled: float, parts: Sequence[float]
) -> tuple[float | None, float | None, float | None]:
    found: list[float | None] = []
    delays.sort()
    reached, place = 0.0, -1
    for part in parts:
        # A hair less, because weights that are no whole numbers do not add up exactly.
        while reached < part * settled * (1 - 1e-12) and place < len(delays) - 1:
            place += 1
            reached += delays[place][1]
        found.append(delays[place][0] if settled else None)
    return found[0], found[1], found[2]

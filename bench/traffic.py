"""A day of traffic, made up from a seed: when messages are sent, and when each of them settles, if ever."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from adapters.base import Limits
from rules.schedules import DEFAULTS, Schedule
from rules.statuses import Channel

DAY = 86400.0
MINUTE = 60.0
HOUR = 3600.0

#: Shares of messages with the median and the spread (of the logarithm) of the seconds that they take to settle. What is
#: missing to one never settles.
Times = tuple[tuple[float, float, float], ...]

#: Most settle at once; phones that are off, and inboxes that are full, take hours.
SMS: Times = ((0.87, 6, 1.2), (0.10, HOUR, 1.5))
EMAIL: Times = ((0.93, 20, 1.5), (0.05, 45 * MINUTE, 1.3))
CODES: Times = ((0.94, 5, 0.8), (0.04, 60, 0.7))

#: The times of sending for so many messages, in seconds since midnight.
Sending = Callable[[random.Random, int], list[float]]


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of day. `rate` is how many requests a second the provider allows; None: any number."""

    name: str
    messages: int
    sending: Sending
    times: Times
    limits: Limits
    channel: Channel
    schedule: Schedule
    #: Whether there are fewer or more messages as the benchmark has fewer or more rows. Where not, it is small already,
    #: and what is rarer shares fewer requests.
    scales: bool = False
    #: How long after it was sent a message is given up.
    patience: float = DAY
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """When each message was sent, in that order, and when it settles: infinity if never."""

    sent: Sequence[float]
    settles: Sequence[float]


def traffic(shape: Shape, count: int, seed: int) -> Traffic:
    """`count` messages of this shape. Times are whole thousandths of a second."""
    chance = random.Random(f"{shape.name} {seed}")  # noqa: S311 - makes up traffic, guards nothing
    sent = sorted(round(at, 3) for at in shape.sending(chance, count))
    return Traffic(sent, [round(at + _takes(shape.times, chance), 3) for at in sent])


def _takes(times: Times, chance: random.Random) -> float:
    which = chance.random()
    for share, median, spread in times:
        if which < share:
            return chance.lognormvariate(math.log(median), spread)
        which -= share
    return math.inf


def by_day(chance: random.Random, count: int) -> list[float]:
    """Few at night, most at noon."""
    return [min(DAY - 1, max(0.0, chance.gauss(13 * HOUR, 4 * HOUR))) for _ in range(count)]


def burst(chance: random.Random, count: int) -> list[float]:
    """All from nine o'clock on, within ten minutes; one in a hundred at any other time."""
    some = count // 100
    return by_day(chance, some) + [9 * HOUR + chance.uniform(0, 10 * MINUTE) for _ in range(count - some)]


def steady(chance: random.Random, count: int) -> list[float]:
    """Ten a second from nine o'clock on, for an hour where there are 36,000: every other hour is alike."""
    return [9 * HOUR + chance.uniform(0, count / 10) for _ in range(count)]


def _schedule(*ages: float, then: float | None) -> Schedule:
    pause = None if then is None else timedelta(seconds=then)
    return Schedule(tuple(timedelta(seconds=age) for age in ages), pause)


SHAPES = (
    Shape(
        "one-time codes",
        20_000,
        by_day,
        CODES,
        Limits(ids=1, listing=1000, lag=timedelta()),
        Channel.SMS,
        _schedule(10, 30, 90, 4 * MINUTE, then=None),
        patience=10 * MINUTE,
    ),
    Shape(
        "newsletters",
        100_000,
        burst,
        EMAIL,
        Limits(ids=50, listing=500, lag=timedelta()),
        Channel.EMAIL,
        DEFAULTS[Channel.EMAIL],
        scales=True,
    ),
    Shape(
        "ten a second",
        36_000,
        steady,
        SMS,
        Limits(ids=1, listing=1000, lag=timedelta()),
        Channel.SMS,
        DEFAULTS[Channel.SMS],
        scales=True,
    ),
    Shape(
        "small pages",
        5000,
        by_day,
        SMS,
        Limits(ids=1, listing=20, lag=timedelta()),
        Channel.SMS,
        DEFAULTS[Channel.SMS],
        rate=20 / MINUTE,
    ),
)

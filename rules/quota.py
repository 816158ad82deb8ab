"""What a quota ledger is about: limits, what processes say of their permits, and what is counted.

Times are seconds since 1970 by the clock of the database.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil, floor
from typing import Any, Literal

from rules import durations

#: What a limit counts.
Unit = Literal["requests", "records", "cost"]

#: A request reaches the provider within this share of a limit's window after it was sent, or it may be one too many.
LATE = 0.025

#: Requests are counted in so many steps a window, each rounded up, so that a ledger stays small.
STEPS = 100


@dataclass(frozen=True, slots=True)
class Most:
    """At most `amount` of a unit in any `window`."""

    amount: float
    window: timedelta
    unit: Unit = "requests"

    def __str__(self) -> str:
        """As it is written in `landed.toml`."""
        return f"{self.amount:.15g}/{durations.text(self.window)}"

    @property
    def key(self) -> str:
        """Under which it is counted: whoever changes the amount goes on with what was used."""
        return f"{self.unit}/{self.window.total_seconds():.12g}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is allowed to all who share a ledger, and what a request of this account takes of it."""

    #: Requests a second, evenly spread.
    rate: float
    #: Requests in flight.
    at_once: int
    most: tuple[Most, ...] = ()
    #: The most records that one request may bring, and what one costs.
    records: int = 1
    cost: float = 0.0
    #: Seconds after which a request is in flight no more, whatever became of it.
    timeout: float = 10.0

    @property
    def all_most(self) -> tuple[Most, ...]:
        """Every limit, with that of the rate itself."""
        return (steady(self.rate), *self.most)

    def takes(self, unit: str) -> float:
        """What one request takes at most."""
        return {"requests": 1.0, "records": float(self.records), "cost": self.cost}[unit]


def steady(rate: float) -> Most:
    """A rate as a limit: 10 a second are 10 in any second, a half is one in any two seconds."""
    amount = max(1, floor(rate))
    return Most(amount, timedelta(seconds=amount / rate))


@dataclass(frozen=True, slots=True)
class Used:
    """Permits used: requests sent and answered at these times, or a little earlier; `ended_at` None: not answered yet.

    `records` is what they brought, or may bring. A count of 0 corrects the records of one that was told before.
    """

    sent_at: float
    ended_at: float | None
    count: int
    records: int


@dataclass(frozen=True, slots=True)
class Told:
    """What the provider itself says: so many requests are left until a time."""

    left: int
    until: float


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the last block, how many requests are in flight, and what the provider said."""

    block: int = 0
    used: tuple[Used, ...] = ()
    in_flight: int = 0
    told: Told | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Permits for `count` moments, the first at `start`, each next one `step` later."""

    start: float
    step: float
    count: int


@dataclass(frozen=True, slots=True)
class Grant:
    """A block of permits, void after `until`, for up to `slots` requests in flight. None: ask again at `again_at`."""

    block: int
    runs: tuple[Run, ...]
    until: float
    slots: int
    again_at: float


@dataclass(slots=True)
class Holder:
    """What one process has: a block that it has not told about, and requests that it may have in flight."""

    block: int = 0
    count: int = 0
    records: float = 0.0
    cost: float = 0.0
    until: float = 0.0
    slots: int = 0
    slots_until: float = 0.0
    #: Whether it had wanted more slots than there were.
    is_short: bool = False

    def amount(self, unit: str) -> float:
        """What its block takes at most."""
        return {"requests": float(self.count), "records": self.records, "cost": self.cost}[unit]


@dataclass(slots=True)
class State:
    """A ledger. `counted` has of each limit how much was used when: [milliseconds, amount], in their order."""

    next_at: float = 0.0
    blocks: int = 0
    rest_until: float = 0.0
    left: int = 0
    left_until: float = 0.0
    counted: dict[str, list[list[float]]] = field(default_factory=dict)
    holders: dict[str, Holder] = field(default_factory=dict)

    @classmethod
    def parse(cls, plain: Mapping[str, Any]) -> "State":
        """The ledger that `plain` wrote down."""
        values = {name: plain[name] for name in cls.__dataclass_fields__ if name in plain}
        values["holders"] = {name: Holder(**one) for name, one in plain.get("holders", {}).items()}
        return cls(**values)

    def plain(self) -> dict[str, Any]:
        """It as JSON values."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["holders"] = {
            name: {key: getattr(one, key) for key in one.__dataclass_fields__} for name, one in self.holders.items()
        }
        return values

    def used(self, most: Most, now: float) -> float:
        """How much of a limit counts now, with what is given away and not told about."""
        return sum(amount for _, amount in counting(self, most, now))


def count(state: State, key: str, at: float, amount: float) -> None:
    """Count `amount` of the limits with this key at a time, rounded up to a step."""
    if not amount:
        return
    step = max(1, floor(window_of(key) * 1000 / STEPS))
    rounded = ceil(at * 1000 / step) * step
    counted = state.counted.setdefault(key, [])
    place = bisect_left(counted, [rounded])
    if place < len(counted) and counted[place][0] == rounded:
        counted[place][1] += amount
    else:
        counted.insert(place, [rounded, amount])


def unit_of(key: str) -> str:
    """The unit in a key."""
    return key.partition("/")[0]


def window_of(key: str) -> float:
    """The window in a key, in seconds."""
    return float(key.partition("/")[2])


def counting(state: State, most: Most, now: float) -> list[tuple[float, float]]:
    """What counts of a limit: until when it does so less a window, and how much."""
    window = most.window.total_seconds()
    told = [(at / 1000, amount) for at, amount in state.counted.get(most.key, ()) if at / 1000 + window > now]
    given = [
        (one.until + LATE * window, one.amount(most.unit))
        for one in state.holders.values()
        if one.count and one.amount(most.unit)
    ]
    return told + given

"""Drawing: where the lines of the two pictures of a schedule are. Pictures are of `WIDTH` by `HEIGHT`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log

from rules.ages import about
from rules.checking import Figures
from rules.frontier import marks
from rules.settling_times import Curve

WIDTH, HEIGHT = 440, 270
LEFT, RIGHT, TOP, BOTTOM = 50, 432, 10, 228

#: How many marks an age and a delay have room for.
ROOM, ROOM_UP = 7, 6

#: The earliest age, in seconds, that is worth room.
EARLIEST = 0.1

#: Looks that are drawn; more would be one surface.
MOST = 400


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark at an axis: where, and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Scale:
    """From a value to its place, on a logarithmic or an even axis. What lies outside is at the end."""

    low: float
    high: float
    first: float
    last: float
    is_even: bool = False

    def at(self, value: float) -> float:
        """The place of a value."""
        value = min(max(value, self.low), self.high)
        if self.is_even:
            share = (value - self.low) / (self.high - self.low)
        else:
            share = log(value / self.low) / log(self.high / self.low)
        return round(self.first + share * (self.last - self.first), 1)

    def marks(self, room: int) -> list[Mark]:
        """Lengths of time at a logarithmic axis."""
        return [Mark(self.at(one), about(one)) for one in marks(self.low, self.high, room)]


def _share(share: float) -> float:
    return round(BOTTOM - share * (BOTTOM - TOP), 1)


@dataclass(frozen=True)
class Settling:
    """When messages settle. The looks at them are drawn into it."""

    scale: Scale
    path: str
    ages: list[Mark]
    shares: list[Mark]

    def known(self, times: Curve, looks: Sequence[float]) -> str:
        """What a schedule knows."""
        points = [(look, times.settled(look)) for look in (*looks, times.horizon)]
        return _steps(self.scale, points)

    def ticks(self, looks: Iterable[float]) -> str:
        """A line for each look."""
        places = dict.fromkeys(self.scale.at(look) for look in looks)
        return "".join(f"M{place:g} {TOP}V{BOTTOM}" for place in list(places)[:MOST])


def settling(times: Curve, present: Figures) -> Settling:
    """The picture of times, wide enough for the looks in force."""
    earliest = min((*times.ages[:1], *present.looks[:1], times.horizon)) / 2
    low = min(max(earliest, EARLIEST), times.horizon / 10)
    scale = Scale(low, times.horizon * 1.05, LEFT, RIGHT)
    points = [*zip(times.ages, times.shares, strict=True), (times.horizon, times.settled(times.horizon))]
    shares = [Mark(_share(share / 100), f"{share}%") for share in range(0, 101, 25)]
    return Settling(scale, _steps(scale, points), scale.marks(ROOM), shares)


def _steps(scale: Scale, points: Iterable[tuple[float, float]]) -> str:
    """A line that rises in steps; what falls on one place is one step."""
    heights: dict[float, float] = {}
    for age, share in points:
        heights[scale.at(age)] = _share(share)
    return f"M{LEFT} {BOTTOM}" + "".join(f"H{place:g}V{height:g}" for place, height in heights.items())


@dataclass(frozen=True)
class Costs:
    """What looks cost, and how late we know: `path` is the least possible."""

    across: Scale
    up: Scale
    path: str
    looks: list[Mark]
    delays: list[Mark]

    def place(self, figures: Figures) -> tuple[float, float] | None:
        """Where a schedule is; None for one without a delay."""
        if not figures.mean_delay:
            return None
        return self.across.at(figures.looks_per_message), self.up.at(figures.mean_delay)


def costs(points: Sequence[tuple[float, float]], present: Figures, most: float) -> Costs | None:
    """The picture of a frontier, up to so many looks per message at least; None where nothing settles."""
    delays = [delay for _, delay in points if delay > 0]
    if not present.mean_delay or not delays:
        return None
    top = max(most, present.looks_per_message, *(cost for cost, _ in points))
    across = Scale(1, top * 1.04, LEFT, RIGHT, is_even=True)
    up = Scale(min(*delays, present.mean_delay) / 1.5, max(*delays, present.mean_delay) * 3, BOTTOM, TOP)
    places = [(across.at(cost), up.at(delay)) for cost, delay in points if delay > 0]
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in places)
    step = max(1, round(top / 8))
    numbers = [Mark(across.at(one), str(one)) for one in range(1, int(top) + 1) if one == 1 or one % step == 0]
    return Costs(across, up, path, numbers, up.marks(ROOM_UP))

"""The frontier of cost and delay: the least delay that there is for each cost; and where marks stand at an axis."""

from collections.abc import Iterator, Sequence
from math import inf, log

from rules.checking import Figures
from rules.optimum import Effort, least_delay
from rules.places import places
from rules.settling_times import Curve

#: Ages that stand at an axis, as far as there is room.
MARKS = (
    *(0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 14_400, 28_800, 43_200),
    *(86_400, 172_800, 259_200, 604_800, 1_209_600),
)

#: Costs at which the frontier is computed, up to so many times that of the present schedule.
POINTS, BEYOND = 24, 2.5

#: How exact the frontier is: nobody sees more.
EFFORT = Effort(0.02, 2000)


def frontier(times: Curve, present: Figures, first: float) -> Iterator[tuple[float, float]]:
    """The least mean delay for looks per message up to more than the present schedule takes."""
    if not times.settling:
        return
    where = places(times, first=first)
    top = max(present.looks_per_message * BEYOND, 3.0)
    wanted = (least_delay(where, (top - 1) * step / POINTS * times.total, EFFORT).path for step in range(1, POINTS + 1))
    least = inf
    for path in sorted(wanted, key=lambda path: (path.cost, path.delay)):
        # Found roughly, one may cost more than another and be no better.
        if path.delay < least:
            least = path.delay
            yield 1 + path.cost / times.total, path.delay / times.settling


def marks(low: float, high: float, room: int) -> list[float]:
    """Lengths of time that people know, from `low` to `high` on a logarithmic axis with room for so many."""
    inside = [mark for mark in MARKS if low <= mark <= high]
    return _apart(inside, log(high / low) / room) if inside else []


def _apart(marks: Sequence[float], gap: float) -> list[float]:
    """Those marks that are so far from the one before."""
    kept = [marks[0]]
    for mark in marks[1:]:
        if log(mark / kept[-1]) >= gap:
            kept.append(mark)
    return kept

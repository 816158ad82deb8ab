"""Priority: whom to ask about first when more is due than the quota allows. Pure.

Last looks come before everything else, and of them the one that can be made for the shortest time. None can be made
early, so nothing need be kept free for those to come: going by the earliest end makes them all in time wherever any
order would (Jackson, "Scheduling a production line to minimize maximum tardiness", 1955; for jobs of one length that
become ready at different times, Horn, "Some simple scheduling algorithms", 1974). After them comes what is most likely
to have changed since it was last looked at.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from rules.settling_times import Curve

#: How likely a message is to have changed, from its age at its last look (0 if there was none) and now, in seconds.
Likelihood = Callable[[float, float], float]


def by_age(looked: float, age: float) -> float:
    """How likely a message is to have changed, where nothing is recorded yet: the share of its age not looked at.

    Most messages settle early, and the older one is, the longer it takes until something happens to it.
    """
    return (age - looked) / age if age > 0 else 1.0


def by_curve(curve: Curve) -> Likelihood:
    """How likely a message that was open at its last look is to have settled since, as recorded times tell."""

    def likelihood(looked: float, age: float) -> float:
        open_then = 1.0 - curve.settled(looked)
        return (curve.settled(age) - curve.settled(looked)) / open_then if open_then > 0 else 0.0

    return likelihood


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is due. Its last look may be made from `last_look_at` on, and is of no use after `too_late_at`."""

    id: int
    sent_at: datetime
    looked_at: datetime | None
    last_look_at: datetime
    too_late_at: datetime
    #: How likely it is to have changed.
    likelihood: Likelihood = by_age


def order(waiting: Iterable[Waiting], now: datetime) -> list[Waiting]:
    """Those waiting, whoever is to be asked about first before the others."""
    last: list[Waiting] = []
    others: list[tuple[float, datetime, Waiting]] = []
    for one in waiting:
        if now >= one.last_look_at:
            last.append(one)
        else:
            age = max((now - one.sent_at).total_seconds(), 0.0)
            looked = 0.0 if one.looked_at is None else (one.looked_at - one.sent_at).total_seconds()
            others.append((one.likelihood(min(max(looked, 0.0), age), age), one.sent_at, one))
    # What it is too late for comes after what is not yet lost, and a little before what can wait.
    last.sort(key=lambda one: (one.too_late_at <= now, one.too_late_at, one.id))
    others.sort(key=lambda item: (item[0], item[1], item[2].id), reverse=True)
    return last + [one for _, _, one in others]

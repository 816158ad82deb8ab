"""Suggesting: the schedule with the least expected delay for what it may cost, found on settling times.

There are two answers. The optimum is the best there is on the times given, and flatters itself, because it was fitted
to them. The schedule to use is found on the same times smoothed, looks at round ages as far as that costs little, and
is judged on times it was not fitted to.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random

from rules import rounding
from rules.checking import Figures, judge
from rules.optimum import QUICK, THOROUGH, Best, Effort, least_cost, least_delay
from rules.places import Places, places
from rules.settling_times import Curve, Observed, curve
from rules.smoothing import smoothed

#: What looks at the roundest ages add to the delay when the schedule is chosen, as a share of it, so that few looks
#: are taken rather than many.
ROUGH = 0.02

#: How many times as much a look at an age of each degree of coarseness adds, so that round ages are taken.
DEGREES = (1, 2, 4, 7, 11, 16, 22, 30)

#: Looks of a schedule that a person could still write.
MOST = 200

#: The degrees of coarseness whose round ages are all tried. Finer ones are where this share of the messages settles.
ALWAYS, WORTH = 5, 2e-4

#: How often a schedule that passes a limit on the times given is made again with a tighter one.
TRIES = 6

#: Into how many parts times are cut, each of which is held out once, and how many must settle for that.
PARTS, ENOUGH = 5, 10


class Unreachable(ValueError):
    """No schedule does what was asked. The message says what can be asked."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked for: at most so many looks per message, or at most such a mean delay, in seconds; one of them."""

    looks_per_message: float | None = None
    mean_delay: float | None = None

    def check(self) -> None:
        """Raise Unreachable where no times could meet it, and ValueError unless it asks for one thing."""
        if (self.looks_per_message is None) == (self.mean_delay is None):
            raise ValueError("ask for looks per message or for a mean delay, and not for both")
        if self.looks_per_message is not None and not self.looks_per_message >= 1:
            raise Unreachable("every message takes one look, the last: ask for 1 look per message or more")
        if self.mean_delay is not None and not self.mean_delay > 0:
            raise Unreachable("nobody knows at once what has happened: ask for a mean delay above 0s")

    def excess(self, figures: Figures) -> float:
        """How many times too much a schedule with these figures has, 1 being what was asked for."""
        if self.looks_per_message is not None:
            return figures.looks_per_message / self.looks_per_message
        return (figures.mean_delay or 0.0) / (self.mean_delay or 1.0)

    def tighter(self, by: float) -> "Goal":
        """The same, `by` times less."""
        if self.looks_per_message is not None:
            return Goal(looks_per_message=max(self.looks_per_message / by, 1.0))
        return Goal(mean_delay=(self.mean_delay or 0.0) / by)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How such a schedule does on times that it was not fitted to: means over all parts, each held out once.

    The mean delay is None where no message in them settles by the horizon.
    """

    looks_per_message: float
    mean_delay: float | None
    parts: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What was found. Figures are on the times given; `held_out` is None where they are too few to be parted."""

    #: The exact optimum on the times given.
    optimum: Figures
    #: No schedule that does what was asked has less mean delay on the times given, or where a mean delay was asked for,
    #: fewer looks per message: how far the optimum may be from the best there is.
    bound: float
    #: The schedule to use. After its looks none follows but the last at the horizon.
    use: Figures
    held_out: HeldOut | None


def suggest(
    observed: Sequence[Observed], horizon: float, goal: Goal, *, first_look: float = 0.0, seed: int = 7
) -> Suggestion:
    """The best schedules for a goal. No look is made below `first_look`; `seed` decides which times go together.

    Raises Unreachable where no schedule does what was asked, and ValueError where there are no times.
    """
    goal.check()
    given = curve(observed, horizon)
    if not given.total:
        raise ValueError("there are no settling times")
    best, where = optimum(given, goal, first_look)
    bound = best.bound / given.settling if goal.mean_delay is None and given.settling else best.bound / given.total + 1
    return Suggestion(
        judge(given, (where.ages[look] for look in best.path.looks)),
        bound if given.settling else 1.0,
        judge(given, to_use(given, goal, first_look)),
        held_out(observed, horizon, goal, first_look=first_look, seed=seed),
    )


def optimum(given: Curve, goal: Goal, first_look: float = 0.0, effort: Effort = THOROUGH) -> tuple[Best, Places]:
    """The best path for a goal among all ages of a curve, and its places. Raises Unreachable."""
    where = places(given, first=first_look)
    return _best(where, given, goal, effort), where


def to_use(given: Curve, goal: Goal, first_look: float = 0.0) -> tuple[float, ...]:
    """The looks of the schedule to use: fitted to the curve smoothed, and within what was asked on the curve itself."""
    if not given.settling:
        return ()
    likely = smoothed(given)
    where, coarseness = _round(likely, first_look)
    aim = goal
    with suppress(Unreachable):
        for _ in range(TRIES):
            looks = _few(where, coarseness, likely, aim)
            excess = max(goal.excess(judge(given, looks)), goal.excess(judge(likely, looks)))
            if excess <= 1 + 1e-9:
                return looks
            aim = aim.tighter(excess * 1.002)
    # Times that differ much from their smoothed curve: the round ages that are best on the times themselves.
    exactly = places(given, where.ages, first_look)
    return _looks(exactly, _best(exactly, given, goal, QUICK))


def held_out(
    observed: Sequence[Observed], horizon: float, goal: Goal, *, first_look: float = 0.0, seed: int = 7
) -> HeldOut | None:
    """How schedules fitted to all parts of the times but one do on that one. None where times are too few."""
    parts = _parts(observed, Random(seed))  # noqa: S311 - which times go together is no secret
    if curve(observed, horizon).settling < ENOUGH:
        return None
    total = settling = looks = delay = 0.0
    for place, part in enumerate(parts):
        unseen = curve(part, horizon)
        others = curve([one for other in (*parts[:place], *parts[place + 1 :]) for one in other], horizon)
        figures = judge(unseen, to_use(others, goal, first_look)) if unseen.total else None
        if figures is not None:
            total += unseen.total
            settling += unseen.settling
            looks += figures.looks_per_message * unseen.total
            delay += (figures.mean_delay or 0.0) * unseen.settling
    return HeldOut(looks / total, delay / settling if settling else None, len(parts))


def _parts(observed: Iterable[Observed], chance: Random) -> list[list[Observed]]:
    """The times in parts of nearly the same size."""
    parts: list[list[Observed]] = [[] for _ in range(PARTS)]
    ordered = sorted(observed, key=lambda one: (one.after, one.until is None, one.until or 0.0))
    turn: list[int] = []
    for one in ordered:
        even, odd = divmod(one.count, PARTS)
        counts = [even] * PARTS
        for _ in range(odd):
            # Neighbours go to different parts, so that each part has early and late ones.
            turn = turn or chance.sample(range(PARTS), PARTS)
            counts[turn.pop()] += 1
        for part, count in zip(parts, counts, strict=True):
            if count:
                part.append(replace(one, count=count))
    return parts


def _best(where: Places, given: Curve, goal: Goal, effort: Effort) -> Best:
    if goal.looks_per_message is not None:
        return least_delay(where, (goal.looks_per_message - 1) * given.total, effort)
    try:
        return least_cost(where, (goal.mean_delay or 0.0) * given.settling, effort)
    except ValueError:
        least = judge(given, where.ages).mean_delay or 0.0
        raise Unreachable(
            f"no schedule has so little delay: looks at every round age leave {least:.3g}s; ask for more"
        ) from None


def _round(likely: Curve, first_look: float) -> tuple[Places, tuple[int, ...]]:
    """Round ages as places, and the degree of coarseness of each."""
    degrees: dict[float, int] = {}
    for degree, coarseness in enumerate(rounding.COARSENESS):
        for age in rounding.ages(first_look, likely.horizon, coarseness):
            degrees.setdefault(age, degree)
    ages, below = [], 0.0
    for age in sorted(degrees):
        settled = likely.settled(age)
        if degrees[age] < ALWAYS or settled - below >= WORTH:
            ages.append(age)
            below = settled
    return places(likely, ages, first_look), tuple(degrees[age] for age in ages)


def _few(where: Places, degrees: Sequence[int], likely: Curve, goal: Goal) -> tuple[float, ...]:
    """The best looks for a goal, if each is counted a little, and one that is less round a little more."""
    best = _best(where, likely, goal, QUICK).path
    each = ROUGH * best.delay / len(best.looks)
    while True:
        extra = (*(each * DEGREES[degree] for degree in degrees), 0.0)
        looks = _looks(where, least_delay(replace(where, extra=extra), best.cost, QUICK))
        if len(looks) <= MOST or not each:
            return looks
        each *= 1.25


def _looks(where: Places, best: Best) -> tuple[float, ...]:
    return tuple(where.ages[look] for look in best.path.looks[:-1])

"""Adapting: a schedule that follows the recorded times by itself, slowly and within limits.

Each change brings it a step nearer to the schedule that is best on half of the times, and is made only if it is better
on the other half too: whatever is fitted to a sample flatters itself.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from math import ceil, floor, log, sqrt

from rules import durations
from rules.checking import Figures, judge, planned
from rules.schedules import Schedule
from rules.settling_times import Curve, Observed, curve
from rules.suggesting import Goal, Unreachable, to_use

#: By so much a look is earlier or later after one change, at most. One look may also be added, and one left out.
STEP = 1.25

#: So much less delay the best schedule must promise, and one change must bring, on times that neither was fitted to.
WORTH, GAIN = 0.05, 0.01

#: Unless it is set: how much earlier than configured the first look may be, and how much longer a pause.
EARLIER, LONGER = 4.0, 2.0

#: Ages are kept to the microsecond, so a pause may be so much longer than it was meant to be, as a share.
TINY = 1e-6

#: Looks that are tried as the one to add or leave out.
TRIED = 8

#: A look whose counterpart would be further away than the square of this is one to leave out, and that one to add.
APART = 2.0


#: Unless it is set: the least time between two changes.
EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Adaptive:
    """Within what a schedule follows. What is None is as `limits` derives it from the configured schedule."""

    configured: Schedule
    looks_per_message: float | None = None
    earliest: timedelta | None = None
    longest_pause: timedelta | None = None
    #: No two changes are closer together.
    every: timedelta = EVERY


@dataclass(frozen=True, slots=True)
class Within:
    """Limits in figures, in seconds: the most looks per message, no look before `earliest`, no pause over `longest`."""

    cost: float
    earliest: float
    longest: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do: other ages to look at, or (None) none; why; and the figures before and after, on all times."""

    ages: tuple[float, ...] | None
    why: str
    before: Figures
    after: Figures | None = None


def ages_of(schedule: Schedule, horizon: float) -> tuple[float, ...]:
    """Every age below `horizon` at which `schedule` looks."""
    first = schedule.first_look.total_seconds()
    then = None if schedule.then is None else schedule.then.total_seconds()
    return planned(sorted({max(look.total_seconds(), first) for look in schedule.looks}), then, horizon)


def words(schedule: Schedule) -> str:
    """A configured schedule in words, others for every other one."""
    looks = ",".join(durations.text(look) for look in schedule.looks)
    then = "" if schedule.then is None else f" then {durations.text(schedule.then)}"
    return f"{looks}{then} from {durations.text(schedule.first_look)}"


def schedule_of(ages: Sequence[float], configured: Schedule, horizon: float) -> Schedule:
    """The schedule that looks at `ages`; messages that wait longer than most go on as configured."""
    then = configured.then
    if then is not None:
        # None of these before the horizon: up to there every look was weighed.
        then = max(then, timedelta(seconds=ceil(horizon - (ages[-1] if ages else 0.0))))
    looks = tuple(timedelta(seconds=age) for age in ages)
    return Schedule(looks, then, configured.jitter, configured.first_look)


def limits(adaptive: Adaptive, times: Curve) -> Within:
    """The limits in figures: unless set, the cost of the configured schedule, and wider than its ages and pauses."""
    ages = ages_of(adaptive.configured, times.horizon)
    first = adaptive.configured.first_look.total_seconds()
    begin = ages[0] if ages else times.horizon
    earliest = begin / EARLIER if adaptive.earliest is None else adaptive.earliest.total_seconds()
    pauses = [later - earlier for earlier, later in pairwise((0.0, *ages, times.horizon))]
    longest = max(pauses) * LONGER if adaptive.longest_pause is None else adaptive.longest_pause.total_seconds()
    cost = adaptive.looks_per_message or judge(times, ages).looks_per_message
    return Within(cost, max(ceil(earliest * 10) / 10, first), longest)


def within(ages: Iterable[float], limit: Within, horizon: float) -> tuple[float, ...]:
    """The ages with those that are too early put off, and looks added where a pause is too long."""
    if limit.earliest >= horizon:
        return ()
    ordered = [*sorted({max(age, limit.earliest) for age in ages if max(age, limit.earliest) < horizon}), horizon]
    if limit.earliest > ordered[0] / max(ceil(ordered[0] / limit.longest - TINY), 1):
        # Looks that fill up the time to the first one begin as early as they may.
        ordered = sorted({limit.earliest, *ordered})
    kept: list[float] = []
    last = 0.0
    for age in ordered:
        parts = ceil((age - last) / limit.longest - TINY)
        added = (last + (age - last) * part / parts for part in range(1, parts))
        kept += [one for one in added if one >= limit.earliest]
        if age < horizon:
            kept.append(age)
        last = age
    return tuple(kept)


def adapt(present: Sequence[float], adaptive: Adaptive, observed: Sequence[Observed], horizon: float) -> Decision:
    """What to do with a schedule that looks at `present`, as far as the times tell. ValueError if there are none."""
    whole = curve(observed, horizon)
    limit = limits(adaptive, whole)
    before = judge(whole, present)
    inside = within(present, limit, horizon)
    if inside != tuple(present):
        return Decision(inside, "it was outside its limits", before, judge(whole, inside))
    fitted, held_out = halves(observed, random.Random(whole.total))  # noqa: S311 - parts a sample
    fit, unseen = curve(fitted, horizon), curve(held_out, horizon)
    if not fit.settling or not unseen.settling:
        return Decision(None, "nothing settles", before)
    try:
        target = _target(fit, limit)
    except Unreachable as error:
        return Decision(None, str(error), before)
    if before.looks_per_message <= limit.cost and not _is_better(unseen, present, target, WORTH):
        return Decision(None, "no schedule within its limits is worth a change", before)
    return _step(present, target, limit, whole, fit, unseen)


def _step(
    present: Sequence[float], target: Sequence[float], limit: Within, whole: Curve, fit: Curve, unseen: Curve
) -> Decision:
    """The best step towards the target, if it holds on the times that it was not chosen by."""
    before = judge(whole, present)
    most = max(limit.cost, before.looks_per_message * (1 - GAIN)) * (1 + 1e-9)
    best: tuple[float, tuple[float, ...], Figures] | None = None
    for ages in dict.fromkeys(steps(present, target)):
        if not ages or within(ages, limit, whole.horizon) != ages:
            continue
        figures = judge(whole, ages)
        delay = judge(fit, ages).mean_delay
        if delay is not None and figures.looks_per_message <= most and (best is None or delay < best[0]):
            best = delay, ages, figures
    if best is None:
        return Decision(None, "no step stays within its limits", before)
    _, ages, after = best
    if before.looks_per_message <= limit.cost and not _is_better(unseen, present, ages, GAIN):
        return Decision(None, "no step is better on times that it was not fitted to", before)
    return Decision(ages, "it costs less" if before.looks_per_message > limit.cost else "less delay", before, after)


def _is_better(times: Curve, one: Sequence[float], other: Sequence[float], share: float) -> bool:
    was, is_now = judge(times, one).mean_delay, judge(times, other).mean_delay
    return was is not None and is_now is not None and is_now <= was * (1 - share)


def halves(observed: Iterable[Observed], chance: random.Random) -> tuple[list[Observed], list[Observed]]:
    """The messages dealt out at random to two halves."""
    one, other = [], []
    for seen in observed:
        count = chance.getrandbits(seen.count).bit_count() if seen.count else 0
        one.append(Observed(seen.after, seen.until, count))
        other.append(Observed(seen.after, seen.until, seen.count - count))
    return [seen for seen in one if seen.count], [seen for seen in other if seen.count]


def _target(fit: Curve, limit: Within) -> tuple[float, ...]:
    """The schedule to go to: the best for the cost, with what the longest pause makes it cost more taken off before."""
    cost, ages = limit.cost, tuple[float, ...]()
    for _ in range(4):
        looks = to_use(fit, Goal(looks_per_message=cost), limit.earliest)
        ages = within(looks, limit, fit.horizon)
        over = judge(fit, ages).looks_per_message - limit.cost
        if over <= 0:
            break
        cost = max(cost - over * 1.1, 1.0)
    return ages


def steps(present: Sequence[float], target: Sequence[float]) -> Iterator[tuple[float, ...]]:
    """Schedules a step from `present` towards `target`: each look moved by up to `STEP`, one added and one left out."""
    pairs, loose, missing = align(present, target)
    for factor in (STEP, sqrt(STEP), 1.0):
        moved = {place: _moved(present[place], target[other], factor) for place, other in pairs}
        ages = [moved.get(place, age) for place, age in enumerate(present)]
        tried = [ages]
        tried += [[*ages, target[place]] for place in _some(missing)]
        without = [ages[:place] + ages[place + 1 :] for place in _some(loose)]
        tried += without
        # What one costs less the other may cost more.
        tried += [[*fewer, target[place]] for fewer in without for place in _some(missing)]
        # Two looks at one age would be one fewer.
        yield from (tuple(sorted(one)) for one in tried if len(set(one)) == len(one))


def _some(places: Sequence[int]) -> Sequence[int]:
    return places[:: max(1, ceil(len(places) / TRIED))]


def _moved(age: float, target: float, factor: float) -> float:
    """As near to the target as the factor allows, to whole seconds or tenths; never beyond the factor."""
    if age / factor <= target <= age * factor:
        return target
    grain = 1.0 if age >= 20 else 0.1  # noqa: PLR2004 - below that a second is much
    if target > age:
        return max(age, round(floor(age * factor / grain) * grain, 1))
    return min(age, round(ceil(age / factor / grain) * grain, 1))


def align(present: Sequence[float], target: Sequence[float]) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Which look of one schedule is which of the other, in their order: pairs of places, and the places without.

    As few as possible are without, and pairs are as near as possible: the shortest way from one to the other.
    """
    width, apart = len(target) + 1, log(APART)
    ways = [[(column * apart, "add") for column in range(width)]]
    for row, age in enumerate(present, 1):
        line: list[tuple[float, str]] = [(row * apart, "drop")]
        for column, other in enumerate(target, 1):
            pair = ways[row - 1][column - 1][0] + abs(log(age / other))
            drop, add = ways[row - 1][column][0] + apart, line[column - 1][0] + apart
            line.append(min((pair, "pair"), (drop, "drop"), (add, "add")))
        ways.append(line)
    return _walked(ways)


def _walked(ways: Sequence[Sequence[tuple[float, str]]]) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    pairs: list[tuple[int, int]] = []
    loose: list[int] = []
    missing: list[int] = []
    row, column = len(ways) - 1, len(ways[0]) - 1
    while row or column:
        match ways[row][column][1]:
            case "pair":
                row, column = row - 1, column - 1
                pairs.append((row, column))
            case "drop":
                row -= 1
                loose.append(row)
            case _:
                column -= 1
                missing.append(column)
    return pairs[::-1], loose[::-1], missing[::-1]

"""Simulating: what another schedule would cost and bring in the place of one in force."""

from dataclasses import dataclass
from datetime import timedelta

from rules import durations, pasting
from rules.ages import about, described
from rules.checking import Figures
from rules.schedules import Schedule
from rules.shares import percent
from rules.suggesting import Goal, Unreachable, to_use
from store.measured import figures
from web.drawing import Costs, Settling
from web.measuring import Basis
from web.problem import Problem

#: Looks per message that can be tried with the slider, and its step.
FEWEST, MOST, STEP = 1.0, 12.0, 0.5

#: Looks that are listed one by one.
LISTED = 60


@dataclass(frozen=True)
class Pictures:
    """The two pictures; the second is None where nothing settles."""

    settling: Settling
    costs: Costs | None


@dataclass(frozen=True)
class Step:
    """A schedule with its figures, as the page shows them: texts, and lines in the pictures."""

    looks: str
    described: str
    looks_per_message: str
    requests_per_day: str
    mean_delay: str
    p50_delay: str
    p95_delay: str
    p99_delay: str
    undecided: str
    toml: str
    known: str
    ticks: str
    place: tuple[float, float] | None
    #: Ages of the looks, and the share that has settled by then.
    rows: list[tuple[str, str]]


def suggested(basis: Basis, looks_per_message: float) -> Schedule:
    """The schedule with the least delay for so many looks per message."""
    present = basis.measured.schedule
    if looks_per_message not in basis.found:
        goal = Goal(looks_per_message=looks_per_message)
        try:
            found = to_use(basis.rough, goal, present.first_look.total_seconds())
        except Unreachable as error:
            raise Problem(422, str(error)) from None
        basis.found[looks_per_message] = found
    looks = tuple(timedelta(seconds=look) for look in basis.found[looks_per_message])
    return Schedule(looks, None, present.jitter, present.first_look)


def written(basis: Basis, looks: str, then: str) -> Schedule:
    """The schedule that somebody has written. Raises Problem."""
    try:
        ages = tuple(durations.parse(part.strip()) for part in looks.split(",") if part.strip())
        pause = durations.parse(then.strip().removeprefix("every").strip()) if then.strip() else None
    except ValueError as error:
        raise Problem(422, str(error)) from None
    if list(ages) != sorted(set(ages)):
        raise Problem(422, "ages must rise, like 15s, 1m, 5m")
    present = basis.measured.schedule
    return Schedule(ages, pause, present.jitter, present.first_look)


def judged(basis: Basis, schedule: Schedule) -> Figures:
    """What it costs and brings. Raises Problem."""
    try:
        found = figures(basis.curve, schedule)
    except ValueError as error:
        raise Problem(422, str(error)) from None
    assert found is not None  # noqa: S101 - there is at least one message
    return found


def step(basis: Basis, pictures: Pictures, schedule: Schedule) -> Step:
    """A schedule as the page shows it. Raises Problem."""
    one, found = basis.measured, judged(basis, schedule)
    looks = [look.total_seconds() for look in schedule.looks]
    per_day = one.messages_per_day * found.looks_per_message
    return Step(
        ", ".join(durations.text(look) for look in schedule.looks),
        described(schedule),
        f"{found.looks_per_message:.2f}",
        f"{per_day:,.0f}" if per_day else "",
        about(found.mean_delay),
        about(found.p50_delay),
        about(found.p95_delay),
        about(found.p99_delay),
        "" if basis.is_empty else percent(found.undecided),
        pasting.toml(one.account.name, pasting.table(one.channel.word, one.name), looks, schedule.then),
        pictures.settling.known(basis.curve, found.looks),
        pictures.settling.ticks(found.looks),
        None if pictures.costs is None else pictures.costs.place(found),
        [(about(look), _settled(basis, look)) for look in (*found.looks[:LISTED], basis.curve.horizon)],
    )


def _settled(basis: Basis, age: float) -> str:
    return "" if basis.is_empty else percent(basis.curve.settled(age))

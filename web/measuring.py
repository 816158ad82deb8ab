"""Measuring: what is recorded of schedules, read and worked out at most once a minute for all who look.

Working out takes processor time: it is done in a thread, one at a time, and what may be asked for is bounded.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil, exp, log
from typing import Any, TypeVar

import anyio.to_thread

from rules.checking import Figures
from rules.frontier import frontier
from rules.settling_times import Curve
from rules.statuses import Channel
from rules.timing import Timing
from store import accounts, adapted, journal, retiming
from store.adapted import Adapted
from store.connections import Pool, clock
from store.measured import Measured, figures, measured, only
from store.retiming import Progress
from store.standing import Configured
from web.problem import Problem

T = TypeVar("T")

#: How long what was read is shown, in seconds.
FRESH = 60.0

DAY = timedelta(days=1)

#: Where there are more ages than this they are taken together by this share of them before a schedule is searched.
AGES, GRAIN = 1500, 0.01


@dataclass(frozen=True)
class Everything:
    """Every schedule of the configured accounts, without their settling times; and what concerns whole accounts."""

    measured: list[Measured]
    #: How adaptive schedules stand.
    stand: Mapping[tuple[str, Channel], Adapted]
    #: Requests in the last day.
    requests: Mapping[str, int]
    retimed: Mapping[str, Progress]
    #: Workers that refuse their changed file, since when, and why.
    refusals: list[tuple[str, datetime, list[str]]]
    now: datetime


@dataclass(frozen=True)
class Basis:
    """One schedule, and what any other is judged on in its place."""

    measured: Measured
    #: Where nothing is recorded, a message that never settles.
    curve: Curve
    present: Figures
    #: Looks per message and the least mean delay for it, rising in cost.
    frontier: list[tuple[float, float]]
    #: The same times with fewer ages, for searching.
    rough: Curve
    #: Schedules that were found, by the looks per message that were allowed.
    found: dict[float, tuple[float, ...]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is recorded, so that there are no delays to judge by."""
        return not self.measured.observed


class Measuring:
    """What was measured lately of `configured` accounts, of which `keep` is how far back counts."""

    def __init__(self, pool: Pool, configured: Mapping[str, Configured], keep: timedelta) -> None:
        """Read with connections of `pool`."""
        self._pool = pool
        self._configured = configured
        self._keep = keep
        self._kept: dict[object, tuple[float, asyncio.Task[Any]]] = {}
        self._working = asyncio.Semaphore(1)

    async def everything(self) -> Everything:
        """All schedules."""
        return await self._once("everything", self._everything)

    async def basis(self, account: str, channel: Channel, schedule: str | None) -> Basis | None:
        """One schedule: the channel's own, or one that has a name; None if there is none."""
        configured = self._configured.get(account)
        timing = None if configured is None else configured.timing
        if timing is None or (schedule is not None and schedule not in timing.named):
            return None
        return await self._once((account, channel, schedule), lambda: self._basis(timing, channel, schedule))

    async def work(self, task: Callable[[], T]) -> T:
        """Do `task` in a thread, after what waits already."""
        async with self._working:
            return await anyio.to_thread.run_sync(task)

    def close(self) -> None:
        """Read nothing more."""
        for _, task in self._kept.values():
            task.cancel()

    async def _once(self, key: object, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What was read under a key a moment ago, or what is read now. Whoever asks meanwhile waits for the same."""
        now = asyncio.get_running_loop().time()
        self._kept = {one: (at, task) for one, (at, task) in self._kept.items() if now < at + FRESH or not task.done()}
        if key not in self._kept or _failed(self._kept[key][1]):
            task = asyncio.ensure_future(read())
            # What went wrong is told to whoever waits; somebody may not wait any more.
            task.add_done_callback(_failed)
            self._kept[key] = now, task
        # Whoever goes away stops nobody else's reading.
        found: T = await asyncio.shield(self._kept[key][1])
        return found

    async def _everything(self) -> Everything:
        async with self._pool.acquire() as connection:
            now = await clock(connection)
            numbers = {row["name"]: row["id"] for row in await accounts.everyone(connection)}
            stand = await adapted.everything(connection)
            found: list[Measured] = []
            for name, one in sorted(self._configured.items()):
                if one.timing is not None:
                    number = numbers.get(name, 0)  # one that no worker has seen has nothing
                    in_force = adapted.timed(one.timing, number, stand)
                    found += await measured(connection, in_force, number, now - self._keep, now, times=False)
            requests = {row["name"]: row["requests"] for row in await journal.requests(connection, now - DAY)}
            retimed = {one.account: one for one in await retiming.progress(connection)}
            refusals = [tuple(row) for row in await retiming.refusals(connection, now)]
        names = {number: name for name, number in numbers.items()}
        named = {(names.get(number, ""), channel): one for (number, channel), one in stand.items()}
        return Everything(found, named, requests, retimed, refusals, now)

    async def _basis(self, timing: Timing, channel: Channel, schedule: str | None) -> Basis:
        async with self._pool.acquire() as connection:
            now = await clock(connection)
            row = await accounts.named(connection, timing.name)
            number = 0 if row is None else row["id"]
            in_force = adapted.timed(timing, number, await adapted.everything(connection))
            found = await only(connection, in_force, number, (channel, schedule), now - self._keep, now)
        return await self.work(lambda: _worked_out(found))


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _worked_out(found: Measured) -> Basis:
    times = found.curve if found.observed else nothing(found.horizon.total_seconds())
    try:
        present = figures(times, found.schedule)
    except ValueError as error:
        raise Problem(422, f"the schedule in force cannot be judged: {error}") from error
    assert present is not None  # noqa: S101 - there is at least one message
    rough = coarse(times)
    return Basis(
        found, times, present, list(frontier(rough, present, found.schedule.first_look.total_seconds())), rough
    )


def nothing(horizon: float) -> Curve:
    """A curve of which nothing is known: one message that never settles, and so takes every look that there is."""
    return Curve((), (), 1.0, horizon, horizon)


def coarse(times: Curve) -> Curve:
    """The same with neighbouring ages taken together, at the latest of them, where there are many."""
    if len(times.ages) <= AGES:
        return times
    points: dict[float, float] = {}
    for age, weight in zip(times.ages, times.weights, strict=True):
        later = min(exp(ceil(log(age) / GRAIN) * GRAIN), times.horizon) if age > 0 else age
        points[later] = points.get(later, 0.0) + weight
    return replace(times, ages=tuple(points), weights=tuple(points.values()))

"""Ways to ask about a day of traffic, on simulated time: ours, by the program's own planner, and four others.

Each takes one figure that makes it look more often or more rarely. Whatever is not told apart in its name is done as
well as it can be: looks due in the same second share requests where the provider allows it.
"""

import math
import random
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Any, cast

from adapters.base import Limits, Window
from bench.modelled import Provider
from bench.traffic import Shape, Traffic
from rules.schedules import Schedule, next_look_at
from rules.why import Why
from store.watches import Watch
from worker.accounts import Account
from worker.density import Density
from worker.desk import Budget
from worker.plan import Batch, lookups, plan
from worker.poll import how_many
from worker.windows import Reading

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)


def _seconds(at: datetime) -> float:
    return (at - MIDNIGHT) / timedelta(seconds=1)


def _moment(second: float) -> datetime:
    return MIDNIGHT + timedelta(seconds=second)


def _slower(schedule: Schedule, factor: float) -> Schedule:
    """`schedule` with every age so many times as high."""
    then = None if schedule.then is None else schedule.then * factor
    return replace(schedule, looks=tuple(look * factor for look in schedule.looks), then=then)


class Dear(Exception):
    """It takes more requests than was asked whether it does."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a way of asking came to. `delays` are those of the messages that were known to settle, in rising order."""

    requests: int
    delays: Sequence[float]

    @property
    def each(self) -> float:
        """Requests for each message that settled."""
        return self.requests / len(self.delays)

    @property
    def mean(self) -> float:
        """The mean delay in seconds."""
        return math.fsum(self.delays) / len(self.delays)

    def percentile(self, percent: float) -> float:
        """The delay in seconds that so many percent do not exceed."""
        return self.delays[max(0, math.ceil(len(self.delays) * percent / 100) - 1)]


#: A way to ask: the outcome for a figure. It may stop with Dear at so many requests.
Strategy = Callable[[Shape, Traffic, float, float], Outcome]


def _outcome(provider: Provider) -> Outcome:
    return Outcome(provider.requests, sorted(provider.delays()))


def at_intervals(shape: Shape, traffic: Traffic, interval: float, most: float) -> Outcome:
    """Every message by itself, one request each, every `interval` seconds while it is open."""
    if shape.rate is None:
        outcome = unhindered(shape, traffic, interval)
        if outcome.requests > most:
            raise Dear
        return outcome
    alone = replace(shape.limits, ids=1)
    return _by_age(shape, traffic, alone, lambda age: interval * (age // interval + 1), most)


def unhindered(shape: Shape, traffic: Traffic, interval: float) -> Outcome:
    """The same where no request waits for another, so that each message counts by itself."""
    requests, delays = 0, []
    for sent, settles in zip(traffic.sent, traffic.settles, strict=True):
        age = min(settles - sent, shape.patience)
        looks = max(1, math.ceil(age / interval))
        requests += looks
        if settles - sent <= shape.patience:
            delays.append(min(looks * interval, shape.patience) - age)
    return Outcome(requests, sorted(delays))


def backing_off(shape: Shape, traffic: Traffic, first: float, most: float) -> Outcome:
    """Every message by id at an age of `first` seconds, and then whenever it is twice as old."""
    return _by_age(shape, traffic, shape.limits, lambda age: _doubled(first, age), most)


def _doubled(first: float, age: float) -> float:
    """The next age after `age` of those that begin with `first` and double."""
    return first if age < first else first * 2.0 ** (math.floor(math.log2(age / first)) + 1)


def _by_age(
    shape: Shape, traffic: Traffic, limits: Limits, following: Callable[[float], float], most: float
) -> Outcome:
    """Look at each message by id at the ages that follow each other, until it has settled or is given up."""
    provider = Provider(traffic, limits, shape.rate)
    due = [(math.ceil(at + min(following(0), shape.patience)), message) for message, at in enumerate(traffic.sent)]
    heapify(due)
    while due:
        now = max(due[0][0], provider.free_at)
        together = [heappop(due)[1]]
        while due and due[0][0] <= now and len(together) < limits.ids:
            together.append(heappop(due)[1])
        at = provider.look_up(now, together)
        if provider.requests > most:
            raise Dear
        for message in together:
            sent = traffic.sent[message]
            if not provider.is_known(message) and at < sent + shape.patience:
                heappush(due, (math.ceil(sent + min(following(at - sent), shape.patience)), message))
    return _outcome(provider)


#: How many the flat poll asks about.
FLAT = 500


def flat(shape: Shape, traffic: Traffic, interval: float, most: float) -> Outcome:
    """Every `interval` seconds by id about 500 open messages, those that were asked about longest ago."""
    provider = Provider(traffic, shape.limits, shape.rate)
    waiting = deque[int]()
    sent, coming, now = traffic.sent, 0, 0.0
    while coming < len(sent) or waiting:
        if not waiting:
            now = max(now, math.ceil(sent[coming] / interval) * interval)
        while coming < len(sent) and sent[coming] <= now:
            waiting.append(coming)
            coming += 1
        some = [waiting.popleft() for _ in range(min(FLAT, len(waiting)))]
        at = now
        for start in range(0, len(some), shape.limits.ids):
            asked = some[start : start + shape.limits.ids]
            at = provider.look_up(at, asked)
            left = (message for message in asked if not provider.is_known(message))
            waiting.extend(message for message in left if at < sent[message] + shape.patience)
        if provider.requests > most:
            raise Dear
        now = max(now + interval, math.ceil(at / interval) * interval)
    return _outcome(provider)


def planned(shape: Shape, traffic: Traffic, factor: float, most: float) -> Outcome:
    """Ours, each age of the schedule `factor` times as high."""
    return _Planned(shape, traffic, shape.limits, factor).run(most)


def windows(shape: Shape, traffic: Traffic, factor: float, most: float) -> Outcome:
    """The same by windows alone."""
    return _Planned(shape, traffic, replace(shape.limits, ids=0), factor).run(most)


class _Planned:
    """The worker's own round on simulated time: a tick a second, a claim, a plan, and its requests."""

    def __init__(self, shape: Shape, traffic: Traffic, limits: Limits, factor: float) -> None:
        self._traffic, self._limits = traffic, limits
        self._provider = Provider(traffic, limits, shape.rate)
        schedule = _slower(shape.schedule, factor)
        # No request is sent, so no adapter is needed.
        self._account = Account(shape.name, cast("Any", None), limits, schedules={shape.channel: schedule})
        self._most = how_many(limits, Budget(0, timedelta()).batch)
        self._density = Density()
        self._due: dict[int, list[Watch]] = {}
        self._ticks: list[int] = []
        chance = random.Random(shape.name)  # noqa: S311 - spreads looks, guards nothing
        for message, at in enumerate(traffic.sent):
            sent_at = _moment(at)
            deadline_at = sent_at + timedelta(seconds=shape.patience)
            name = str(message)
            watch = Watch(message, shape.channel, name, "", "", None, 0, None, 0, None, None, sent_at, deadline_at)
            bounds = self._account.usual_terms.bounds(sent_at, deadline_at)
            self._wait(watch, next_look_at(schedule, bounds, sent_at, sent_at, chance.random()))

    def _wait(self, watch: Watch, until: datetime) -> None:
        tick = math.ceil(_seconds(until))
        if tick not in self._due:
            self._due[tick] = []
            heappush(self._ticks, tick)
        self._due[tick].append(watch)

    def run(self, most: float) -> Outcome:
        """Ask until nothing is open any more."""
        provider = self._provider
        while self._ticks:
            now = max(self._ticks[0], math.ceil(provider.free_at))
            due: list[Watch] = []
            while self._ticks and self._ticks[0] <= now:
                due += self._due.pop(heappop(self._ticks))
            for start in range(0, len(due), self._most):
                at = max(now, provider.free_at)
                claimed = [one for one in due[start : start + self._most] if not provider.is_known(one.id)]
                for batch in plan(claimed, self._limits, self._density, _moment(at)):
                    self._ask(batch, at)
                if provider.requests > most:
                    raise Dear
        return _outcome(provider)

    def _ask(self, batch: Batch, at: float) -> None:
        if isinstance(batch.what, Window):
            at, left = self._read(batch, batch.what, at)
            for again in left:
                self._ask(again, at)
            unseen = {watch.id for again in left for watch in again.watches}
            looked = [watch for watch in batch.watches if watch.id not in unseen]
        else:
            at = self._provider.look_up(at, [watch.id for watch in batch.watches])
            looked = list(batch.watches)
        asked_at = _moment(at)
        for watch in looked:
            if not self._provider.is_known(watch.id) and asked_at < watch.deadline_at:
                self._wait(watch, self._account.next_look_at(watch, asked_at))

    def _read(self, batch: Batch, window: Window, at: float) -> tuple[float, list[Batch]]:
        """Read a window as far as that pays; when it was asked for, and what is looked up instead of the rest."""
        reading, is_whole = Reading(batch, window), True
        asked_at, since = math.inf, _seconds(window.since)
        for asked, first, last in self._provider.listing(at, since, _seconds(window.until)):
            asked_at = min(asked_at, asked)
            shown = (watch.id for watch in batch.watches if first <= watch.id < last)
            reading.add(range(first, last), {number: [] for number in shown})
            if first > bisect_left(self._traffic.sent, since) and reading.is_longer(self._limits):
                is_whole = False
                break
        reading.learn(self._density, self._limits, _moment(asked_at), is_whole=is_whole)
        return asked_at, [] if is_whole else lookups(reading.unseen, self._limits, Why.LONGER)

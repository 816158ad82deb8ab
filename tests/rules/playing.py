"""Processes that ask a provider by one ledger, in a time of their own: late, slow, stopped, killed."""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from rules.ledger import exchange
from rules.quota import LATE, Bounds, Grant, Report, State, Used

START = 1_800_000_000.0


@dataclass
class World:
    """The ledger, what is to happen when, and what has reached the provider."""

    bounds: Bounds
    dice: random.Random
    state: State = field(default_factory=State)
    now: float = START
    #: When each request reached the provider, and what it brought.
    arrived: list[tuple[float, int]] = field(default_factory=list)
    #: When each began and ended at the provider.
    served: list[tuple[float, float]] = field(default_factory=list)
    _events: list[tuple[float, int, Iterator[float]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def begin(self, process: Iterator[float], at: float = 0.0) -> None:
        """Have a process begin so many seconds after the start."""
        heapq.heappush(self._events, (START + at, next(self._numbers), process))

    def run(self, seconds: float) -> None:
        """Let time pass. A process yields how long it sleeps."""
        ends_at = START + seconds
        while self._events and self._events[0][0] <= ends_at:
            self.now, _, process = heapq.heappop(self._events)
            pause = next(process, None)
            if pause is not None:
                heapq.heappush(self._events, (self.now + pause, next(self._numbers), process))


@dataclass
class Process:
    """Wants as many permits as it gets. `lateness` is by how much it may come late, `travel` how long requests take.

    It stops for `stopped` seconds at `stops_at`, between a permit and the next, and for ever if that is infinite.
    """

    world: World
    name: str
    lateness: float = 0.005
    travel: float = 0.005
    stops_at: float = float("inf")
    stopped: float = float("inf")
    wants: int = 4
    used: list[Used] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    def run(self) -> Iterator[float]:
        """What it does; yields how long it sleeps."""
        world, block = self.world, 0
        while True:
            self.ends = [end for end in self.ends if end > world.now]
            report = Report(block, tuple(self.used), len(self.ends))
            grant = exchange(
                world.state, world.bounds, world.now, self.name, report, permits=self.wants, slots=world.bounds.at_once
            )
            block, self.used = grant.block, []
            if not grant.runs:
                yield min(max(grant.again_at - world.now, 0.0), 0.5) + world.dice.uniform(0, self.lateness)
                continue
            given = sum(run.count for run in grant.runs)
            yield from self._use(grant)
            self.wants = max(4, 2 * len(self.used) if len(self.used) == given else len(self.used))

    def _use(self, grant: Grant) -> Iterator[float]:
        world = self.world
        for run in grant.runs:
            for number in range(run.count):
                moment = run.start + number * run.step
                yield max(moment - world.now, 0.0) + world.dice.uniform(0, self.lateness)
                if world.now >= START + self.stops_at:
                    self.stops_at = float("inf")
                    if self.stopped == float("inf"):
                        return
                    yield self.stopped
                while len([end for end in self.ends if end > world.now]) >= grant.slots:
                    yield min(end for end in self.ends if end > world.now) - world.now
                if world.now > grant.until:
                    return
                self._send(world.now)

    def _send(self, now: float) -> None:
        world = self.world
        there, back = world.dice.uniform(0, self.travel), world.dice.uniform(0, self.travel)
        ended_at = now + there + back
        records = world.dice.randint(0, world.bounds.records)
        world.arrived.append((now + there, records))
        world.served.append((now, ended_at))
        self.ends.append(ended_at)
        # When it tells of this, the answer may have come or not.
        self.used.append(Used(now, ended_at if there + back < LATE / 2 else None, 1, records))


def most_in_any_window(moments: list[tuple[float, float]], window: float) -> float:
    """The largest sum of amounts in any half-open window."""
    moments = sorted(moments)
    first, inside, found = 0, 0.0, 0.0
    for at, amount in moments:
        inside += amount
        while moments[first][0] <= at - window:
            inside -= moments[first][1]
            first += 1
        found = max(found, inside)
    return found

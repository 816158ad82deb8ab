"""A provider on simulated time: asked by ids or windows, it counts requests, and notes when each settling is known."""

import math
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

from adapters.base import Limits
from bench.traffic import Traffic


class Provider:
    """Answers about `traffic`. A request that is due is made at once, or as soon as `rate` allows."""

    def __init__(self, traffic: Traffic, limits: Limits, rate: float | None) -> None:
        """Begin with nothing known."""
        self.traffic, self.limits = traffic, limits
        self.requests = 0
        #: Until when the last request takes.
        self.free_at = 0.0
        self._pause = 1 / rate if rate else 0.0
        self._known: list[float | None] = [None] * len(traffic.sent)
        settling = sorted((at, number) for number, at in enumerate(traffic.settles) if at < math.inf)
        self._settling = iter([*settling, (math.inf, -1)])
        self._next = next(self._settling)
        #: What has settled and nobody knows, by number.
        self._news: list[int] = []

    def is_known(self, message: int) -> bool:
        """Whether an answer told that this message has settled."""
        return self._known[message] is not None

    def look_up(self, at: float, messages: Sequence[int]) -> float:
        """One request about some messages; when it was made."""
        at = self._ask(at)
        for message in messages:
            if self.traffic.settles[message] <= at and self._known[message] is None:
                self._known[message] = at
                del self._news[bisect_left(self._news, message)]
        return at

    def listing(self, at: float, since: float, until: float) -> Iterator[tuple[float, int, int]]:
        """The pages of a window, the newest messages first: when each was asked for, and which messages it shows."""
        sent = self.traffic.sent
        first = bisect_left(sent, since)
        last = bisect_left(sent, min(until, max(at, self.free_at)))
        while True:
            at = self._ask(at)
            start = max(first, last - self.limits.listing)
            low, high = bisect_left(self._news, start), bisect_left(self._news, last)
            for message in self._news[low:high]:
                self._known[message] = at
            del self._news[low:high]
            yield at, start, last
            last = start
            if last <= first:
                return

    def delays(self) -> list[float]:
        """How long after its settling each message was known to have settled, of those that were."""
        settles = self.traffic.settles
        return [at - settles[message] for message, at in enumerate(self._known) if at is not None]

    def _ask(self, at: float) -> float:
        """When a request that is due `at` is made. All that has settled until then is news."""
        self.requests += 1
        at = max(at, self.free_at)
        self.free_at = at + self._pause
        while self._next[0] <= at:
            insort(self._news, self._next[1])
            self._next = next(self._settling)
        return at

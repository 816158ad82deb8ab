"""How many messages an account's listing shows, by when they were sent: what a window is likely to cost. Pure.

A provider lists everything that was sent through the account, ours or not, settled or not, so only the windows read so
far tell. They are remembered by the minute, because a burst at nine says nothing about ten.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import ceil

#: Density is remembered for stretches of so many seconds.
STRETCH = 60

#: A stretch that no window showed is taken to be like the last known one before it, up to so many seconds later. After
#: that it is taken for empty, so that what was dense once is tried again.
REACH = 600

#: So many stretches are remembered, the newest: two days.
MOST = 2880

#: How much each window counts in what is remembered of whether windows show what they are read for.
NEWS = 0.2

#: Below this share of messages shown, a window is no substitute for a lookup at the same price.
RELIABLE = 0.9

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _second(at: datetime) -> float:
    return (at - EPOCH) / timedelta(seconds=1)


class Density:
    """What windows showed, by the minute in which messages were sent."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._stretches: list[int] = []
        self._counts: list[float] = []
        #: How many there are before each stretch; those past the end are counted anew when somebody asks.
        self._sums: list[float] = []
        self._kept: dict[int, float] = {}
        self._shown = 1.0

    def recall(self, known: Mapping[datetime, float]) -> None:
        """Know this instead: the start of each stretch, and how many messages it showed."""
        self._kept = {int(_second(at)) // STRETCH: count for at, count in known.items()}
        self._stretches = sorted(self._kept)
        self._counts = [self._kept[number] for number in self._stretches]
        self._sums = []
        self._forget()

    @property
    def is_reliable(self) -> bool:
        """Whether windows mostly show the messages that they are read for."""
        return self._shown >= RELIABLE

    def news(self) -> dict[datetime, float]:
        """What was learnt since this was last asked, where it makes a difference."""
        found = dict(zip(self._stretches, self._counts, strict=True))
        news = {number: count for number, count in found.items() if _differs(count, self._kept.get(number))}
        self._kept = {number: news.get(number, self._kept.get(number, 0.0)) for number in found}
        return {EPOCH + timedelta(seconds=number * STRETCH): count for number, count in news.items()}

    def before(self, at: datetime) -> float:
        """How many messages sent before `at` a listing is expected to show, counted from a fixed time."""
        self._sum()
        second = _second(at)
        if not self._stretches:
            return 0.0
        place = bisect_right(self._stretches, second / STRETCH) - 1
        if place < 0:
            return self._average() * (second - self._stretches[0] * STRETCH)
        start = self._stretches[place] * STRETCH
        return self._sums[place] + self._counts[place] / STRETCH * min(second - start, STRETCH + REACH)

    def between(self, since: datetime, until: datetime) -> float:
        """How many messages a window is expected to show."""
        return self.before(until) - self.before(since)

    def learn(self, since: datetime, until: datetime, messages: float) -> None:
        """A window showed so many messages. They are taken to lie as those did that were known before."""
        first, last = _second(since), _second(until)
        length = last - first
        if length < 1:
            return
        average = messages / length * STRETCH
        shares: dict[int, tuple[float, float]] = {}
        for number in range(int(first // STRETCH), ceil(last / STRETCH)):
            share = (min(last, (number + 1) * STRETCH) - max(first, number * STRETCH)) / STRETCH
            known = self._known(number)
            # What was empty may be so no longer.
            shares[number] = share, average if known is None else max(known, average / 1000)
        whole = sum(share * count for share, count in shares.values())
        factor = messages / whole if whole else 0.0
        for number, (share, count) in shares.items():
            weight = 1.0 if self._known(number) is None else share
            self._put(number, count + weight * (count * factor - count))
        self._forget()

    def showed(self, messages: int, of: int) -> None:
        """A window showed so many messages of those that it was read for."""
        self._shown += NEWS * (messages / of - self._shown)

    def _average(self) -> float:
        """Messages a second from the first known stretch to the last: what those before it are taken to have."""
        seconds = (self._stretches[-1] - self._stretches[0] + 1) * STRETCH
        return (self._sums[-1] + self._counts[-1]) / seconds

    def _known(self, number: int) -> float | None:
        place = bisect_left(self._stretches, number)
        is_there = place < len(self._stretches) and self._stretches[place] == number
        return self._counts[place] if is_there else None

    def _put(self, number: int, count: float) -> None:
        place = bisect_left(self._stretches, number)
        if place < len(self._stretches) and self._stretches[place] == number:
            self._counts[place] = count
            del self._sums[place + 1 :]
        else:
            self._stretches.insert(place, number)
            self._counts.insert(place, count)
            del self._sums[place:]

    def _forget(self) -> None:
        surplus = len(self._stretches) - MOST
        if surplus > 0:
            del self._stretches[:surplus], self._counts[:surplus], self._sums[:surplus]

    def _sum(self) -> None:
        """Count on from where the sums end."""
        if not self._sums and self._stretches:
            self._sums.append(0.0)
        for place in range(len(self._sums), len(self._stretches)):
            gap = (self._stretches[place] - self._stretches[place - 1]) * STRETCH
            slope = self._counts[place - 1] / STRETCH
            self._sums.append(self._sums[-1] + slope * min(gap, STRETCH + REACH))


def _differs(count: float, kept: float | None) -> bool:
    """Whether it is worth keeping: by more than a tenth, and more than a message."""
    return kept is None or abs(count - kept) > 1 + kept / 10

"""The planner: which requests to make for the messages that are due, so that they are few. Pure.

Looking a message up costs its share of a request; reading a window costs its pages, whatever is in it. The cheapest
mix is found exactly over cuts between the due messages in the order in which they were sent. Where a window costs no
more than lookups it is read, and up to now: it also shows messages that are not due yet, and what it settles needs no
look of its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import nlargest
from itertools import accumulate, pairwise
from math import ceil

from adapters.base import Ids, Limits, References, What, Window
from rules.why import Why
from store.watches import Watch
from worker.density import Density

#: Windows begin and end only at so many places among the due messages, so that planning stays cheap: half of them at
#: the longest pauses between two, half evenly.
PLACES = 64

#: A window reaches this far beyond the messages it is for, because the provider's clock is not ours.
SKEW = timedelta(seconds=30)

#: What a lookup costs that cannot be made: more than any window, and still a number to add and subtract.
IMPOSSIBLE = 1e9


@dataclass(frozen=True, slots=True)
class Batch:
    """One thing to ask, and the claimed messages that its answer covers. `pages` is what it is expected to cost.

    `instead` is how many requests the other way would take, where there is one. `is_again` says that the answer could
    not be read the first time.
    """

    what: What
    watches: tuple[Watch, ...]
    pages: int = 1
    is_again: bool = False
    why: Why = Why.ONLY
    instead: int | None = None


def plan(due: Sequence[Watch], limits: Limits, density: Density, now: datetime) -> list[Batch]:
    """The requests for `due`; messages that cannot be asked about are in none of them.

    `density` is how many messages listings of this account show.
    """
    ordered = sorted(due, key=_sent_at)
    if not limits.listing or not ordered:
        return lookups(ordered, limits, Why.ONLY)
    windows = _Windows(ordered, limits, density, now)
    batches = windows.mixed()
    if any(not isinstance(batch.what, Window) for batch in batches):
        if requests(batches) > 1:
            # A lookup counts as a share of a request there, and is a whole one if nothing else is in it.
            batches = min(batches, lookups(ordered, limits, Why.FEWEST), windows.alone(), key=_price)
        batches = windows.ahead(batches)
    return [windows.explained(windows.extended(batch)) for batch in batches]


def requests(batches: Iterable[Batch]) -> int:
    """How many requests these are expected to take."""
    return sum(batch.pages for batch in batches)


def _price(batches: Sequence[Batch]) -> tuple[int, int]:
    """What leaves fewer out is better, and then what takes fewer requests."""
    return -sum(len(batch.watches) for batch in batches), requests(batches)


def _sent_at(watch: Watch) -> datetime:
    return watch.sent_at


class _Windows:
    """Ways to read the due messages, in the order of sending, by windows."""

    def __init__(self, due: Sequence[Watch], limits: Limits, density: Density, now: datetime) -> None:
        self._due, self._limits, self._density, self._now = due, limits, density, now
        self._places = _places(due)
        self._since = [density.before(due[place].sent_at - SKEW) for place in self._places[:-1]]
        self._until = [0.0, *(self._before_end(due[place - 1]) for place in self._places[1:])]

    def _before_end(self, last: Watch) -> float:
        """How many messages are expected before the end of a window up to `last`."""
        end = self._now if self._limits.newest_first else min(self._now, last.sent_at + SKEW)
        return self._density.before(end)

    def _pages(self, first: Watch, last: Watch | None, due: int) -> int:
        """How many pages a window from `first` to `last`, or else to now, is expected to have."""
        end = self._density.before(self._now) if last is None else self._before_end(last)
        return _pages(end - self._density.before(first.sent_at - SKEW), due, self._limits)

    def mixed(self) -> list[Batch]:
        """The cheapest mix of windows and lookups."""
        costs = list(accumulate((_lookup_cost(watch, self._limits) for watch in self._due), initial=0.0))
        return self._cut([costs[end] - costs[start] for start, end in pairwise(self._places)])

    def alone(self) -> list[Batch]:
        """The cheapest windows for all."""
        return self._cut([IMPOSSIBLE * (end - start) for start, end in pairwise(self._places)])

    def _cut(self, by_lookup: Sequence[float]) -> list[Batch]:
        """Cut the due messages into runs read as windows and runs looked up, each step of which costs `by_lookup`."""
        places, since = self._places, self._since
        least, way = [0.0], [(0, 0)]
        for number in range(1, len(places)):
            end, until = places[number], self._until[number]
            cheapest, chosen = least[-1] + by_lookup[number - 1], (number - 1, 0)
            for first in range(number - 1, -1, -1):
                pages = _pages(until - since[first], end - places[first], self._limits)
                if pages >= cheapest:
                    break  # windows that begin earlier have more
                if least[first] + pages < cheapest:
                    cheapest, chosen = least[first] + pages, (first, pages)
            least.append(cheapest)
            way.append(chosen)
        windows: list[Batch] = []
        singles: list[Watch] = []
        number = len(places) - 1
        while number:
            first, pages = way[number]
            run = self._due[places[first] : places[number]]
            if pages:
                windows.append(_window(run, pages, Why.FEWEST))
            else:
                singles += run
            number = first
        return windows[::-1] + lookups(sorted(singles, key=_sent_at), self._limits, Why.FEWEST)

    def ahead(self, batches: list[Batch]) -> list[Batch]:
        """The same, but the newest read by a window up to now where that takes no more requests than lookups.

        Only the newest or all that are looked up: with those in between it would have been cheaper before.
        """
        looked_up = [batch for batch in batches if not isinstance(batch.what, Window)]
        singles = sorted((watch for batch in looked_up for watch in batch.watches), key=_sent_at)
        if not singles or singles[-1] is not self._due[-1] or not self._density.is_reliable:
            return batches
        for start in (0, len(singles) - 1):
            rest, run = lookups(singles[:start], self._limits, Why.FEWEST), singles[start:]
            pages = self._pages(run[0], None, len(run))
            was_shown = all(watch.provider_id and watch.found is not False for watch in run)
            if was_shown and pages <= requests(looked_up) - requests(rest):
                windows = [batch for batch in batches if isinstance(batch.what, Window)]
                return [*windows, _window(run, pages, Why.AHEAD), *rest]
        return batches

    def extended(self, batch: Batch) -> Batch:
        """A window of the newest as far as now, where that takes no more pages."""
        what, watches = batch.what, batch.watches
        if not isinstance(what, Window) or watches[-1] is not self._due[-1] or what.until >= self._now:
            return batch
        if self._pages(watches[0], None, len(watches)) > batch.pages:
            return batch
        return replace(batch, what=replace(what, until=self._now))

    def explained(self, batch: Batch) -> Batch:
        """A batch with what the other way would have cost."""
        if isinstance(batch.what, Window):
            instead = sum(_lookup_cost(watch, self._limits) for watch in batch.watches)
            is_only = instead >= IMPOSSIBLE
            return replace(batch, why=Why.ONLY) if is_only else replace(batch, instead=ceil(instead))
        if not all(watch.provider_id for watch in batch.watches):
            return replace(batch, why=Why.ONLY)
        # In the order of sending, as all lookups are made here. What one in the middle takes stands for each.
        first, middle, last = (batch.watches[place] for place in (0, len(batch.watches) // 2, -1))
        together, apart = self._pages(first, last, len(batch.watches)), self._pages(middle, middle, 1)
        return replace(batch, instead=min(together, apart * len(batch.watches)))


def _places(due: Sequence[Watch]) -> list[int]:
    """Where windows may begin and end."""
    if len(due) <= PLACES:
        return list(range(len(due) + 1))
    pauses = range(1, len(due))
    longest = nlargest(PLACES // 2, pauses, key=lambda place: due[place].sent_at - due[place - 1].sent_at)
    even = (len(due) * place // (PLACES // 2) for place in range(PLACES // 2 + 1))
    return sorted({*longest, *even})


def _pages(expected: float, due: int, limits: Limits) -> int:
    """How many pages a window has that is expected to show so many messages, and at least those due."""
    return max(1, ceil(max(expected, due) / limits.listing))


def is_longer(pages: int, expected: int, shown: int, unseen: Sequence[Watch], limits: Limits) -> bool:
    """Whether lookups of what a window did not show yet, if anything, take fewer requests than the rest of it.

    It was read as far as `pages` of those `expected`, and showed `shown` of the messages it is for.
    """
    if not unseen:
        return True
    if pages < expected:
        return False
    instead = sum(_lookup_cost(watch, limits) for watch in unseen)
    return instead < pages * len(unseen) / max(shown, 1)


def _lookup_cost(watch: Watch, limits: Limits) -> float:
    if watch.provider_id and limits.ids:
        return 1 / _ids_at_once(watch.provider_id, limits)
    if watch.reference and limits.references:
        return 1 / limits.references
    return IMPOSSIBLE


def _ids_at_once(provider_id: str, limits: Limits) -> int:
    """How many ids of this length fit into one lookup."""
    if limits.id_characters is None:
        return limits.ids
    return max(1, min(limits.ids, (limits.id_characters + 1) // (len(provider_id) + 1)))


def _window(run: Sequence[Watch], pages: int, why: Why) -> Batch:
    return Batch(Window(run[0].sent_at - SKEW, run[-1].sent_at + SKEW), tuple(run), pages, why=why)


def lookups(due: Iterable[Watch], limits: Limits, why: Why) -> list[Batch]:
    """Lookups by provider id, or by reference where none is known yet."""
    by_id: dict[str, list[Watch]] = {}
    by_reference: dict[str, list[Watch]] = {}
    for watch in due:
        if watch.provider_id and limits.ids:
            by_id.setdefault(watch.provider_id, []).append(watch)
        elif watch.reference and limits.references:
            by_reference.setdefault(watch.reference, []).append(watch)
    batches = [_lookup(Ids(ids), by_id, why) for ids in chunks(by_id, limits.ids, limits.id_characters)]
    named = [References(names) for names in chunks(by_reference, limits.references, None)]
    return batches + [_lookup(what, by_reference, why) for what in named]


def _lookup(what: Ids | References, watches: dict[str, list[Watch]], why: Why) -> Batch:
    names = what.ids if isinstance(what, Ids) else what.references
    return Batch(what, tuple(watch for name in names for watch in watches[name]), why=why)


def chunks(names: Iterable[str], most: int, characters: int | None) -> Iterable[tuple[str, ...]]:
    """`names` in runs of at most `most`, whose names joined by commas have at most `characters`."""
    run: list[str] = []
    length = 0
    for name in names:
        longer = length + len(name) + 1
        if run and (len(run) >= most or (characters is not None and longer - 1 > characters)):
            yield tuple(run)
            run, longer = [], len(name) + 1
        run.append(name)
        length = longer
    if run:
        yield tuple(run)

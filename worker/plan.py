"""The planner: which requests to make for the messages that are due, so that they are few. Pure.

Looking a message up costs its share of a request; reading a window costs its pages, whatever is in it. The cheapest
mix is found exactly over cuts between the due messages in the order in which they were sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from math import ceil

from adapters.base import Ids, Limits, References, What, Window
from store.watches import Watch

#: Windows begin and end only at this many places among the due messages, so that planning stays cheap.
PLACES = 64

#: A window reaches this far beyond the messages it is for, because the provider's clock is not ours.
SKEW = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Batch:
    """One thing to ask, and the claimed messages that its answer covers. `pages` is what it is expected to cost.

    `is_again` says that the answer could not be read the first time.
    """

    what: What
    watches: tuple[Watch, ...]
    pages: int = 1
    is_again: bool = False


def plan(due: Sequence[Watch], limits: Limits, density: float, now: datetime) -> list[Batch]:
    """The requests for `due`; messages that cannot be asked about are in none of them.

    `density` is how many messages a second listings of this account show at least.
    """
    ordered = sorted(due, key=lambda watch: watch.sent_at)
    if not limits.listing:
        return lookups(ordered, limits)
    windows: list[Batch] = []
    singles: list[Watch] = []
    for start, end, pages in _cuts(ordered, limits, density, now):
        if pages:
            windows.append(_window(ordered[start:end], pages))
        else:
            singles += ordered[start:end]
    return windows + lookups(singles, limits)


def _cuts(due: Sequence[Watch], limits: Limits, density: float, now: datetime) -> list[tuple[int, int, int]]:
    """The cheapest way to cut `due` into runs read as windows (with their pages) and runs looked up (0 pages)."""
    places = sorted({len(due) * place // PLACES for place in range(PLACES + 1)})
    costs = list(accumulate((_lookup_cost(watch, limits) for watch in due), initial=0.0))
    best: list[tuple[float, int, int]] = [(0.0, 0, 0)]
    for number, end in enumerate(places[1:], 1):
        before = places[number - 1]
        options = [(best[number - 1][0] + costs[end] - costs[before], number - 1, 0)]
        for first, start in enumerate(places[:number]):
            pages = _pages(due, start, end, limits, density, now)
            options.append((best[first][0] + pages, first, pages))
        best.append(min(options))
    cuts = []
    number = len(places) - 1
    while number:
        _, first, pages = best[number]
        cuts.append((places[first], places[number], pages))
        number = first
    return cuts[::-1]


#: What a lookup costs that cannot be made: more than any window, and still a number to add and subtract.
IMPOSSIBLE = 1e6


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


def _pages(due: Sequence[Watch], start: int, end: int, limits: Limits, density: float, now: datetime) -> int:
    """How many pages a window around these is expected to have."""
    until = now if limits.newest_first else due[end - 1].sent_at
    seconds = (until - due[start].sent_at + 2 * SKEW).total_seconds()
    return ceil(max(end - start, density * seconds, 1) / limits.listing)


def _window(run: Sequence[Watch], pages: int) -> Batch:
    return Batch(Window(run[0].sent_at - SKEW, run[-1].sent_at + SKEW), tuple(run), pages)


def lookups(due: Iterable[Watch], limits: Limits) -> list[Batch]:
    """Lookups by provider id, or by reference where none is known yet."""
    by_id: dict[str, list[Watch]] = {}
    by_reference: dict[str, list[Watch]] = {}
    for watch in due:
        if watch.provider_id and limits.ids:
            by_id.setdefault(watch.provider_id, []).append(watch)
        elif watch.reference and limits.references:
            by_reference.setdefault(watch.reference, []).append(watch)
    batches = [_batch(Ids(ids), by_id) for ids in chunks(by_id, limits.ids, limits.id_characters)]
    named = [References(names) for names in chunks(by_reference, limits.references, None)]
    return batches + [_batch(what, by_reference) for what in named]


def _batch(what: Ids | References, watches: dict[str, list[Watch]]) -> Batch:
    names = what.ids if isinstance(what, Ids) else what.references
    return Batch(what, tuple(watch for name in names for watch in watches[name]))


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


def can_ask(watch: Watch, limits: Limits) -> bool:
    """Whether this message can be looked up or listed."""
    if watch.provider_id and (limits.ids or limits.listing):
        return True
    return bool(watch.reference and limits.references)

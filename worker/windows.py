"""A window while it is read: what it showed so far, and whether reading on pays."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from adapters.base import Limits, Window
from rules.reports import Report
from store.watches import Watch
from worker.density import Density
from worker.plan import Batch, is_longer

#: A window that was left early is taken for at most so many times as long as what was read of it.
LONGEST = 10


@dataclass(slots=True)
class Reading:
    """What the pages of a window showed. `answers` hold what they said of each message that it is for, by its id."""

    batch: Batch
    window: Window
    answers: dict[int, list[Report]] = field(default_factory=dict)
    pages: int = 0
    _names: set[Hashable] = field(default_factory=set)

    def add(self, names: Iterable[Hashable], answers: Mapping[int, list[Report]]) -> None:
        """One more page: what tells its messages apart, and what it said of those that the window is for."""
        self.pages += 1
        self._names.update(names)
        for number, said in answers.items():
            self.answers.setdefault(number, []).extend(said)

    @property
    def goes_on(self) -> bool:
        """Whether the page after the one that comes now is likely to be read."""
        return self.pages + 1 < self.batch.pages

    @property
    def unseen(self) -> list[Watch]:
        """The messages that it is for and did not show so far."""
        return [watch for watch in self.batch.watches if watch.id not in self.answers]

    def is_longer(self, limits: Limits) -> bool:
        """Whether what it did not show yet, if anything, takes fewer requests by lookups than by its next pages."""
        return is_longer(self.pages, self.batch.pages, len(self.answers), self.unseen, limits)

    def learn(self, density: Density, limits: Limits, asked_at: datetime, *, is_whole: bool) -> None:
        """Remember how many messages it showed, and how many of those that it was for."""
        until = asked_at if limits.newest_first else min(self.window.until, asked_at)
        # Pages may hold what is no report, such as messages that came in.
        messages: float = max(len(self._names), (self.pages - 1) * limits.listing + 1)
        if is_whole:
            density.showed(len(self.answers), len(self.batch.watches))
        else:
            messages *= min(LONGEST, len(self.batch.watches) / max(1, len(self.answers)))
        density.learn(self.window.since, until, messages)

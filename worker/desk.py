"""A desk: everything that one process keeps at hand to ask one account, from one poll to the next."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from rules.priority import Likelihood
from rules.statuses import Channel
from store.connections import Pool
from store.watches import Mark, Watch
from worker.accounts import Account
from worker.ask import Sends
from worker.density import Density

#: Reports of a stream that are remembered, so that those read again are dropped before the database.
REMEMBERED = 100_000

log = structlog.get_logger()


class Seen:
    """The newest reports of a stream, by their digest."""

    def __init__(self, most: int = REMEMBERED) -> None:
        """Remember up to `most`."""
        self._most = most
        self._digests: OrderedDict[int, None] = OrderedDict()

    def __contains__(self, digest: int) -> bool:
        """Whether it was seen lately."""
        return digest in self._digests

    def add(self, digest: int) -> None:
        """Remember it; the oldest is forgotten."""
        self._digests[digest] = None
        self._digests.move_to_end(digest)
        if len(self._digests) > self._most:
            self._digests.popitem(last=False)


@dataclass(slots=True)
class Head:
    """Where the newest end of a feed was, so that not every read goes over all that may still get late events."""

    position: str | None = None
    #: When the feed is read again from its trusted position.
    again_at: datetime | None = None


@dataclass(slots=True)
class Desk:
    """What a process needs to ask one account."""

    pool: Pool
    account: Account
    #: The number of the account in the database.
    number: int
    sender: Sends
    mark: Mark = field(default_factory=Mark)
    head: Head = field(default_factory=Head)
    seen: Seen = field(default_factory=Seen)
    density: Density = field(default_factory=Density)
    #: Until when other workers are not asked what they learnt of it.
    density_until: datetime | None = None
    #: Whether more is due than the quota allows, as seen last; and whether it may be, because very much was claimed.
    is_short: bool = False
    may_be_short: bool = True
    #: When all that is due was counted last.
    counted_at: datetime | None = None
    #: How likely messages are to have changed, by channel, as far as recorded times tell; and when they were read.
    likelihoods: Mapping[Channel, Likelihood] = field(default_factory=dict)
    likelihoods_at: datetime | None = None
    #: How many messages a request was about lately, at an account with listings.
    in_one: float | None = None
    #: The account by whose schedules next looks are set, where it is another by now than the poll began with.
    timing: Account | None = None

    def next_look_at(self, watch: Watch, now: datetime) -> datetime:
        """When to look again at a message that was looked at `now`."""
        return (self.timing or self.account).next_look_at(watch, now)


@dataclass(slots=True)
class Budget:
    """How long a poll may go on, and whether the worker is stopping."""

    seconds: float
    lease: timedelta
    #: Messages claimed at once.
    batch: int = 1000
    stopping: Callable[[], bool] = lambda: False
    #: When the last answer came, or else the poll began, by the clock of the event loop.
    answered_at: float = 0.0
    _ends_at: float = 0.0
    _longest: float = 0.0

    def begin(self) -> None:
        """Start the time."""
        self.answered_at = asyncio.get_running_loop().time()
        self._ends_at = self.answered_at + self.seconds

    def took(self, seconds: float) -> None:
        """An answer came after so long. Nothing is begun any more that may end after the time if it takes as long."""
        self._longest = max(self._longest, seconds)
        self.answered_at = asyncio.get_running_loop().time()

    @property
    def is_over(self) -> bool:
        """Whether to stop now."""
        return not self.has(self._longest)

    def has(self, seconds: float) -> bool:
        """Whether there is time for something that takes so long."""
        return not self.stopping() and asyncio.get_running_loop().time() + seconds < self._ends_at

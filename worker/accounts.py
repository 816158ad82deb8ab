"""Accounts as the worker sees them: an adapter with its settings, and what the operator asked for."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from adapters.base import Adapter, Limits
from rules.adapting import Adaptive
from rules.deadlines import ALLOWANCES, HARD_LIMIT
from rules.hashing import PLAIN, Hashing
from rules.reports import Word
from rules.schedules import DEFAULTS, STREAMED, Schedule, gathered, next_look_at
from rules.statuses import Channel
from rules.suppression import Triggers, blocks
from store.watches import Watch
from worker.settling import Standing, Terms


@dataclass(frozen=True)
class Account:
    """One configured account. `limits` are the adapter's with the operator's own figures in place."""

    name: str
    adapter: Adapter[Any]
    limits: Limits
    #: Changes whenever a setting does; a provider that refused us is not asked again with the same settings.
    fingerprint: str = ""
    #: What the operator set per channel; a channel that is not here has the default.
    schedules: dict[Channel, Schedule] = field(default_factory=dict)
    #: Schedules that a message may name.
    named_schedules: dict[str, Schedule] = field(default_factory=dict)
    #: Channels whose schedule follows the recorded times by itself, and within what.
    adaptive: dict[Channel, Adaptive] = field(default_factory=dict)
    allowances: dict[Channel, timedelta] = field(default_factory=dict)
    triggers: dict[Channel, Triggers] = field(default_factory=dict)
    hard_limit: timedelta = HARD_LIMIT
    timeout: timedelta = timedelta(seconds=10)
    #: Kept by the operator's own setting, apart from `accounts pause`.
    paused: bool = False
    #: How long after the last that was heard of it a settled message is kept; None: for ever.
    keep_settled: timedelta | None = None
    #: How recipients are kept.
    hashing: Hashing = PLAIN
    #: The name of the ledger that it shares with others; none: it has its own.
    quota: str = ""
    #: How many polls of it there may be at once; all but one of them only look up.
    slices: int = 1
    #: Channels whose looks the operator has set.
    set_for: frozenset[Channel] = frozenset()
    #: What `blocks` has said, by bits and reason.
    _blocked: dict[tuple[int, int], int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def allowance(self, channel: Channel) -> timedelta:
        """How long to wait for a message on `channel`."""
        return self.allowances.get(channel, ALLOWANCES[channel])

    def schedule(self, channel: Channel, name: str | None) -> Schedule:
        """The schedule of a message; one that it names and nobody knows is its channel's."""
        if name and name in self.named_schedules:
            return self.named_schedules[name]
        if channel in self.schedules:
            return self.schedules[channel]
        return STREAMED if self.limits.streams else DEFAULTS[channel]

    def terms(self, *, asks: bool = True, read_until: datetime | None = None) -> Terms:
        """What settling depends on."""
        limits = self.limits
        return Terms(limits.lag, limits.retention, self.hard_limit, limits.confirms, asks, read_until)

    @cached_property
    def usual_terms(self) -> Terms:
        """What settling depends on where the provider can be asked."""
        return self.terms()

    def next_look_at(self, watch: Watch, now: datetime) -> datetime:
        """When to look again at a message that was looked at `now`."""
        schedule = self.schedule(watch.channel, watch.schedule)
        bounds = self.usual_terms.bounds(watch.sent_at, watch.deadline_at)
        if not self.limits.shares:
            return next_look_at(schedule, bounds, watch.sent_at, now, chance())
        earliest, latest = (next_look_at(schedule, bounds, watch.sent_at, now, luck) for luck in (0.0, 1.0))
        return gathered(earliest, latest)

    def can_ask(self, provider_id: str, reference: str) -> bool:
        """Whether a message with these names can be looked up or listed by itself."""
        if provider_id and (self.limits.ids or self.limits.listing):
            return True
        return bool(reference and self.limits.references)

    def standing(self, watch: Watch) -> Standing:
        """What settling needs to know of a claimed message."""
        return Standing(
            watch.heard,
            watch.sent_at,
            watch.deadline_at,
            watch.looked_at,
            watch.found,
            self.can_ask(watch.provider_id, watch.reference),
            self.limits.streams and bool(watch.provider_id),
        )

    def blocks(self, word: Word) -> int:
        """The channels on which `word` blocks the recipient's address, a bit for each."""
        if word.reason or word.bits & 0xFFFF_4000:
            # Few words differ in what counts here, and asking for each channel takes long.
            said = word.bits, word.reason
            if said not in self._blocked:
                on = [channel for channel in Channel if blocks(word, self.triggers.get(channel, NO_TRIGGERS))]
                self._blocked[said] = sum(1 << channel for channel in on)
            return self._blocked[said]
        return 0


NO_TRIGGERS = Triggers()


def chance() -> float:
    """How much of the jitter to add to one look."""
    return random.random()  # noqa: S311 - spreads looks, guards nothing

"""Timing: when an account's messages are looked at, and how long they may stay open, as it is configured."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from rules.adapting import Adaptive
from rules.schedules import Schedule
from rules.statuses import Channel


@dataclass(frozen=True)
class Timing:
    """Of one account: its schedules, and what bounds them. `schedules`, `allowances` and `horizons` have every channel.

    `schedules` are in force: an adaptive one is there as it stands.
    """

    name: str
    adapter: str
    #: The channels of the adapter.
    channels: frozenset[Channel]
    schedules: Mapping[Channel, Schedule]
    #: How long after acceptance a message is settled.
    allowances: Mapping[Channel, timedelta]
    #: The age of the last look.
    horizons: Mapping[Channel, timedelta]
    #: Schedules that a message may name.
    named: Mapping[str, Schedule] = field(default_factory=dict)
    adaptive: Mapping[Channel, Adaptive] = field(default_factory=dict)
    #: The channels whose looks the operator has set.
    set_for: frozenset[Channel] = frozenset()
    #: How often its stream is read; None: it has none.
    read_every: timedelta | None = None
    #: Requests a day that its limits allow.
    per_day: int = 0

    def schedule(self, channel: Channel, name: str | None) -> Schedule:
        """The schedule of a message; one that it names and nobody knows is its channel's."""
        return self.named[name] if name and name in self.named else self.schedules[channel]

    def with_schedules(self, schedules: Mapping[Channel, Schedule]) -> "Timing":
        """The same with other schedules for some channels."""
        return replace(self, schedules={**self.schedules, **schedules})

    def origin(self, channel: Channel, name: str | None) -> str:
        """Where a schedule comes from: `named`, `adaptive`, `set` or `default`."""
        if name is not None:
            return "named"
        adaptive = self.adaptive.get(channel)
        if adaptive is not None and self.schedules[channel] != adaptive.configured:
            return "adaptive"
        return "set" if channel in self.set_for else "default"

"""Measured: what is recorded of one schedule of an account, beside the schedule itself."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from rules.checking import Figures, judge
from rules.schedules import Schedule, remembered
from rules.settling_times import Curve, Observed, curve
from rules.statuses import Channel
from store import settlings
from store.connections import Connection
from store.settlings import Delays, Group, Total
from worker.accounts import Account

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Measured:
    """What is recorded since a time of the messages that have one schedule. `name` is None for the channel's own."""

    account: Account
    channel: Channel
    name: str | None
    total: Total
    open: int
    observed: tuple[Observed, ...]
    delays: Delays | None
    since: datetime
    now: datetime

    @property
    def schedule(self) -> Schedule:
        """The schedule in force."""
        return self.account.schedule(self.channel, self.name)

    @property
    def horizon(self) -> timedelta:
        """The age of the last look."""
        return horizon(self.account, self.channel)

    @cached_property
    def curve(self) -> Curve:
        """How many messages settle at which age."""
        return curve(self.observed, self.horizon.total_seconds())

    @cached_property
    def figures(self) -> Figures | None:
        """What the schedule costs and brings on the recorded times; None if there are none."""
        return figures(self.curve, self.schedule)

    @property
    def looks_per_message(self) -> float | None:
        """How often was asked about a message, as counted."""
        return self.total.looks / self.total.messages if self.total.messages else None

    @property
    def undecided(self) -> float | None:
        """The share of messages that the sweep settled."""
        return self.total.never / self.total.messages if self.total.messages else None

    @property
    def messages_per_day(self) -> float:
        """How many messages settle a day; those of the first day are all that there are."""
        if self.total.first_at is None:
            return 0.0
        return self.total.messages / max((self.now - self.total.first_at) / DAY, 1.0)


def horizon(account: Account, channel: Channel) -> timedelta:
    """The age at which a message of `channel` has its last look."""
    limits = account.limits
    last = account.allowance(channel) + limits.lag
    return last if limits.retention is None else min(last, remembered(limits.retention))


def figures(times: Curve, schedule: Schedule) -> Figures | None:
    """What a schedule costs and brings on recorded times; None if there are none.

    A look below the age at which the provider knows anything is made at that age.
    """
    if not times.total:
        return None
    first = schedule.first_look.total_seconds()
    looks = {max(look.total_seconds(), first) for look in schedule.looks}
    return judge(times, sorted(looks), None if schedule.then is None else schedule.then.total_seconds())


async def measured(
    connection: Connection, account: Account, number: int, since: datetime, now: datetime
) -> list[Measured]:
    """Of every schedule of an account that has messages, or that the operator has set for a channel."""
    named = tuple(sorted(account.named_schedules))
    totals = await settlings.totals(connection, number, since, named)
    still_open = await settlings.open_now(connection, number, named)
    found = []
    for channel, name in _those(account, {*totals, *still_open}):
        total = totals.get((channel, name), Total())
        group = Group(number, channel, name, named)
        found.append(
            Measured(
                account,
                channel,
                name,
                total,
                still_open.get((channel, name), 0),
                tuple(await settlings.observed(connection, group, since, grain=settlings.grain(total.messages))),
                await settlings.delays(connection, group, since) if total.told else None,
                since,
                now,
            )
        )
    return found


def _those(account: Account, used: Collection[tuple[Channel, str | None]]) -> list[tuple[Channel, str | None]]:
    """The schedules that are used; where none is, those of the adapter's channels."""
    wanted = set(used) or {(channel, None) for channel in account.adapter.channels}
    return sorted(wanted, key=lambda one: (one[0], one[1] or ""))

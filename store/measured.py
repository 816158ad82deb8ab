"""Measured: what is recorded of one schedule of an account, beside the schedule itself."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from rules.checking import Figures, judge
from rules.schedules import Schedule
from rules.settling_times import Curve, Observed, curve
from rules.statuses import Channel
from rules.timing import Timing
from store import settlings
from store.connections import Connection
from store.settlings import Delays, Group, Total

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Measured:
    """What is recorded since a time of the messages that have one schedule. `name` is None for the channel's own."""

    account: Timing
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
    def origin(self) -> str:
        """Where it comes from: `named`, `adaptive`, `set` or `default`."""
        return self.account.origin(self.channel, self.name)

    @property
    def horizon(self) -> timedelta:
        """The age of the last look."""
        return self.account.horizons[self.channel]

    @cached_property
    def curve(self) -> Curve:
        """How many messages settle at which age."""
        return curve(self.observed, self.horizon.total_seconds())

    @cached_property
    def figures(self) -> Figures | None:
        """What the schedule costs and brings on the recorded times; None if there are none, or too many looks."""
        try:
            return figures(self.curve, self.schedule)
        except ValueError:
            # A slip of the pen in one schedule must not hide all others.
            return None

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
    connection: Connection, account: Timing, number: int, since: datetime, now: datetime, *, times: bool = True
) -> list[Measured]:
    """Of every schedule of an account that has messages, or else of its channels. `times`: with settling times."""
    named = tuple(sorted(account.named))
    totals = await settlings.totals(connection, number, since, named)
    still_open = await settlings.open_now(connection, number, named)
    read = _Read(connection, account, number, since, now, named)
    return [
        await read.one(which, totals.get(which, Total()), still_open.get(which, 0), times=times)
        for which in _those(account, {*totals, *still_open})
    ]


async def only(
    connection: Connection,
    account: Timing,
    number: int,
    which: tuple[Channel, str | None],
    since: datetime,
    now: datetime,
) -> Measured:
    """Of one schedule, whether or not it has messages."""
    named = tuple(sorted(account.named))
    totals = await settlings.totals(connection, number, since, named)
    still_open = await settlings.open_now(connection, number, named)
    read = _Read(connection, account, number, since, now, named)
    return await read.one(which, totals.get(which, Total()), still_open.get(which, 0))


@dataclass(frozen=True, slots=True)
class _Read:
    """Reads what is recorded of one schedule after another."""

    connection: Connection
    account: Timing
    number: int
    since: datetime
    now: datetime
    named: tuple[str, ...]

    async def one(
        self, which: tuple[Channel, str | None], total: Total, still_open: int, *, times: bool = True
    ) -> Measured:
        channel, name = which
        group = Group(self.number, channel, name, self.named)
        grain = settlings.grain(total.messages)
        return Measured(
            self.account,
            channel,
            name,
            total,
            still_open,
            tuple(await settlings.observed(self.connection, group, self.since, grain=grain)) if times else (),
            await settlings.delays(self.connection, group, self.since) if total.told else None,
            self.since,
            self.now,
        )


def _those(account: Timing, used: Collection[tuple[Channel, str | None]]) -> list[tuple[Channel, str | None]]:
    """The schedules that are used; where none is, those of the adapter's channels."""
    wanted = set(used) or {(channel, None) for channel in account.channels}
    return sorted(wanted, key=lambda one: (one[0], one[1] or ""))

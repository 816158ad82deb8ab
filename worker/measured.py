"""What is recorded of an account's schedules; and its timing, as the page and commands show it."""

from datetime import datetime, timedelta

from rules.schedules import remembered
from rules.statuses import Channel
from rules.timing import Timing
from store import measured as kept
from store.connections import Connection
from store.measured import Measured
from worker.accounts import Account

DAY = timedelta(days=1)


def horizon(account: Account, channel: Channel) -> timedelta:
    """The age at which a message of `channel` has its last look."""
    limits = account.limits
    last = account.allowance(channel) + limits.lag
    return last if limits.retention is None else min(last, remembered(limits.retention))


def timing(account: Account) -> Timing:
    """That of an account."""
    limits = account.limits
    rates = [limits.rate, *(one.amount / one.window.total_seconds() for one in limits.requests)]
    return Timing(
        account.name,
        account.adapter.name,
        frozenset(account.adapter.channels),
        {channel: account.schedule(channel, None) for channel in Channel},
        {channel: account.allowance(channel) for channel in Channel},
        {channel: horizon(account, channel) for channel in Channel},
        account.named_schedules,
        account.adaptive,
        account.set_for,
        limits.read_every if limits.streams else None,
        # By whichever of its limits allows least.
        round(min(rates) * DAY.total_seconds()),
    )


async def measured(
    connection: Connection, account: Account, number: int, since: datetime, now: datetime
) -> list[Measured]:
    """Of every schedule of an account that has messages, or else of its channels."""
    return await kept.measured(connection, timing(account), number, since, now)

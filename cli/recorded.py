"""Recorded settling times on the line: those of every schedule, and the one that a person means."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import click

from cli import session
from cli.found import no_account
from cli.output import count
from config import Settings
from rules.statuses import Channel
from store import accounts as rows
from store import adapted
from store.adapted import Adapted
from store.connections import Pool, clock
from store.measured import Measured
from worker.accounts import Account
from worker.adapting import in_force
from worker.measured import measured

NOTHING = "no settling times are recorded yet: a worker records one whenever a message settles"


@dataclass(frozen=True)
class Everything:
    """What is recorded, by schedule; and the accounts with the schedules that are in force now."""

    settings: Settings
    accounts: Mapping[str, Account]
    numbers: Mapping[str, int]
    measured: list[Measured]
    adapted: Mapping[tuple[int, Channel], Adapted]
    now: datetime

    def stands(self, account: str, channel: Channel) -> Adapted | None:
        """How an adaptive schedule stands; None where none has been judged or pinned yet."""
        return self.adapted.get((self.numbers.get(account, 0), channel))


async def everything(pool: Pool, account: str | None = None, channel: Channel | None = None) -> Everything:
    """What is recorded of all accounts, or of one, on all channels or on one. An unknown account is trouble."""
    settings = session.settings()
    configured = session.accounts(settings)
    if account is not None and account not in configured:
        raise no_account(account, configured)
    async with pool.acquire() as connection:
        now = await clock(connection)
        numbers = {row["name"]: row["id"] for row in await rows.everyone(connection)}
        stand = await adapted.everything(connection)
        accounts = in_force(configured, numbers, stand)
        found: list[Measured] = []
        for name in sorted(accounts) if account is None else [account]:
            number = numbers.get(name, 0)  # one that no worker has seen has nothing
            found += await measured(connection, accounts[name], number, now - settings.retention.looks, now)
    kept = [one for one in found if channel in {None, one.channel}]
    return Everything(settings, accounts, numbers, kept, stand, now)


async def wanted(
    pool: Pool, account: str | None = None, channel: Channel | None = None, schedule: str | None = None
) -> Measured:
    """The one schedule that has recorded times, of those that fit what was given. None or several is trouble."""
    known = await everything(pool, account, channel)
    found = [one for one in known.measured if one.total.messages and schedule in {None, one.name}]
    if len(found) > 1 and schedule is None:
        # Named schedules are others' business unless one is asked for.
        found = [one for one in found if one.name is None] or found
    if len(found) == 1:
        return found[0]
    if not found:
        place = " ".join(word for word in (account, channel and channel.word, schedule) if word)
        raise click.ClickException(f"{place}: {NOTHING}" if place else NOTHING)
    names = ", ".join(f"{label(one)} ({count(one.total.messages, 'message')})" for one in found)
    raise click.ClickException(f"several schedules have recorded times; name one with --account and --channel: {names}")


def label(one: Measured) -> str:
    """`alerts sms`, and the schedule if it has a name of its own."""
    words = (one.account.name, one.channel.word, one.name)
    return " ".join(word for word in words if word)

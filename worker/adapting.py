"""Adaptive schedules: judged now and then by one worker, and taken over by all.

1. Take turns: whoever comes first judges a schedule, when the last judgement is old enough and it is not pinned.
2. Read what is recorded, decide in a thread, and write down what was found, with the other schedule if there is one.
3. Every worker reads now and then how all of them stand, and goes by that from then on.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from rules import durations
from rules.adapting import Adaptive, Decision, adapt, ages_of, schedule_of, words
from rules.schedules import Schedule
from rules.statuses import Channel
from store import adapted, settlings
from store.adapted import Adapted, Turn, as_it_stands
from store.connections import Connection, Pool
from store.settlings import Group, Total
from worker.accounts import Account
from worker.measured import horizon

log = structlog.get_logger()

#: A schedule follows times of the last while only, or of so many horizons: what a provider did long ago is over.
LATELY, HORIZONS = timedelta(days=7), 3

#: How long one pass goes on judging, in seconds.
JUDGING = 20

#: Fewer messages that settled tell nothing.
ENOUGH = 500

#: At least this share of the times must be the provider's: those known between two looks only would make it follow
#: its own looks.
TOLD = 0.5


def in_force(
    accounts: Mapping[str, Account], numbers: Mapping[str, int], stand: Mapping[tuple[int, Channel], Adapted]
) -> dict[str, Account]:
    """The accounts with their adaptive schedules as they stand. One in which nothing changes is the same object."""
    found = {}
    for name, account in accounts.items():
        schedules = {
            channel: as_it_stands(adaptive, stand.get((numbers.get(name, 0), channel)))
            for channel, adaptive in account.adaptive.items()
        }
        same = all(account.schedules.get(channel) == schedule for channel, schedule in schedules.items())
        found[name] = account if same else replace(account, schedules={**account.schedules, **schedules})
    return found


@dataclass(frozen=True, slots=True)
class Subject:
    """One adaptive schedule: of which account and channel, and within what."""

    account: Account
    number: int
    channel: Channel
    adaptive: Adaptive

    @property
    def group(self) -> Group:
        """The messages that have it."""
        return Group(self.number, self.channel, None, tuple(sorted(self.account.named_schedules)))

    @property
    def horizon(self) -> timedelta:
        """The age of their last look."""
        return horizon(self.account, self.channel)


async def judge_all(
    pool: Pool, accounts: Mapping[str, Account], numbers: Mapping[str, int], now: datetime, keep: timedelta
) -> int:
    """Judge adaptive schedules whose time it is; how many changed. Times are kept for `keep`.

    It stops after a while: whatever is left is still due in the next pass.
    """
    ends_at = asyncio.get_running_loop().time() + JUDGING
    changed = 0
    for name, account in accounts.items():
        for channel, adaptive in account.adaptive.items():
            if asyncio.get_running_loop().time() < ends_at:
                changed += await _judge(pool, Subject(account, numbers[name], channel, adaptive), now, keep)
    return changed


async def _judge(pool: Pool, one: Subject, now: datetime, keep: timedelta) -> bool:
    since = now - min(keep, max(LATELY, one.horizon * HORIZONS))
    configured = one.adaptive.configured
    async with pool.acquire() as connection:
        due = now - one.adaptive.every
        turn = await adapted.begin(connection, one.number, one.channel, words(configured), now, due)
        if turn is None:
            return False
        totals = await settlings.totals(connection, one.number, since, one.group.named)
        total = totals.get((one.channel, None), Total())
        if problem := _too_little(total):
            await adapted.judged(connection, one.number, one.channel, now, problem)
            return False
        observed = await settlings.observed(connection, one.group, since, grain=settlings.grain(total.messages))
    seconds = one.horizon.total_seconds()
    present = ages_of(_standing(configured, turn), seconds)
    decision = await asyncio.to_thread(adapt, present, one.adaptive, observed, seconds)
    async with pool.acquire() as connection:
        return await _write(connection, one, now, present, decision)


def _too_little(total: Total) -> str:
    settled = total.told + total.between
    if settled < ENOUGH:
        return f"{settled} settled messages are recorded; it follows {ENOUGH} or more"
    if total.told < settled * TOLD:
        return "most times are known only between two looks, so it would follow its own looks; it stays as it is"
    return ""


def _standing(configured: Schedule, turn: Turn) -> Schedule:
    return configured if turn.looks is None else replace(configured, looks=turn.looks, then=turn.repeat)


async def _write(
    connection: Connection, one: Subject, now: datetime, present: tuple[float, ...], decision: Decision
) -> bool:
    schedule = None
    if decision.ages is not None:
        schedule = schedule_of(decision.ages, one.adaptive.configured, one.horizon.total_seconds())
    written = await adapted.judged(connection, one.number, one.channel, now, decision.why, schedule)
    if decision.ages is None or decision.after is None or not written:
        return False
    log.info(
        "schedule_adapted",
        account=one.account.name,
        channel=one.channel.word,
        why=decision.why,
        looks=_text(decision.ages),
        looks_before=_text(present),
        looks_per_message=round(decision.after.looks_per_message, 3),
        looks_per_message_before=round(decision.before.looks_per_message, 3),
        mean_delay=decision.after.mean_delay,
        mean_delay_before=decision.before.mean_delay,
    )
    return True


def _text(ages: tuple[float, ...]) -> list[str]:
    return [durations.text(timedelta(seconds=age)) for age in ages]

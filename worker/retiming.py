"""Re-timing: gives open messages their next look by a schedule that has changed.

1. What the new schedule makes due within a minute comes first, at once, in chunks.
2. Then the rest, in the order of recording, a chunk at a time with a pause after each.
3. After a while what was claimed or recorded meanwhile by workers that did not know yet.

Each chunk is a transaction that ends with where the next one goes on, so it may be stopped at any line, and any worker
that has the same schedules goes on with it. What is due stays due, and what is claimed is left to whoever claimed it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from rules import durations
from rules.retiming import Stretch, deadlines_of_last_looks, retimed, sent_of_last_looks, sent_of_soon
from rules.schedules import Schedule
from rules.statuses import Channel
from store import retiming
from store.connections import Connection, Pool, clock
from store.retiming import Phase, Step, Timed
from worker.accounts import Account, chance

#: Messages a step, each of them a transaction.
CHUNK = 2500

#: After a step of the rest: so at most 5,000 messages a second are re-timed, over all accounts and workers.
PAUSE = timedelta(seconds=0.5)

#: What is due so soon comes first.
SOON = timedelta(minutes=1)

#: After so long every worker knows of the change, and has written what it asked before.
KNOWN_AFTER = timedelta(seconds=30)

#: Of messages looked at so long before the change, an answer may have come after it.
ANSWERS_AFTER = timedelta(minutes=5)

BOUNDS = "bounds"

log = structlog.get_logger()


def schedules(account: Account) -> dict[str, str]:
    """What sets next looks of an account, in words: by channel, by `schedule NAME`, and `bounds` for the last look."""
    limits = account.limits
    retention = "ever" if limits.retention is None else durations.text(limits.retention)
    return {
        BOUNDS: f"lag {durations.text(limits.lag)}, remembered for {retention}",
        **{channel.word: words(account.schedule(channel, None)) for channel in Channel},
        **{_named(name): words(schedule) for name, schedule in account.named_schedules.items()},
    }


def words(schedule: Schedule) -> str:
    """A schedule in words, others for every other one."""
    looks = ", ".join(durations.text(look) for look in schedule.looks) or "no age"
    then = "once more at the end" if schedule.then is None else f"every {durations.text(schedule.then)}"
    first = durations.text(schedule.first_look)
    return f"at {looks}, then {then}; up to {schedule.jitter:g} later; from {first} on"


def _named(name: str) -> str:
    return f"schedule {name}"


async def retime(pool: Pool, accounts: Mapping[int, Account], now: datetime | None = None) -> int:
    """Make every step that can be made now; how many messages were given another time. `accounts` are by number.

    `now` is for tests; else it is read from Postgres before each step.
    """
    known = {number: schedules(account) for number, account in accounts.items()}
    moved = 0
    while True:
        async with pool.acquire() as connection, connection.transaction():
            at = now or await clock(connection)
            step = await retiming.next_step(connection, known, at)
            if step is None:
                return moved
            moved += await _take(connection, step, accounts[step.account], at)


async def _take(connection: Connection, step: Step, account: Account, now: datetime) -> int:
    """One step; how many messages it gave another time."""
    found = await _find(connection, step, account, now)
    moves = [(timed, at) for timed in found if (at := _move(timed, step, account, now)) is not None]
    moved = await retiming.retime(connection, step.account, moves) if moves else 0
    phase, place, due_at = step.phase, found[-1].id if found else step.place, now
    seen = len(found) if phase == "rest" else 0
    if len(found) < CHUNK:
        phase, place, due_at = _after(step, now)
    elif phase != "soon":
        due_at = now + PAUSE
    await retiming.advance(connection, step.account, phase, place, due_at, seen=seen, moved=moved, now=now)
    if phase == "none":
        log.info("retimed", account=account.name, schedules=sorted(step.changed))
    return moved


async def _find(connection: Connection, step: Step, account: Account, now: datetime) -> Sequence[Timed]:
    match step.phase:
        case "soon":
            sent = _sent_of_soon(step, account, now)
            return await retiming.soon(connection, step, CHUNK, sent, [deadlines_of_last_looks(now, SOON)])
        case "again":
            return await retiming.lately(connection, step, CHUNK, step.began_at - ANSWERS_AFTER)
        case "rest" | "none":
            return await retiming.page(connection, step, CHUNK)


def _sent_of_soon(step: Step, account: Account, now: datetime) -> list[Stretch]:
    """When those were sent that what changed may look at soon."""
    every = {channel.word: account.schedule(channel, None) for channel in Channel}
    every |= {_named(name): schedule for name, schedule in account.named_schedules.items()}
    # Messages that name a schedule that is gone may be of any channel.
    known = [every[key] for key in sorted(step.changed & every.keys())]
    changed = dict.fromkeys(known if len(known) == len(step.changed) else every.values())
    stretches = [stretch for schedule in changed for stretch in sent_of_soon(schedule, now, SOON)]
    if account.limits.retention is not None:
        stretches.append(sent_of_last_looks(account.limits.retention, now, SOON))
    return stretches


def _move(timed: Timed, step: Step, account: Account, now: datetime) -> datetime | None:
    """The next look of a message, if it gets another in this step."""
    if timed.is_claimed or not _concerns(step.changed, timed, account):
        return None
    schedule = account.schedule(Channel(timed.channel), timed.schedule)
    bounds = account.usual_terms.bounds(timed.sent_at, timed.deadline_at)
    at = retimed(schedule, bounds, timed.sent_at, timed.next_look_at, now, chance())
    return None if at is not None and step.phase == "soon" and at > now + SOON else at


def _concerns(changed: frozenset[str], timed: Timed, account: Account) -> bool:
    """Whether what changed sets the next look of this message. A name that nobody knows is as good as none."""
    if BOUNDS in changed:
        return True
    if timed.schedule and (_named(timed.schedule) in changed or timed.schedule in account.named_schedules):
        return _named(timed.schedule) in changed
    return Channel(timed.channel).word in changed


def _after(step: Step, now: datetime) -> tuple[Phase, int, datetime]:
    """The phase that follows, where it begins, and when."""
    match step.phase:
        case "soon":
            return "rest", 0, now
        case "rest":
            return "again", 0, max(now, step.began_at + KNOWN_AFTER)
        case "again" | "none":
            return "none", 0, now

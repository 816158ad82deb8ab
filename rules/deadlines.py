"""Deadlines, and what an open message becomes when its deadline has passed."""

from datetime import datetime, timedelta

from rules.reports import Word
from rules.state import State
from rules.statuses import Channel, Mark, Status

#: How long to wait for a channel, counted from the later of acceptance and scheduled time.
ALLOWANCES: dict[Channel, timedelta] = {
    Channel.EMAIL: timedelta(hours=72),
    Channel.SMS: timedelta(hours=48),
    Channel.PUSH: timedelta(hours=24),
    Channel.VOICE: timedelta(hours=24),
    Channel.LETTER: timedelta(days=14),
    Channel.CHAT: timedelta(hours=48),
    Channel.OTHER: timedelta(hours=72),
}

#: How long past the deadline the sweep waits for a provider that cannot be asked.
HARD_LIMIT = timedelta(hours=24)


def deadline(since: datetime, scheduled_at: datetime | None, allowance: timedelta) -> datetime:
    """When a message accepted (or else recorded) at `since` is settled."""
    return max(since, scheduled_at or since) + allowance


def settle(state: State, mark: Mark, now: datetime, *, confirms: bool = True) -> Word | None:
    """What the sweep says of a message past its deadline, or None if it is settled already.

    `confirms` is false on a route that gives no receipts. `mark` says how the message was last looked at.
    """
    match state.status:
        case Status.DEFERRED | Status.SOFT_BOUNCED:
            guess = Status.EXPIRED_OURS
        case Status.SENT if not confirms:
            guess = Status.UNCONFIRMED
        case Status.PENDING | Status.SENT:
            guess = Status.TIMED_OUT
        case _:
            return None
    return Word(guess.bit | mark.bit, now)

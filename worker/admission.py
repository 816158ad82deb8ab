"""Admission: what a row of the inbox means, or why it cannot be taken in. Pure but for the jitter of the first look."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import asyncpg
import msgspec

from rules import deadlines
from rules.columns import CHANNELS, REASONS, STATUSES
from rules.recipients import normal
from rules.reports import Word
from rules.schedules import next_look_at
from rules.statuses import NEVER_HANDED_OVER, Engagement, Reason, Status
from store.inbox import Recording, Stray
from worker.accounts import Account, chance

#: What a row of the inbox says.
COLUMNS = (
    "received_at", "account", "channel", "recipient", "provider_id", "part", "reference", "communication", "status",
    "reason", "sent_at", "scheduled_at", "deadline_at", "schedule", "acknowledged_at", "responded_at", "response",
    "opted_out_at",
)  # fmt: skip

#: What a sender says of a message that it has not handed over, or that was refused before it was tried.
NOT_HANDED_OVER = NEVER_HANDED_OVER | {Status.PENDING, Status.NOT_SENT}

USE_A_STATUS = f"use one of {', '.join(STATUSES)}"
USE_A_CHANNEL = f"use one of {', '.join(CHANNELS)}"


class Problem(ValueError):
    """Why a row cannot be taken in, in words for who wrote it."""


def admit(
    row: asyncpg.Record, accounts: Mapping[str, Account], numbers: Mapping[str, int], now: datetime
) -> Recording | Stray:
    """The recording that `row` asks for, or the row as a stray with its problem."""
    if row["odd"] is not None:
        return stray(row, "a time is before the year 2 or after 9997; correct its times")
    try:
        return _recording(row, accounts, numbers, now)
    except Problem as problem:
        return stray(row, str(problem))
    except (ValueError, OverflowError, TypeError):
        return stray(row, "a value is out of range; check its times")


def stray(row: asyncpg.Record, problem: str) -> Stray:
    """`row` as it is kept when it cannot be taken in."""
    said = {column: row[column] for column in COLUMNS if row[column] is not None}
    text = row["odd"] or msgspec.json.encode(said, enc_hook=str).decode()
    return Stray(row["received_at"], problem, row["account"], text)


def unsent_address(row: asyncpg.Record) -> tuple[int, str] | None:
    """The address of a message that was not handed over yet, as (channel, normal recipient); None if it was."""
    if row["provider_id"] or row["status"] not in (None, "pending") or not row["recipient"]:
        return None
    channel = CHANNELS.get(row["channel"] or "")
    return None if channel is None else (channel, normal(row["recipient"]))


def block(recording: Recording) -> Recording:
    """The same message, not to be sent because its address is blocked."""
    return replace(recording, words=(Word(Status.BLOCKED.bit, recording.words[0].at),), blocks=(0,))


def _recording(
    row: asyncpg.Record, accounts: Mapping[str, Account], numbers: Mapping[str, int], now: datetime
) -> Recording:
    account = _known(accounts, row["account"], "account", "add it to landed.toml, or correct the row")
    channel = _known(CHANNELS, row["channel"], "channel", USE_A_CHANNEL)
    provider_id = account.adapter.normal_id(row["provider_id"] or "") or None
    reference = row["reference"] or None
    if provider_id is None and reference is None:
        msg = "it has neither provider_id nor reference; give one of them"
        raise Problem(msg)
    words = _words(row)
    status = words[0].top
    handed_over = status != Status.PENDING
    begins_at = row["sent_at"] or row["received_at"] if handed_over else row["received_at"]
    since = deadlines.deadline(begins_at, row["scheduled_at"], NOTHING)
    allowance, named = account.allowance(channel), row["deadline_at"]
    deadline_at = named or since + allowance
    bounds = account.usual_terms.bounds(since, deadline_at)
    first = next_look_at(account.schedule(channel, row["schedule"]), bounds, since, since, chance())
    return Recording(
        row=row["id"],
        account=numbers[account.name],
        channel=channel,
        recipient=normal(row["recipient"] or ""),
        provider_id=provider_id,
        part=_part(row, account),
        reference=reference,
        communication=row["communication"] or None,
        schedule=row["schedule"] or None,
        sent_at=row["sent_at"] or (row["received_at"] if handed_over and status not in NEVER_HANDED_OVER else None),
        scheduled_at=row["scheduled_at"],
        deadline_at=deadline_at,
        named_deadline=named,
        allowance=None if named else int(allowance.total_seconds()),
        # What is recorded late is looked at now; the first looks that it missed are not made up for.
        next_look_at=max(first, now),
        since=since,
        words=words,
        blocks=tuple(account.blocks(word) for word in words),
    )


NOTHING = timedelta()

T = TypeVar("T")


def _known(among: Mapping[str, T], name: str | None, what: str, cure: str) -> T:
    if not name:
        msg = f"it names no {what}; {cure}"
        raise Problem(msg)
    if name not in among:
        msg = f"nobody knows the {what} {name[:60]!r}; {cure}"
        raise Problem(msg)
    return among[name]


def _part(row: asyncpg.Record, account: Account) -> str:
    """Which of the recipients of one provider id it is about; empty where an id has only one."""
    if account.limits.parts:
        return account.adapter.normal_part(row["part"] or row["recipient"] or "")
    if row["part"]:
        msg = f"{account.adapter.name} gives each recipient an id of its own; leave part empty"
        raise Problem(msg)
    return ""


def _words(row: asyncpg.Record) -> tuple[Word, ...]:
    """What the sender says: a status first, then what the recipient did."""
    status = _known(STATUSES, row["status"] or "sent", "status", USE_A_STATUS)
    reason = _known(REASONS, row["reason"], "reason", "see the status model") if row["reason"] else Reason.NONE
    received_at = row["received_at"]
    # Handing over is attempt 1; a provider's own counter starts after it.
    attempts = 0 if status in NOT_HANDED_OVER else 1
    words = [Word(status.bit, row["sent_at"] or received_at, reason, attempts=attempts)]
    if row["acknowledged_at"]:
        words.append(_did(Engagement.ACKNOWLEDGED, row["acknowledged_at"]))
    if row["responded_at"] or row["response"]:
        words.append(_did(Engagement.RESPONDED, row["responded_at"] or received_at, row["response"] or ""))
    if row["opted_out_at"]:
        words.append(_did(Engagement.OPTED_OUT, row["opted_out_at"]))
    return tuple(words)


def _did(kind: Engagement, at: datetime, response: str = "") -> Word:
    return Word(kind.bit | Status.DELIVERED.bit, at, response=response)

"""Archiving: settled messages that are old enough leave the database, into a file if there is a folder for that.

1. Read the account's messages by number, a page at a time, up to the first that are too young. Nothing is locked.
2. Write those that may leave into one file, a day's messages at most, and make it durable.
3. Delete them in chunks, except those that have changed meanwhile, and count them for the reports.

Killed after 2, it writes some messages again next time, into another file; the line with the later `archived_at`
counts.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from rules.statuses import Channel, Engagement, Reason, Status, marks_in, statuses_in
from store import archive as rows
from store.connections import Connection, Pool
from worker.archive_file import ArchiveFile, clear

#: Messages read at once, and deleted in one transaction.
CHUNK = 1000

#: Chunks in one file at most.
CHUNKS = 50

#: Fields that are archived as they are.
PLAIN = (
    "recipient", "provider_id", "part", "reference", "communication", "schedule", "status_at", "code", "attempts",
    "last_attempt_at", "response", "recorded_at", "sent_at", "scheduled_at", "deadline_at",
    *(kind.word for kind in Engagement),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Leaving:
    """Whose messages leave, when, and where to. Without a folder they are only dropped."""

    account: int
    name: str
    #: Nothing was heard of them since this time.
    before: datetime
    folder: Path | None


@dataclass(slots=True)
class Archived:
    """What a pass did: messages that left, the file, where the next pass goes on, and whether there may be more."""

    messages: int = 0
    file: Path | None = None
    place: int = 0
    more: bool = False


@dataclass(slots=True)
class _Batch:
    """Messages that go into one file."""

    file: ArchiveFile | None = None
    day: date | None = None
    taken: list[tuple[int, str]] = field(default_factory=list)


def cutoff(now: datetime, keep: timedelta) -> datetime:
    """Since when nothing may have been heard of a message that leaves. Whole days, so that files hold whole days."""
    return datetime.combine((now - keep).astimezone(UTC).date(), time(), UTC)


async def archive(pool: Pool, leaving: Leaving, now: datetime, after: int = 0) -> Archived:
    """One pass over an account, from the message `after` on. Raises ArchiveUnwritable; then nothing has left."""
    async with pool.acquire() as connection, connection.transaction():
        if not await rows.alone(connection, leaving.account):
            return Archived(place=after)
        if leaving.folder is not None:
            await asyncio.to_thread(clear, leaving.folder, leaving.name)
        batch = _Batch()
        try:
            done = await _read(connection, leaving, now, after, batch)
            if batch.file is not None:
                done.file = await asyncio.to_thread(batch.file.finish)
        finally:
            if batch.file is not None:
                batch.file.abandon()
        # On another connection, because each chunk is a transaction and this one keeps us alone.
        done.messages = await _take_out(pool, leaving.account, batch.taken)
    return done


async def _read(connection: Connection, leaving: Leaving, now: datetime, after: int, batch: _Batch) -> Archived:
    """Read and write down what may leave; where that ended. A pass that comes to the end begins anew."""
    for _ in range(CHUNKS):
        page = await rows.page(connection, leaving.account, after, CHUNK, leaving.before)
        ripe, rest = _part(page, batch)
        if ripe:
            await _write(leaving, now, ripe, batch)
        if rest is not None:
            return Archived(place=rest, more=True)
        if len(page) < CHUNK or not page[-1]["old"]:
            return Archived()
        after = page[-1]["id"]
    return Archived(place=after, more=True)


def _part(page: list[asyncpg.Record], batch: _Batch) -> tuple[list[asyncpg.Record], int | None]:
    """Messages of a page for the file, and after which number another file begins, if one does."""
    ripe: list[asyncpg.Record] = []
    for row in page:
        if not row["ripe"]:
            continue
        day = row["recorded_at"].astimezone(UTC).date()
        batch.day = batch.day or day
        if day > batch.day:
            return ripe, row["id"] - 1
        ripe.append(row)
    return ripe, None


async def _write(leaving: Leaving, now: datetime, ripe: list[asyncpg.Record], batch: _Batch) -> None:
    if leaving.folder is not None:
        if batch.file is None:
            assert batch.day is not None  # noqa: S101 - the first of `ripe` has set it
            batch.file = await asyncio.to_thread(ArchiveFile, leaving.folder, leaving.name, batch.day)
        await asyncio.to_thread(batch.file.write, lines(leaving.name, ripe, now))
    batch.taken += [(row["id"], row["version"]) for row in ripe]


def lines(account: str, messages: list[asyncpg.Record], now: datetime) -> bytes:
    """What the archive says of messages: a line of JSON for each."""
    return b"".join(msgspec.json.encode(plain(account, row, now)) + b"\n" for row in messages)


def plain(account: str, row: asyncpg.Record, now: datetime) -> dict[str, Any]:
    """Everything that a report shows of a message, in words."""
    heard: int = row["heard"]
    return {
        "account": account,
        "id": row["id"],
        "channel": Channel(row["channel"]).word,
        "status": Status(row["status"]).word,
        "reason": Reason(row["reason"]).word or None,
        "heard": _words(heard),
        **{name: row[name] for name in PLAIN},
        "archived_at": now,
    }


def _words(heard: int) -> list[str]:
    """Every word in the set `heard`."""
    engagement = [kind.word for kind in Engagement if heard & kind.bit]
    return [*(status.word for status in statuses_in(heard)), *engagement, *(mark.word for mark in marks_in(heard))]


async def _take_out(pool: Pool, account: int, taken: list[tuple[int, str]]) -> int:
    gone = 0
    async with pool.acquire() as connection:
        for start in range(0, len(taken), CHUNK):
            gone += await rows.take_out(connection, account, taken[start : start + CHUNK])
    return gone

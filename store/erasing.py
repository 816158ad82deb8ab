"""Erasing a person: what the database has of them, found and rewritten some rows at a time.

`worker.erasing` says what becomes of each. No statement holds a lock longer than one chunk takes.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

import asyncpg

from store.connections import Connection
from store.deadlocks import outlast
from store.queries import Queries

QUERIES = Queries("erasing")

#: Messages in one transaction.
CHUNK = 500

#: Other rows read at once.
PAGE = 1000

#: Answers read at once; each may be some megabytes.
ANSWERS = 10


@dataclass(frozen=True, slots=True)
class Begun:
    """An erasure and its transaction."""

    id: int
    xact: str


async def begin(
    connection: Connection, recipient: str, channel: int | None, now: datetime, by: str, note: str
) -> Begun:
    """Note an erasure, by the recipient's hash. What is said of it from now on is kept under that."""
    row = await connection.fetchrow(QUERIES.begin, recipient, channel, now, by, note)
    assert row is not None  # noqa: S101 - an insert returns its row
    return Begun(row["id"], row["xact"])


async def finish(connection: Connection, begun: Begun, counts: str) -> None:
    """Keep what it came to, as JSON."""
    await connection.execute(QUERIES.finish, begun.id, counts)


async def is_over(connection: Connection, begun: Begun) -> bool:
    """Whether everybody who writes now knows of it: all transactions that were open then are over."""
    return bool(await connection.fetchval(QUERIES.is_over, begun.xact))


@dataclass(frozen=True, slots=True)
class Found:
    """What an erasure is about to find."""

    messages: int
    blocked_on: tuple[int, ...]


async def count(connection: Connection, spelled: Sequence[str], channel: int | None) -> Found:
    """How many messages went to a recipient, and on which channels it is blocked."""
    row = await connection.fetchrow(QUERIES.count, spelled, channel)
    assert row is not None  # noqa: S101 - counts have one row
    return Found(row["messages"], tuple(row["blocked_on"]))


async def messages(connection: Connection, spelled: Sequence[str], channel: int | None) -> list[asyncpg.Record]:
    """Some messages to a recipient that are not erased yet."""
    return await connection.fetch(QUERIES.messages, spelled, channel, CHUNK)


async def messages_by_part(
    connection: Connection, spelled: Sequence[str], channel: int | None, account: int
) -> list[asyncpg.Record]:
    """All messages of an account whose part is a recipient's. It may take as long as the account is large."""
    return await connection.fetch(QUERIES.messages_by_part, spelled, channel, account, timeout=None)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is kept from now on."""

    account: int
    id: int
    recipient: str
    part: str
    provider_id: str | None
    reference: str | None
    code: str


async def erase_messages(connection: Connection, erased: Sequence[Message], now: datetime) -> int:
    """Keep these messages without address and text; how many were not erased before."""
    rows = sorted(erased, key=lambda one: (one.provider_id or "", one.part, one.id))
    columns = (
        [one.account for one in rows],
        [one.id for one in rows],
        [one.recipient for one in rows],
        [one.part for one in rows],
        [one.provider_id for one in rows],
        [one.reference for one in rows],
        [one.code for one in rows],
    )
    return int(await outlast(connection, lambda: connection.fetchval(QUERIES.erase_messages, *columns, now)))


async def event_codes(connection: Connection, keys: Sequence[tuple[int, int]]) -> list[str]:
    """Every code in the history of these messages, named by account and number."""
    return [row["code"] for row in await connection.fetch(QUERIES.event_codes, *_columns(keys))]


async def erase_events(connection: Connection, keys: Sequence[tuple[int, int]], codes: Sequence[str]) -> int:
    """Take the texts and these codes out of the history of messages; how many entries had any."""
    return _count(await connection.execute(QUERIES.erase_events, *_columns(keys), codes))


def _columns(keys: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [account for account, _ in keys], [number for _, number in keys]


async def inbox(connection: Connection) -> AsyncIterator[list[asyncpg.Record]]:
    """Rows that wait, a page at a time: id, said (JSON text)."""
    async for page in _pages(connection, QUERIES.inbox, PAGE):
        yield page


async def rewrite_inbox(connection: Connection, rows: Sequence[tuple[int, str]]) -> int:
    """Let rows that still wait say something else, as JSON text by number; how many."""
    return _count(
        await connection.execute(QUERIES.rewrite_inbox, [number for number, _ in rows], [said for _, said in rows])
    )


async def strays(connection: Connection) -> AsyncIterator[list[asyncpg.Record]]:
    """Rows put aside, a page at a time: id, problem, account, said (JSON text), received_at (text)."""
    async for page in _pages(connection, QUERIES.strays, PAGE):
        yield page


async def rewrite_strays(connection: Connection, rows: Sequence[tuple[int, str, str | None, str]]) -> int:
    """Keep rows put aside with another problem, account and text, by number; how many."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return _count(await connection.execute(QUERIES.rewrite_strays, *columns))


async def early(connection: Connection) -> AsyncIterator[list[asyncpg.Record]]:
    """Reports that wait for their message, a page at a time: id, account, provider_id, part, code, response, detail."""
    async for page in _pages(connection, QUERIES.early, PAGE):
        yield page


async def rewrite_early(connection: Connection, rows: Sequence[tuple[int, str, str, str]]) -> None:
    """Keep reports that wait without texts, under another provider id, part and code, by number."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    await outlast(connection, lambda: connection.execute(QUERIES.rewrite_early, *columns))


async def answers(connection: Connection) -> AsyncIterator[list[asyncpg.Record]]:
    """Raw answers, some at a time: id, account, what and headers (JSON text), body, problem, read_at."""
    async for page in _pages(connection, QUERIES.answers, ANSWERS):
        yield page


async def is_unread(connection: Connection, number: int) -> bool:
    """Whether an answer is still kept to be read."""
    return bool(await connection.fetchval(QUERIES.is_unread, number))


async def rewrite_answer(connection: Connection, number: int, what: str, body: bytes, problem: str) -> None:
    """Keep another text of an answer."""
    await connection.execute(QUERIES.rewrite_answer, number, what, body, problem)


async def words(connection: Connection) -> AsyncIterator[list[asyncpg.Record]]:
    """Unknown words, a page at a time: account, word."""
    account, place = -(1 << 15), -(1 << 63)
    while page := await connection.fetch(QUERIES.words, account, place, PAGE):
        yield page
        account, place = page[-1]["account"], page[-1]["hash"]


async def rewrite_word(connection: Connection, account: int, word: str, left: str) -> None:
    """Keep what is left of an unknown word; it may be another one that is known."""
    await connection.execute(QUERIES.rewrite_word, account, word, left)


async def communications(connection: Connection) -> AsyncIterator[list[asyncpg.Record]]:
    """Communications, a page at a time: id, name."""
    async for page in _pages(connection, QUERIES.communications, PAGE):
        yield page


async def rewrite_communication(connection: Connection, number: int, name: str) -> None:
    """Call a communication something else."""
    await connection.execute(QUERIES.rewrite_communication, number, name)


async def rewrite_account(connection: Connection, account: int, trouble_said: str | None, why: str | None) -> None:
    """Keep other words about an account."""
    await connection.execute(QUERIES.rewrite_account, account, trouble_said, why)


async def blocked(connection: Connection, spelled: Sequence[str], channel: int | None) -> list[tuple[int, str]]:
    """Channels and spellings under which a recipient is blocked or was unblocked."""
    rows = await connection.fetch(QUERIES.blocked, spelled, channel)
    return [(row["channel"], row["recipient"]) for row in rows]


async def blocking_codes(connection: Connection, recipient: str) -> list[str]:
    """The codes of what blocks a hash."""
    return [row["code"] for row in await connection.fetch(QUERIES.blocking_codes, recipient)]


async def erase_blocked(connection: Connection, recipient: str, channel: int | None, codes: Sequence[str]) -> None:
    """Take texts and these codes out of what blocks a hash, and out of its unblockings."""
    await connection.execute(QUERIES.erase_blocked, recipient, channel, codes)


async def _pages(connection: Connection, query: LiteralString, size: int) -> AsyncIterator[list[asyncpg.Record]]:
    after = 0
    while page := await connection.fetch(query, after, size):
        yield page
        after = page[-1]["id"]


def _count(done: str) -> int:
    return int(done.rsplit(maxsplit=1)[-1])

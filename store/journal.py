"""What is kept of answers: raw ones, unknown words, and one row for each request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg
import msgspec

from store.connections import Connection
from store.queries import Queries

QUERIES = Queries("journal")

#: A body longer than this is cut when it is kept. A drain's largest documented answer is well below.
LONGEST = 4 * 1024 * 1024

Kind = Literal["drain", "unreadable", "unknown"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A raw answer. `what` says what was asked, as JSON values. `headers` hold nothing secret."""

    what: Mapping[str, object]
    status: int
    headers: Mapping[str, str]
    body: bytes


async def keep(
    connection: Connection, account: int, kind: Kind, answer: Answer, problem: str | None, now: datetime
) -> int:
    """Keep an answer; its number."""
    number: int = await connection.fetchval(
        QUERIES.keep,
        account,
        kind,
        _json(answer.what),
        answer.status,
        _json(answer.headers),
        answer.body[:LONGEST],
        len(answer.body) > LONGEST,
        problem,
        now,
    )
    return number


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def mark_read(
    connection: Connection, number: int, read_at: datetime | None, kind: Kind, problem: str | None
) -> None:
    """An answer was read and applied at `read_at`, or (None) must be read again once the adapter is mended."""
    await connection.execute(QUERIES.read, number, read_at, kind, problem)


async def drop(connection: Connection, number: int) -> None:
    """Keep an answer no longer."""
    await connection.execute(QUERIES.drop, number)


async def unread(
    connection: Connection, account: int | None, after: int, before: datetime, limit: int, kind: Kind | None = None
) -> list[asyncpg.Record]:
    """Answers kept before a time that were not read whole: id, account, name, kind, what, status, headers, body, ..."""
    return await connection.fetch(QUERIES.unread, account, after, before, limit, kind)


async def kept(connection: Connection) -> list[asyncpg.Record]:
    """Answers that were not read whole, by account and kind: account, kind, answers, since, cut, problem."""
    return await connection.fetch(QUERIES.kept)


async def forget(connection: Connection, before: datetime, most_bytes: int) -> int:
    """Drop answers older than `before`, and the oldest above `most_bytes`; how many."""
    return int((await connection.execute(QUERIES.forget, before, most_bytes)).split()[-1])


async def quarantine(connection: Connection, account: int, words: Mapping[str, tuple[int, str]], now: datetime) -> None:
    """Count unknown words: word to (how often, provider id of one message)."""
    counts, ids = [count for count, _ in words.values()], [provider_id for _, provider_id in words.values()]
    await connection.execute(QUERIES.quarantine, account, list(words), counts, ids, now)


async def unknown_words(connection: Connection) -> list[asyncpg.Record]:
    """Every unknown word: account, adapter, word, seen, first_seen_at, last_seen_at, provider_id, mended_at."""
    return await connection.fetch(QUERIES.unknown_words)


async def mended(connection: Connection, account: int, words: Sequence[str], now: datetime) -> None:
    """The adapter knows these words now."""
    await connection.execute(QUERIES.mended, account, list(words), now)


@dataclass(frozen=True, slots=True)
class Look:
    """One request: when, how it was asked, what came of it.

    `how` is lookup, references, listing, feed, queue or drain. `result` is ok or the kind of trouble. `covered` counts
    the messages it was about, which are in `messages` for a lookup, and sent from `since` until `until` for the others.
    `why` says why it was asked this way, which was expected to take `expected` requests, and another way `instead`.
    """

    at: datetime
    how: str
    result: str
    status: int | None
    milliseconds: int
    covered: int = 0
    reports: int = 0
    since: datetime | None = None
    until: datetime | None = None
    messages: tuple[int, ...] | None = None
    detail: str | None = None
    why: str | None = None
    expected: int | None = None
    instead: int | None = None


async def look(connection: Connection, account: int, looks: Sequence[Look]) -> None:
    """Write down requests."""
    await connection.execute(
        QUERIES.look,
        [one.at for one in looks],
        [account] * len(looks),
        [one.how for one in looks],
        [one.result for one in looks],
        [one.status for one in looks],
        [one.milliseconds for one in looks],
        [one.covered for one in looks],
        [one.reports for one in looks],
        [one.since for one in looks],
        [one.until for one in looks],
        # An array of arrays must be rectangular, so each goes as its text.
        [None if one.messages is None else f"{{{','.join(map(str, one.messages))}}}" for one in looks],
        [one.detail for one in looks],
        [one.why for one in looks],
        [one.expected for one in looks],
        [one.instead for one in looks],
    )


async def looks_of(
    connection: Connection, account: int, message: int, sent_at: datetime, since: datetime, until: datetime
) -> list[asyncpg.Record]:
    """The requests that covered one message, oldest first."""
    return await connection.fetch(QUERIES.looks_of, account, message, sent_at, since, until)


async def requests(connection: Connection, since: datetime) -> list[asyncpg.Record]:
    """For each account since a time: name, requests, covered, failed."""
    return await connection.fetch(QUERIES.requests, since)


async def latest(connection: Connection, since: datetime) -> list[asyncpg.Record]:
    """The last request of each account since a time: name, at, how, result, status, milliseconds, covered, detail."""
    return await connection.fetch(QUERIES.latest, since)


async def served(connection: Connection, since: datetime) -> dict[int, int]:
    """How many messages the requests of each account were about since a time, by its number."""
    return {row["account"]: row["messages"] for row in await connection.fetch(QUERIES.served, since)}

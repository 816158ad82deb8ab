"""Messages as people read them: found by any of their names, and by communication, a page at a time."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg

from rules.state import State
from rules.statuses import Engagement, Reason
from store.connections import Connection
from store.queries import Queries

QUERIES = Queries("messages")
EVENTS = Queries("events")

#: Rows fetched at once when a whole communication is read.
PAGE = 2000


@dataclass(frozen=True, slots=True)
class Class:
    """How many messages of a communication stand the same way."""

    channel: int
    heard: int
    reason: Reason
    messages: int


async def find(connection: Connection, name: str) -> list[asyncpg.Record]:
    """Messages whose number, reference or provider id is `name`; at most 20."""
    return await connection.fetch(QUERIES.find, name)


async def numbered(connection: Connection, number: int) -> asyncpg.Record | None:
    """The message of a number, as `find` has it; None if there is none."""
    if not 0 < number < 1 << 63:
        return None
    return await connection.fetchrow(QUERIES.numbered, number)


async def near(connection: Connection, name: str) -> list[str]:
    """Names of messages beside `name` in the order of names: what a mistyped one may have meant."""
    return [row["name"] for row in await connection.fetch(QUERIES.near, name)]


def state(row: asyncpg.Record) -> State:
    """The state that a row of `message` holds."""
    return State(
        heard=row["heard"],
        status_at=row["status_at"],
        cause=(row["cause_at"], Reason(row["reason"]), row["code"]) if row["cause_at"] else None,
        engagement=tuple(row[kind.word] for kind in Engagement),
        response=(row["response_at"], row["response"]) if row["response_at"] else None,
        attempts=row["attempts"],
        last_attempt_at=row["last_attempt_at"],
    )


async def watch_of(connection: Connection, account: int, message: int) -> asyncpg.Record | None:
    """The watch of an open message; None if it is settled."""
    return await connection.fetchrow(QUERIES.watch_of, account, message)


async def events_of(connection: Connection, account: int, message: int) -> list[asyncpg.Record]:
    """Everything that was said about a message, in the order in which it was heard."""
    return await connection.fetch(EVENTS.of_message, account, message)


async def communication(connection: Connection, name: str) -> int | None:
    """The number of a communication."""
    number: int | None = await connection.fetchval(QUERIES.communication, name)
    return number


async def communications(connection: Connection, limit: int) -> list[str]:
    """The names of the newest communications."""
    return [row["name"] for row in await connection.fetch(QUERIES.communications, limit)]


async def communications_before(connection: Connection, number: int | None, limit: int) -> list[asyncpg.Record]:
    """Communications (id, name) from the newest on, or from before one on."""
    return await connection.fetch(QUERIES.communications_before, number, limit)


async def classes(connection: Connection, number: int) -> list[Class]:
    """How many messages of a communication stand in each way that a vocabulary can tell apart, archived ones too.

    A way comes twice where some of its messages are here and others are not.
    """
    rows = await connection.fetch(QUERIES.classes, number)
    return [Class(row["channel"], row["heard"], Reason(row["reason"]), row["messages"]) for row in rows]


async def page(connection: Connection, number: int, after: int, limit: int) -> list[asyncpg.Record]:
    """Messages of a communication in the order of recording, after the message `after`."""
    return await connection.fetch(QUERIES.page, number, after, limit)


async def all_of(connection: Connection, number: int) -> AsyncIterator[asyncpg.Record]:
    """Every message of a communication, in the order of recording, with little memory."""
    after = 0
    while rows := await page(connection, number, after, PAGE):
        for row in rows:
            yield row
        after = rows[-1]["id"]

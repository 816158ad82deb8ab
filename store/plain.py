"""Plain rows of the inbox: recorded where they are, in one statement, and never brought to the program."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from store.connections import Connection
from store.inbox import QUERIES, Place


@dataclass(frozen=True, slots=True)
class Route:
    """How plain rows of one account and channel are recorded; the numbers are those of the database.

    `allowance` is in seconds, as are the ages of a message at its `earliest` and `latest` first look: chance decides
    between them. `ids` is the pattern of provider ids that need no other spelling.
    """

    account: int
    channel: int
    allowance: int
    earliest: float
    latest: float
    ids: str


@dataclass(frozen=True, slots=True)
class Plain:
    """What came of taking rows and recording the plain ones: how many were taken, how many recorded, and the others.

    `last` is where the last row lay; None without any. `accounts` are those of the messages recorded, whose numbers lie
    between `first_id` and `last_id`.
    """

    taken: int
    new: int
    rows: list[asyncpg.Record]
    last: Place | None
    accounts: list[int]
    first_id: int
    last_id: int


async def take_plain(connection: Connection, limit: int, place: Place, now: datetime, routes: str) -> Plain:
    """Take rows as `take` does, and record the plain ones. `routes` is JSON: each `Route` by its account and channel.

    The plain ones are the first about messages that were sent, of which nothing else is said but how they are named.
    """
    rows = await connection.fetch(QUERIES.take_plain, limit, place, now, routes)
    counts = rows[0]
    return Plain(
        counts["taken"],
        counts["new"],
        [row for row in rows if row["id"] is not None],
        counts["last"],
        counts["accounts"] or [],
        counts["first_new"] or 0,
        counts["last_new"] or 0,
    )


async def early_among(connection: Connection, plain: Plain) -> dict[int, set[tuple[str, str]]]:
    """Names of messages just recorded that have words waiting, as (provider id, part), by account."""
    found: dict[int, set[tuple[str, str]]] = {}
    for row in await connection.fetch(QUERIES.early_among, plain.accounts, plain.first_id, plain.last_id):
        found.setdefault(row["account"], set()).add((row["provider_id"], row["part"]))
    return found

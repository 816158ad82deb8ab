"""Which addresses are blocked, and why. The facts come from `apply`; these are the questions and a person's changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from rules.hashing import PLAIN, Hashing
from store.connections import Connection
from store.hashing import spellings
from store.queries import Queries

QUERIES = Queries("suppression")


@dataclass(frozen=True, slots=True)
class Fact:
    """Why an address is blocked. `bits` as in `rules.reports.Word`; 0 where a person added it."""

    channel: int
    recipient: str
    account: int = 0
    message: int = 0
    bits: int = 0
    reason: int = 0
    detail: str = ""


async def blocked_among(
    connection: Connection, addresses: Sequence[tuple[int, str]], hashing: Hashing = PLAIN
) -> set[tuple[int, str]]:
    """Which of these (channel, normal recipient) are blocked now, as they are or under their hash."""
    if not addresses:
        return set()
    spelled = [(address, one) for address in addresses for one in spellings(hashing, address[1])]
    channels, recipients = [address[0] for address, _ in spelled], [one for _, one in spelled]
    rows = await connection.fetch(QUERIES.blocked_among, channels, recipients)
    return {spelled[row["n"] - 1][0] for row in rows}


async def add(
    connection: Connection, facts: Sequence[tuple[Fact, datetime]], now: datetime, by: str | None = None
) -> int:
    """Keep facts, each with the time its message was sent; how many were new."""
    done = await connection.execute(
        QUERIES.add,
        [fact.channel for fact, _ in facts],
        [fact.recipient for fact, _ in facts],
        [fact.account for fact, _ in facts],
        [fact.message for fact, _ in facts],
        [fact.bits for fact, _ in facts],
        [fact.reason for fact, _ in facts],
        [fact.detail for fact, _ in facts],
        [sent_at for _, sent_at in facts],
        now,
        by,
    )
    return int(done.split()[-1])


async def heard(connection: Connection, messages: Sequence[tuple[int, int]]) -> list[tuple[Fact, datetime]]:
    """What was heard of messages, each (account, id): facts to `add` where that blocks, with the times of sending."""
    columns = [message[0] for message in messages], [message[1] for message in messages]
    rows = await connection.fetch(QUERIES.heard, *columns)
    return [
        (
            Fact(
                row["channel"],
                row["recipient"],
                row["account"],
                row["id"],
                1 << row["kind"],
                row["reason"],
                row["detail"],
            ),
            row["since"],
        )
        for row in rows
    ]


async def unblock(connection: Connection, channel: int, recipient: str, now: datetime, by: str, note: str) -> bool:
    """A person unblocks an address; only messages sent later block it again. False if nothing had blocked it."""
    return bool(await connection.fetchval(QUERIES.unblock, channel, recipient, now, by, note))


async def page(connection: Connection, channel: int | None, after: tuple[str, int], limit: int) -> list[asyncpg.Record]:
    """Blocked addresses in their order, after (recipient, channel).

    Each has channel, recipient, since, proofs, bits, reason, message, added_by.
    """
    return await connection.fetch(QUERIES.page, channel, *after, limit)


async def proof(connection: Connection, channel: int, recipient: str) -> list[asyncpg.Record]:
    """Everything that blocked or unblocked an address, oldest first."""
    return await connection.fetch(QUERIES.proof, channel, recipient)


async def one(connection: Connection, spellings: Sequence[str], channels: Sequence[int]) -> list[asyncpg.Record]:
    """As `page`, of one recipient on some channels, under any spelling."""
    return await connection.fetch(QUERIES.one, spellings, channels)


async def history(connection: Connection, spellings: Sequence[str], channels: Sequence[int]) -> list[asyncpg.Record]:
    """As `proof`, on some channels and under any spelling; `holds` says whether it blocks now."""
    return await connection.fetch(QUERIES.history, spellings, channels)


async def block_soft_bouncers(
    connection: Connection, channel: int, count: int, within: timedelta, seen_since: datetime, now: datetime
) -> int:
    """Block addresses with `count` soft bounces of different communications `within` a time, none delivered."""
    done = await connection.execute(QUERIES.soft_bouncers, channel, now - within, count, seen_since, now)
    return int(done.split()[-1])

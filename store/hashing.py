"""Recipients kept as keyed hashes: that everybody has the same key, who was erased, and hashing what is still plain."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from rules.hashing import Hashing
from store.connections import Connection
from store.deadlocks import outlast
from store.queries import Queries

QUERIES = Queries("hashing")

#: Rows hashed in one transaction, so that no lock lasts.
CHUNK = 500

#: A channel and a normal recipient, or only the recipient.
Address = tuple[int | None, str]


class WrongKey(Exception):
    """Recipients in the database are hashed with another key than ours, or we have none."""


async def agreed(connection: Connection, hashing: Hashing) -> Hashing:
    """`hashing`, with everyone hashed if the database says so. Raises WrongKey where it has another key."""
    known = await connection.fetchrow(QUERIES.known)
    if known is None:
        return hashing
    if hashing.key is None:
        msg = (
            "recipients in this database are hashed with a key, and there is none here: set LANDED_RECIPIENT_KEY to it"
            " (or LANDED_RECIPIENT_KEY_FILE to its file)"
        )
        raise WrongKey(msg)
    if known["proof"] != hashing.proof:
        msg = (
            "LANDED_RECIPIENT_KEY is another key than the one with which recipients in this database are hashed: set"
            " that one"
        )
        raise WrongKey(msg)
    return replace(hashing, everyone=hashing.everyone or known["everyone"])


async def begin(connection: Connection, hashing: Hashing, now: datetime) -> None:
    """Note the key with which recipients are hashed from now on. Raises WrongKey."""
    await connection.execute(QUERIES.begin, hashing.proof, hashing.everyone, now)
    await agreed(connection, hashing)


async def keep(connection: Connection, hashing: Hashing, now: datetime) -> None:
    """Keep recipients as `hashing` says from now on: what blocks them at once. Raises WrongKey."""
    await agreed(connection, hashing)
    if hashing.key is None:
        return
    if hashing.everyone:
        await begin(connection, hashing, now)
        await hash_blocked(connection, hashing)
    await connection.execute(QUERIES.everyone, hashing.everyone, now)


async def kept(connection: Connection, hashing: Hashing, addresses: Sequence[Address]) -> Mapping[Address, str]:
    """Under which spelling each of these recipients is kept: its own, or its hash."""
    if hashing.everyone:
        return {address: hashing.hash(address[1]) for address in addresses}
    erased = await erased_among(connection, hashing, addresses)
    return {address: hashing.hash(address[1]) if address in erased else address[1] for address in addresses}


async def erased_among(connection: Connection, hashing: Hashing, addresses: Sequence[Address]) -> set[Address]:
    """Which of these recipients were erased, on any channel where none is named."""
    if hashing.key is None or not addresses:
        return set()
    hashes = [hashing.hash(recipient) for _, recipient in addresses]
    rows = await connection.fetch(QUERIES.erased_among, [channel for channel, _ in addresses], hashes)
    return {addresses[row["n"] - 1] for row in rows}


def spellings(hashing: Hashing, recipient: str) -> list[str]:
    """Every spelling under which what is known of a normal recipient may be kept."""
    return [recipient] if hashing.key is None else list(dict.fromkeys([recipient, hashing.hash(recipient)]))


#: An account, provider id, reference and part that name a message, where the ids may be missing.
Names = tuple[int, str | None, str | None, str]


async def there_among(connection: Connection, names: Sequence[Names]) -> set[Names]:
    """Which of these messages are recorded. None of them gets another name before the transaction ends."""
    if not names:
        return set()
    columns = [list(column) for column in zip(*names, strict=True)]
    return {names[row["n"] - 1] for row in await connection.fetch(QUERIES.there_among, *columns)}


async def join_in(connection: Connection) -> None:
    """Be seen by who waits for all that began before an erasure, also before anything is written."""
    await connection.execute(QUERIES.join_in)


async def hash_messages(connection: Connection, hashing: Hashing) -> int:
    """Hash the recipients of some messages that are still plain; how many. None are left when it says 0."""
    rows = await connection.fetch(QUERIES.plain_messages, CHUNK)
    columns = (
        [row["account"] for row in rows],
        [row["id"] for row in rows],
        [hashing.hash(row["recipient"]) for row in rows],
        [row["part"] and hashing.hash(row["part"]) for row in rows],
    )
    if rows:
        await outlast(connection, lambda: connection.fetchval(QUERIES.hash_messages, *columns))
    return len(rows)


async def hash_blocked(connection: Connection, hashing: Hashing) -> int:
    """Hash every address that blocks or was unblocked and is still plain; how many."""
    done = 0
    while rows := await connection.fetch(QUERIES.plain_blocked, CHUNK):
        addresses = [(row["channel"], row["recipient"]) for row in rows]
        await rename(connection, {address: hashing.hash(address[1]) for address in addresses})
        done += len(rows)
    return done


async def rename(connection: Connection, hashes: Mapping[tuple[int, str], str]) -> tuple[int, int]:
    """Keep what blocks these recipients, and their unblockings, under their hashes; how many rows of each.

    Texts that people wrote beside them go.
    """
    columns = [channel for channel, _ in hashes], [recipient for _, recipient in hashes], list(hashes.values())

    async def write() -> tuple[int, int]:
        async with connection.transaction():
            # Unblockings first, so that nobody is blocked in between.
            unblocked = await connection.execute(QUERIES.hash_unblocking, *columns)
            blocked = await connection.execute(QUERIES.hash_suppression, *columns)
        return int(blocked.split()[-1]), int(unblocked.split()[-1])

    return await outlast(connection, write)

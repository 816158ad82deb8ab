"""What a person or a program asks and changes about blocked addresses, however recipients are kept."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from rules.hashing import Hashing, is_hash
from rules.recipients import normal
from rules.statuses import Channel, Engagement, Reason, Status
from store import changes, hashing, suppression
from store.changes import By
from store.connections import Connection
from store.suppression import Fact

#: Columns of the list of blocked addresses.
COLUMNS = ("channel", "recipient", "since", "because", "proofs", "message", "added_by")


async def block(
    connection: Connection,
    hashes: Hashing,
    channel: Channel,
    recipients: Iterable[str],
    why: str,
    by: By,
) -> int:
    """Block addresses; how many were not blocked by a person at this moment already. Who did it is on record."""
    wanted = sorted({normal(recipient) for recipient in recipients if recipient.strip()})
    async with connection.transaction():
        if hashes.everyone:
            await hashing.begin(connection, hashes, by.at)
        spelled = await hashing.kept(connection, hashes, [(int(channel), recipient) for recipient in wanted])
        facts = [(Fact(channel, recipient, detail=why), by.at) for recipient in spelled.values()]
        blocked = await suppression.add(connection, facts, by.at, by.name)
        await changes.add(connection, by, "addresses_blocked", channel=channel.word, addresses=blocked)
    return blocked


async def block_all(connection: Connection, hashes: Hashing, addresses: Mapping[tuple[int, str], str], by: By) -> int:
    """Block those of these normal addresses that are not blocked yet, each with why; how many. It is on record.

    A recipient may be a hash already, as a list of another day has it.
    """
    async with connection.transaction():
        if hashes.everyone:
            await hashing.begin(connection, hashes, by.at)
        blocked = await suppression.blocked_among(connection, list(addresses), hashes)
        missing = [address for address in addresses if address not in blocked]
        plainly = [address for address in missing if not is_hash(address[1])]
        spelled = {address: address[1] for address in missing} | dict(await hashing.kept(connection, hashes, plainly))
        facts = [(Fact(one[0], spelled[one], detail=addresses[one]), by.at) for one in missing]
        await suppression.add(connection, facts, by.at, by.name)
        for channel, many in sorted(Counter(channel for channel, _ in missing).items()):
            await changes.add(connection, by, "addresses_blocked", channel=Channel(channel).word, addresses=many)
    return len(missing)


async def unblock(connection: Connection, hashes: Hashing, channel: Channel, recipient: str, note: str, by: By) -> bool:
    """Unblock an address; false if nothing blocks it. Who did it is on record."""
    address = (int(channel), normal(recipient))
    async with connection.transaction():
        if not await suppression.blocked_among(connection, [address], hashes):
            return False
        for spelled in await _to_unblock(connection, hashes, address):
            await suppression.unblock(connection, channel, spelled, by.at, by.name, note)
        await changes.add(connection, by, "address_unblocked", channel=channel.word)
    return True


async def _to_unblock(connection: Connection, hashes: Hashing, address: tuple[int, str]) -> set[str]:
    """The spelling under which messages to it are kept, and every one that is blocked."""
    both = [(address[0], one) for one in hashing.spellings(hashes, address[1])]
    blocked = {recipient for _, recipient in await suppression.blocked_among(connection, both)}
    return {*(await hashing.kept(connection, hashes, [address])).values()} | blocked


async def check(connection: Connection, hashes: Hashing, addresses: Sequence[tuple[Channel, str]]) -> list[bool]:
    """Whether each address is blocked, in their order."""
    asked = [(int(channel), normal(recipient)) for channel, recipient in addresses]
    blocked = await suppression.blocked_among(connection, list(dict.fromkeys(asked)), hashes)
    return [address in blocked for address in asked]


async def proofs(connection: Connection, hashes: Hashing, channel: Channel, recipient: str) -> list[dict[str, Any]]:
    """Everything that ever blocked or unblocked an address, oldest first."""
    spelled = hashing.spellings(hashes, normal(recipient))
    rows = [row for one in spelled for row in await suppression.proof(connection, channel, one)]
    return [proof(row) for row in sorted(rows, key=lambda row: row["at"])]


@dataclass(frozen=True, slots=True)
class Block:
    """What ever blocked or unblocked an address on one channel, oldest first. `since` is None if it is not blocked."""

    channel: str
    since: datetime | None
    because: str
    proofs: list[dict[str, Any]]


async def history(connection: Connection, hashes: Hashing, recipient: str) -> list[Block]:
    """Everything that ever blocked or unblocked a normal recipient, by channel."""
    rows = await suppression.history(connection, hashing.spellings(hashes, recipient), list(Channel))
    return [_block(channel, found) for channel in Channel if (found := [r for r in rows if r["channel"] == channel])]


def _block(channel: Channel, rows: Sequence[asyncpg.Record]) -> Block:
    first = next((row for row in rows if row["holds"]), None)
    proofs = [proof(row) for row in rows]
    if first is None:
        return Block(channel.word, None, "", proofs)
    return Block(channel.word, first["at"], because(first["bits"], first["reason"]), proofs)


async def one(connection: Connection, hashes: Hashing, recipient: str) -> list[asyncpg.Record]:
    """Rows as `suppression.page` has them, of one normal recipient on every channel on which it is blocked."""
    return await suppression.one(connection, hashing.spellings(hashes, recipient), list(Channel))


def plain(row: asyncpg.Record) -> dict[str, Any]:
    """A row of `suppression.page` in words."""
    return {
        "channel": Channel(row["channel"]).word,
        "recipient": row["recipient"],
        "since": row["since"],
        "because": because(row["bits"], row["reason"]),
        "proofs": row["proofs"],
        "message": row["message"] or None,
        "added_by": row["added_by"],
    }


def proof(row: asyncpg.Record) -> dict[str, Any]:
    """A row of `suppression.proof` in words."""
    why = None if row["bits"] is None else because(row["bits"], row["reason"])
    names = ("what", "at", "account", "detail", "by")
    said = {"because": why, "message": row["message"] or None, "code": row["code"] or None}
    return {name: row[name] for name in names} | said


def because(bits: int, reason: int) -> str:
    """What blocked an address, in the words of the model."""
    words = [kind.word.removesuffix("_at") for kind in Engagement if bits & kind.bit]
    words += [status.word for status in Status if bits & status.bit and not words]
    why = Reason(reason).word
    return ", ".join([*(words or ["a person"]), *([why] if why else [])])

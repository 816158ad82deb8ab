"""Erasing a person: their address and every text of theirs, wherever it is, without losing a count.

1. Note who is erased, by hash. From then on whatever is said of that recipient is kept under the hash.
2. Take address, response and the history's texts out of the messages; what blocks the address blocks its hash.
3. Do the same to what waits: rows of the inbox, rows put aside, reports whose message is not recorded.
4. Take the person out of raw answers, unknown words and names. An answer that was not read is read first.
5. Wait until everybody knows of 1, and do 2 and 3 again, for what was being written meanwhile.
6. Join the reports that waited under the old name, and keep the counts.

Safe to run twice, and to be killed at any line: running it again goes on.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg

from rules.hashing import Hashing
from store import accounts as rows
from store import erasing, hashing, reports
from store.connections import Connection, Pool, clock
from store.deadlocks import outlast
from store.erasing import CHUNK, Begun
from worker import erasing_texts
from worker.accounts import Account
from worker.person import Person, Said, person

#: How long to wait for transactions that began before.
PATIENCE = timedelta(seconds=30)

PAUSE = 0.1

#: What is counted, in the order in which it is told.
COUNTS = (
    "messages", "events", "blocks", "waiting_rows", "rows_put_aside", "early_reports", "answers", "unknown_words",
    "communications", "accounts",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """Whom to erase, on which channel (None: all), and who wants it."""

    recipient: str
    channel: int | None
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did. It is not `complete` while a transaction is open that began before it."""

    recipient: str
    counts: Mapping[str, int]
    complete: bool


@dataclass(slots=True)
class Erasing:
    """One erasure while it runs. `numbers` are those of all accounts, by name."""

    pool: Pool
    accounts: Mapping[str, Account]
    numbers: Mapping[str, int]
    person: Person
    now: datetime
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    #: The person's messages: account, and provider id or reference as they were before.
    names: set[tuple[int, str]] = field(default_factory=set)
    #: Reports to join, by account: provider id and part.
    waited: dict[int, set[tuple[str, str]]] = field(default_factory=dict)


async def erase(
    pool: Pool,
    accounts: Mapping[str, Account],
    hashes: Hashing,
    request: Request,
    patience: timedelta = PATIENCE,
) -> Erased:
    """Erase one person. Raises WrongKey, and ValueError where there is no key."""
    whom = person(request.recipient, request.channel, accounts, hashes)
    async with pool.acquire() as connection:
        now = await clock(connection)
        numbers = {row["name"]: row["id"] for row in await rows.everyone(connection)}
        await hashing.begin(connection, hashes, now)
        note = whom.mentions.struck(request.note)
        begun = await erasing.begin(connection, whom.hash, request.channel, now, request.by, note)
    this = Erasing(pool, accounts, numbers, whom, now)
    await _pass(this)
    this.counts |= await erasing_texts.erase(pool, accounts, numbers, whom, now)
    complete = await _wait(pool, begun, patience)
    await _pass(this)
    async with pool.acquire() as connection:
        for account, keys in this.waited.items():
            await reports.join_early(connection, account, now, keys)
        await erasing.finish(connection, begun, json.dumps(this.counts))
    return Erased(whom.hash, this.counts, complete)


async def _wait(pool: Pool, begun: Begun, patience: timedelta) -> bool:
    """Wait for transactions that may not know of it; false if one goes on for longer than that."""
    ends_at = asyncio.get_running_loop().time() + patience.total_seconds()
    async with pool.acquire() as connection:
        while not await erasing.is_over(connection, begun):
            if asyncio.get_running_loop().time() >= ends_at:
                return False
            await asyncio.sleep(PAUSE)
    return True


async def _pass(this: Erasing) -> None:
    """What others write to while it is erased."""
    async with this.pool.acquire() as connection:
        for step in (_messages, _blocked, _inbox, _strays, _early):
            await step(this, connection)


async def _messages(this: Erasing, connection: Connection) -> None:
    whom = this.person
    while found := await erasing.messages(connection, whom.spelled, whom.channel):
        await _erase(this, connection, found)
    without = {name for name, account in this.accounts.items() if not account.limits.parts}
    for name, number in this.numbers.items():
        if name not in without:
            found = await erasing.messages_by_part(connection, sorted(whom.parts), whom.channel, number)
            for start in range(0, len(found), CHUNK):
                await _erase(this, connection, found[start : start + CHUNK])


async def _erase(this: Erasing, connection: Connection, found: Sequence[asyncpg.Record]) -> None:
    """Some messages and their history, in one transaction, so that nothing comes in between."""
    this.names |= {(row["account"], name) for row in found for name in (row["provider_id"], row["reference"]) if name}
    erased = [this.person.message(row) for row in found]
    keys = [(one.account, one.id) for one in erased]

    async def write() -> tuple[int, int]:
        async with connection.transaction():
            messages = await erasing.erase_messages(connection, erased, this.now)
            codes = [code for code in await erasing.event_codes(connection, keys) if not this.person.code(code)]
            return messages, await erasing.erase_events(connection, keys, codes)

    messages, events = await outlast(connection, write)
    this.counts["messages"] += messages
    this.counts["events"] += events
    for one in erased:
        if one.part and one.provider_id:
            this.waited.setdefault(one.account, set()).add((one.provider_id, one.part))


async def _blocked(this: Erasing, connection: Connection) -> None:
    whom = this.person
    plain = sorted({*whom.spelled, *whom.parts} - {whom.hash})
    found = await erasing.blocked(connection, plain, whom.channel)
    blocked, _ = await hashing.rename(connection, dict.fromkeys(found, whom.hash))
    this.counts["blocks"] += blocked
    codes = [code for code in await erasing.blocking_codes(connection, whom.hash) if not whom.code(code)]
    await erasing.erase_blocked(connection, whom.hash, whom.channel, codes)


async def _inbox(this: Erasing, connection: Connection) -> None:
    async for page in erasing.inbox(connection):
        told = [(row["id"], _without(this, json.loads(row["said"]))) for row in page]
        changed = [(number, json.dumps(said)) for number, said in told if said is not None]
        if changed:
            this.counts["waiting_rows"] += await erasing.rewrite_inbox(connection, changed)


async def _strays(this: Erasing, connection: Connection) -> None:
    struck = this.person.mentions.struck
    async for page in erasing.strays(connection):
        changed: list[tuple[int, str, str | None, str]] = []
        for row in page:
            before: Said = {"received_at": row["received_at"], **json.loads(row["said"])}
            said = _without(this, before)
            account, problem = row["account"] and struck(row["account"]), struck(row["problem"])
            if said is not None or (account, problem) != (row["account"], row["problem"]):
                changed.append((row["id"], problem, account, json.dumps(before if said is None else said)))
        if changed:
            this.counts["rows_put_aside"] += await erasing.rewrite_strays(connection, changed)


def _without(this: Erasing, said: Said) -> Said | None:
    """What a sender's row says without the person; None if that is all that it says."""
    return this.person.without(said, theirs=this.person.is_named(said) or _is_about_them(this, said))


def _is_about_them(this: Erasing, said: Said) -> bool:
    """Whether a row names one of the messages that were erased."""
    name = str(said.get("account") or "")
    if name not in this.numbers:
        return False
    number, account = this.numbers[name], this.accounts.get(name)
    provider_id = str(said.get("provider_id") or "")
    if account is not None:
        # Where an id covers several recipients, only the part tells whom a row is about.
        provider_id = "" if account.limits.parts else account.adapter.normal_id(provider_id)
    return not {(number, provider_id), (number, str(said.get("reference") or ""))}.isdisjoint(this.names)


async def _early(this: Erasing, connection: Connection) -> None:
    async for page in erasing.early(connection):
        changed = [one for one in (_early_without(this, row) for row in page) if one is not None]
        if changed:
            await erasing.rewrite_early(connection, changed)
            this.counts["early_reports"] += len(changed)


def _early_without(this: Erasing, row: asyncpg.Record) -> tuple[int, str, str, str] | None:
    """Number, provider id, part and code of a report that waits, without the person; None if it need not change."""
    whom = this.person
    texts = (row["provider_id"], row["part"], row["code"], row["response"], row["detail"])
    if row["part"] not in whom.parts and not any(map(whom.mentions.are_in, texts)):
        return None
    part = whom.hashing.hash(row["part"]) if row["part"] in whom.parts else whom.hide(row["part"]) or ""
    told = (whom.hide(row["provider_id"]) or "", part, whom.code(row["code"]))
    this.waited.setdefault(row["account"], set()).add(told[:2])
    return None if (*told, "", "") == texts else (row["id"], *told)

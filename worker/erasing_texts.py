"""Erasing a person from texts that hold many people: raw answers, unknown words, names of communications."""

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from store import accounts as rows
from store import erasing, journal
from store.connections import Connection, Pool
from worker.accounts import Account
from worker.person import Person
from worker.reread import again


async def erase(
    pool: Pool, accounts: Mapping[str, Account], numbers: Mapping[str, int], whom: Person, now: datetime
) -> dict[str, int]:
    """Take the person out of every such text; how many of each held them."""
    by_number = {number: accounts[name] for name, number in numbers.items() if name in accounts}
    async with pool.acquire() as connection:
        return {
            "answers": await _answers(pool, connection, by_number, whom, now),
            "unknown_words": await _words(connection, whom),
            "communications": await _communications(connection, whom),
            "accounts": await _accounts(connection, whom),
        }


async def _answers(
    pool: Pool, connection: Connection, accounts: Mapping[int, Account], whom: Person, now: datetime
) -> int:
    """An answer that was read goes, if it mentions the person; of one that waits to be read, what it says of them."""
    count = 0
    async for page in erasing.answers(connection):
        for row in page:
            if _is_in(whom, row):
                count += 1
                if row["read_at"] is None and row["account"] in accounts:
                    await _read(pool, connection, accounts[row["account"]], row["id"], now)
                await _prune(connection, row, whom)
    return count


def _is_in(whom: Person, row: asyncpg.Record) -> bool:
    texts = (row["what"], row["headers"], row["problem"])
    return any(map(whom.mentions.are_in, texts)) or whom.mentions.pruned(row["body"]) != row["body"]


async def _read(pool: Pool, connection: Connection, account: Account, number: int, now: datetime) -> None:
    """Apply what is understood of an answer, because nobody will be able to later."""
    for row in await journal.unread(connection, None, number - 1, now, 1):
        if row["id"] == number and not row["cut"]:
            await again(pool, account, row, now, set())


async def _prune(connection: Connection, row: asyncpg.Record, whom: Person) -> None:
    waits = await erasing.is_unread(connection, row["id"])
    what, body = whom.mentions.pruned(row["what"].encode()), whom.mentions.pruned(row["body"])
    if not waits or what is None or body is None or whom.mentions.are_in(row["headers"]):
        await journal.drop(connection, row["id"])
    else:
        problem = whom.mentions.struck(row["problem"])
        await erasing.rewrite_answer(connection, row["id"], what.decode(), body, problem)


async def _words(connection: Connection, whom: Person) -> int:
    count = 0
    async for page in erasing.words(connection):
        for row in page:
            if whom.mentions.are_in(row["word"]):
                count += 1
                await erasing.rewrite_word(connection, row["account"], row["word"], whom.mentions.struck(row["word"]))
    return count


async def _communications(connection: Connection, whom: Person) -> int:
    count = 0
    async for page in erasing.communications(connection):
        for row in page:
            if whom.mentions.are_in(row["name"]):
                count += 1
                await erasing.rewrite_communication(connection, row["id"], whom.mentions.struck(row["name"]))
    return count


async def _accounts(connection: Connection, whom: Person) -> int:
    count = 0
    for row in await rows.everyone(connection):
        said = row["trouble_said"], row["paused_why"]
        trouble, why = (text and whom.mentions.struck(text) for text in said)
        if (trouble, why) != said:
            count += 1
            await erasing.rewrite_account(connection, row["id"], trouble, why)
    return count

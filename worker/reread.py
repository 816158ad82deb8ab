"""Reading kept answers again: drains that a crash left unread, and, once an adapter is mended, what it did not know.

Everything in an answer is applied again. A state is a join, so what was applied before changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import httpx
import msgspec
import structlog

from adapters.base import Page
from adapters.errors import AskError
from rules.statuses import Source
from store import journal
from store.connections import Pool, clock
from worker import asked, writing
from worker.accounts import Account
from worker.desk import Desk
from worker.keeping import without_addresses
from worker.nobody import Nobody
from worker.writing import Tally

#: Answers read from the journal at once.
CHUNK = 20

#: A drained answer that is still unread after this long was left by a crash.
LEFT_BEHIND = timedelta(minutes=2)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reread:
    """What reading again did: answers read whole, answers still not understood, messages written."""

    read: int = 0
    left: int = 0
    written: int = 0


async def reread(
    pool: Pool,
    accounts: Mapping[str, Account],
    account_name: str | None = None,
    *,
    drains_only: bool = False,
) -> Reread:
    """Read kept answers again, of one account or of all. `drains_only`: just those that a crash left unread."""
    async with pool.acquire() as connection:
        now = await clock(connection)
    before = now - LEFT_BEHIND if drains_only else now
    done, after = Reread(), 0
    unknown: dict[str, set[str]] = {}
    while True:
        async with pool.acquire() as connection:
            kind: journal.Kind | None = "drain" if drains_only else None
            rows = await journal.unread(connection, None, after, before, CHUNK, kind)
        for row in rows:
            account = accounts.get(row["name"])
            if account is not None and account_name in (None, row["name"]) and not row["cut"]:
                done = _plus(done, await again(pool, account, row, now, unknown.setdefault(row["name"], set())))
            after = row["id"]
        if len(rows) < CHUNK:
            break
    if not drains_only:
        await _mended(pool, accounts, unknown, now)
    return done


def _plus(one: Reread, other: Reread) -> Reread:
    return Reread(one.read + other.read, one.left + other.left, one.written + other.written)


async def again(pool: Pool, account: Account, row: asyncpg.Record, now: datetime, unknown: set[str]) -> Reread:
    """Read one answer of the journal; whatever is still not understood keeps it there, and is added to `unknown`."""
    try:
        page = _read(account, row)
    except (AskError, ValueError, KeyError, msgspec.ValidationError) as error:
        log.warning("answer_still_unreadable", account=account.name, answer=row["id"], problem=str(error)[:200])
        await _keep(pool, row, "unreadable", str(error))
        return Reread(left=1)
    tally = Tally()
    desk = Desk(pool, account, row["account"], Nobody())
    known = [report for report in page.reports if not report.unknown]
    # What a crash left was never counted; everything else was, when it came.
    said = page.reports if row["kind"] == "drain" else known
    # Its own time stands for the provider's where that gave none.
    await writing.join(desk, said, (), row["at"], Source.POLL, tally)
    kept = map(without_addresses, page.reports) if account.hashing.everyone else page.reports
    unknown.update(report.unknown for report in kept if report.unknown)
    whole = len(known) == len(page.reports) and not page.unreadable
    if whole:
        async with pool.acquire() as connection:
            if account.hashing.key is not None:
                # It holds addresses, and nobody needs it any more.
                await journal.drop(connection, row["id"])
            else:
                await journal.mark_read(connection, row["id"], now, row["kind"], None)
    elif page.unreadable:
        await _keep(pool, row, "unreadable", "; ".join(page.unreadable[:5]))
    else:
        await _keep(pool, row, "unknown", "unknown words")
    return Reread(int(whole), int(not whole), tally.written)


async def _keep(pool: Pool, row: asyncpg.Record, kind: journal.Kind, problem: str) -> None:
    """Keep what a crash left until the adapter is mended, so that it is not read over and over."""
    if row["kind"] == "drain":
        async with pool.acquire() as connection:
            await journal.mark_read(connection, row["id"], None, kind, problem)


def _read(account: Account, row: asyncpg.Record) -> Page:
    what = asked.parse(msgspec.json.decode(row["what"]))
    response = httpx.Response(
        row["status"],
        headers=msgspec.json.decode(row["headers"], type=dict[str, str]),
        content=row["body"],
        request=account.adapter.ask(what),
    )
    return account.adapter.read(what, response)


async def _mended(pool: Pool, accounts: Mapping[str, Account], unknown: Mapping[str, set[str]], now: datetime) -> None:
    """Words in quarantine that no kept answer shows as unknown any more are mended."""
    async with pool.acquire() as connection:
        for row in await journal.unknown_words(connection):
            name = row["account"]
            if name not in accounts or name not in unknown or row["mended_at"] is not None:
                continue
            if row["word"] not in unknown[name]:
                await journal.mended(connection, row["account_id"], [row["word"]], now)

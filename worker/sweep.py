"""The sweep: settles what polls leave open past its deadline, for one account.

1. See whether the provider can be asked. If not, what still waits for its last look waits up to the hard limit.
2. Read overdue messages, some pages a pass, from where the last pass ended. Nothing is locked.
3. Lock those that may be settled, skipping what is being written just now, see again, and settle them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from rules.deadlines import HARD_LIMIT
from rules.statuses import Source
from store import accounts, reports, watches
from store.connections import Connection, Pool, clock
from store.reports import Said
from store.watches import BEGINNING, Overdue, Place
from worker import settling
from worker.accounts import Account
from worker.settling import Standing, Terms

#: Rows locked at once. Larger chunks make applies wait longer and gain nothing.
CHUNK = 2000

#: Chunks a pass, so that a large backlog of one account never holds up the others.
CHUNKS = 5

START: Place = (BEGINNING, 0)

#: What settling depends on in an account that is not configured any more: it cannot be asked.
GONE = Terms(timedelta(), None, HARD_LIMIT, confirms=True, asks=False)


@dataclass(frozen=True, slots=True)
class Swept:
    """What a pass did, and where the next one goes on."""

    looked_at: int
    settled: int
    place: Place


async def sweep(pool: Pool, name: str, account: Account | None, after: Place = START) -> Swept:
    """One pass over the overdue messages of an account; `account` is None if it is not configured."""
    async with pool.acquire() as connection:
        now = await clock(connection)
        row = await accounts.named(connection, name)
        if row is None:
            return Swept(0, 0, START)
        terms = _terms(account, row)
        seen = settled = 0
        for _ in range(CHUNKS):
            page = await watches.overdue(connection, row["id"], now - terms.lag, after, CHUNK)
            ready = [one.id for one in page if settling.settle(_standing(one, account), terms, now) is not None]
            if ready:
                settled += await _settle(connection, row["id"], account, terms, now, ready)
            seen += len(page)
            if len(page) < CHUNK:
                return Swept(seen, settled, START)
            after = (page[-1].deadline_at, page[-1].id)
    return Swept(seen, settled, after)


def _terms(account: Account | None, row: asyncpg.Record) -> Terms:
    if account is None:
        return GONE
    held = row["paused_at"] is not None or row["trouble"] is not None or account.paused
    return account.terms(asks=not held, read_until=row["read_until"])


async def _settle(
    connection: Connection, number: int, account: Account | None, terms: Terms, now: datetime, ids: Sequence[int]
) -> int:
    """Settle these messages as far as that is still right once they are locked; how many were."""
    async with connection.transaction():
        held = await watches.hold(connection, number, ids)
        words = [(one, settling.settle(_standing(one, account), terms, now)) for one in held]
        said = [Said(word, one.provider_id, one.part, one.id) for one, word in words if word is not None]
        return (await reports.apply(connection, number, Source.SWEEP, now, said)).settled


def _standing(row: Overdue, account: Account | None) -> Standing:
    return Standing(
        row.heard,
        row.sent_at,
        row.deadline_at,
        row.looked_at,
        row.found,
        account is None or account.can_ask(row.provider_id, row.reference),
        account is not None and account.limits.streams and bool(row.provider_id),
    )

"""The sweep: settles what polls leave open past its deadline, for one account.

1. See whether the provider can be asked. If not, what still waits for its last look waits up to the hard limit.
2. Go over overdue messages, some pages a pass, from where the last pass ended, and settle those that may be: each page
   in one statement, which locks nothing else and skips what is being written just now.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rules.deadlines import HARD_LIMIT
from rules.schedules import remembered
from store import accounts, reports
from store.connections import Pool, clock
from store.reports import Terms
from store.watches import BEGINNING, Place
from worker.accounts import Account

#: Rows locked at once. Larger chunks make applies wait longer and gain nothing.
CHUNK = 2000

#: Chunks a pass, so that a large backlog of one account never holds up the others.
CHUNKS = 5

START: Place = (BEGINNING, 0)


#: The terms of an account that is not configured any more: it cannot be asked now, and could be once it is again.
GONE = Terms(
    timedelta(),
    None,
    HARD_LIMIT,
    confirms=True,
    asks=False,
    by_id=True,
    by_reference=True,
    streams=False,
    read_until=None,
)


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
        held = row["paused_at"] is not None or row["trouble"] is not None
        on = GONE if account is None else terms(account, asks=not held, read_until=row["read_until"])
        seen = settled = 0
        for _ in range(CHUNKS):
            done = await reports.settle(connection, row["id"], now, after, CHUNK, on)
            seen, settled, after = seen + done.seen, settled + done.settled, done.place
            if done.seen < CHUNK:
                return Swept(seen, settled, START)
    return Swept(seen, settled, after)


def terms(account: Account, *, asks: bool, read_until: datetime | None) -> Terms:
    """On what terms messages of `account` may be settled. `asks`: nothing but its own setting keeps it from asking."""
    limits = account.limits
    return Terms(
        limits.lag,
        None if limits.retention is None else remembered(limits.retention),
        account.hard_limit,
        limits.confirms,
        asks=asks and not account.paused,
        by_id=bool(limits.ids or limits.listing),
        by_reference=bool(limits.references),
        streams=limits.streams,
        read_until=read_until,
    )

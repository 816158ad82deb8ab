"""Open messages in large numbers, for what works on the open alone."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from bench.filling import SENT_AT
from store.connections import Connection
from store.queries import Queries

QUERIES = Queries("waiting", Path(__file__).parent / "queries")

#: Rows of one statement, so that there is something to say on the way.
STEP = 500_000

#: Seconds that filling and vacuuming may take.
PATIENCE = 3600


async def fill(
    connection: Connection,
    account: int,
    count: int,
    note: Callable[[str], None],
    *,
    sent_at: datetime = SENT_AT,
    messages: int = 0,
    last_look: timedelta | None = None,
) -> None:
    """`count` watches, sent a millisecond apart from `sent_at` on, and the first `messages` of their messages.

    With `last_look` each was looked at for the last time so long after its deadline.
    """
    communication = await connection.fetchval("insert into landed.communication (name) values ('bench') returning id")
    for first in range(1, count + 1, STEP):
        note(f"recording open messages: {first - 1:,} of {count:,}")
        last = min(first + STEP - 1, count)
        await connection.execute(QUERIES.watch, account, first, last, sent_at, last_look, timeout=PATIENCE)
        if first <= messages:
            last = min(last, messages)
            await connection.execute(QUERIES.message, account, first, last, communication, timeout=PATIENCE)
    note("vacuuming")
    await connection.execute("vacuum (freeze, analyze)", timeout=PATIENCE)

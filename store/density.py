"""How many messages an account's listing showed, by the minute in which they were sent."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from store.connections import Connection
from store.deadlocks import outlast
from store.queries import Queries

QUERIES = Queries("density")

#: How long before the newest minute others are kept.
KEPT = timedelta(days=2)


async def of(connection: Connection, account: int) -> dict[datetime, float]:
    """What is known of an account, by the start of each minute."""
    return {row["at"]: row["messages"] for row in await connection.fetch(QUERIES.of, account)}


async def keep(connection: Connection, account: int, news: Mapping[datetime, float]) -> None:
    """Keep what was learnt."""
    minutes, messages, oldest = list(news), list(news.values()), max(news) - KEPT
    await outlast(connection, lambda: connection.execute(QUERIES.keep, account, minutes, messages, oldest))

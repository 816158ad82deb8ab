"""Everything that an operator wants to know of all accounts at once."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from store import backlog, journal, settlings, standing, usage
from store.connections import Connection, clock
from store.standing import Configured

#: How far back a delay is one of now, and how far back the last request is looked for.
NOW, EVER = timedelta(hours=1), timedelta(days=7)


async def overview(connection: Connection, configured: Mapping[str, Configured]) -> list[dict[str, Any]]:
    """Every account that is configured or known: how it stands, its breaker, its backlog, and its quota."""
    found = await standing.everyone(connection, configured)
    used, stand = await usage.usage(connection, configured), await backlog.standing(connection, configured)
    return [{**one, **stand.get(one["name"], backlog.UNSEEN), "quota": used.get(one["name"])} for one in found]


async def lately(connection: Connection, accounts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same accounts, each with its delay of the last hour and its last request; None where there is none."""
    now = await clock(connection)
    delays = await settlings.lately(connection, now - NOW)
    requests = {row["name"]: dict(row) for row in await journal.latest(connection, now - EVER)}
    return [{**one, "delay": delays.get(one["name"]), "request": requests.get(one["name"])} for one in accounts]

"""How the breakers of accounts stand, and what becomes of those whose quota does not suffice, for people."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from rules import breaker
from rules.breaker import Stand
from rules.forecast import Backlog, forecast
from store import accounts, journal
from store.connections import Connection, clock
from store.standing import Configured

#: How far back it is counted how many messages were asked about.
LATELY = timedelta(minutes=10)

#: An account that no worker has seen yet.
UNSEEN: dict[str, Any] = {"breaker": Stand.CLOSED, "failures": 0, "backlog": None}


async def standing(connection: Connection, configured: Mapping[str, Configured]) -> dict[str, dict[str, Any]]:
    """By account: how its breaker stands, and its backlog while the quota does not suffice."""
    now = await clock(connection)
    known = {row["name"]: dict(row) for row in await accounts.everyone(connection)}
    served = await journal.served(connection, now - LATELY)
    return {
        name: {
            "breaker": _stand(row, configured.get(name), now),
            "failures": row["failures"],
            "backlog": _backlog(row, configured.get(name), served.get(row["id"], 0) / LATELY.total_seconds()),
        }
        for name, row in known.items()
    }


def _stand(row: Mapping[str, Any], account: Configured | None, now: datetime) -> Stand:
    refused = row["refused_settings"]
    return breaker.stand(
        now,
        failures=row["failures"],
        ask_after=row["ask_after"],
        easing=row["easing"],
        is_refused=account is not None and refused is not None and refused == account.fingerprint,
    )


def _backlog(row: Mapping[str, Any], account: Configured | None, served: float) -> dict[str, Any] | None:
    """Messages a second: those that become due, and those asked about. `requests` is what the quota allows."""
    if row["backlog_at"] is None:
        return None
    counted = Backlog(row["backlog_at"], row["backlog"], row["backlog_growth"])
    foreseen = forecast(counted, row["missed_from"])
    sustained = None if account is None else account.sustained
    return {
        "since": row["short_since"],
        "messages": counted.messages,
        "counted_at": counted.at,
        "becoming_due": round(max(served + (counted.growth or 0.0), 0.0), 3),
        "asked_about": round(served, 3),
        "requests": None if sustained is None else round(sustained, 3),
        "grows_by_an_hour": foreseen.grows_by,
        "lasts_until": foreseen.lasts_until,
        "last_looks_missed_from": foreseen.missed_from,
    }

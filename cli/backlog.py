"""How the breakers of accounts stand, and what becomes of those whose quota does not suffice, for `accounts`."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from cli.output import count
from rules import breaker
from rules.breaker import Stand
from rules.forecast import Backlog, forecast
from rules.times import iso
from store import accounts as rows
from store import journal
from store.connections import Connection, clock
from worker.accounts import Account
from worker.due import sustained

#: How far back it is counted how many messages were asked about.
LATELY = timedelta(minutes=10)


async def standing(connection: Connection, accounts: Mapping[str, Account]) -> dict[str, dict[str, Any]]:
    """By account: how its breaker stands, and its backlog while the quota does not suffice."""
    now = await clock(connection)
    known = {row["name"]: dict(row) for row in await rows.everyone(connection)}
    served = await journal.served(connection, now - LATELY)
    return {
        name: {
            "breaker": _stand(row, accounts.get(name), now),
            "failures": row["failures"],
            "backlog": _backlog(row, accounts.get(name), served.get(row["id"], 0) / LATELY.total_seconds()),
        }
        for name, row in known.items()
    }


def _stand(row: Mapping[str, Any], account: Account | None, now: datetime) -> Stand:
    return breaker.stand(
        now,
        failures=row["failures"],
        ask_after=row["ask_after"],
        easing=row["easing"],
        is_refused=account is not None and row["refused_settings"] == account.fingerprint,
    )


def _backlog(row: Mapping[str, Any], account: Account | None, served: float) -> dict[str, Any] | None:
    """Messages a second: those that become due, and those asked about. `requests` is what the quota allows."""
    if row["backlog_at"] is None:
        return None
    counted = Backlog(row["backlog_at"], row["backlog"], row["backlog_growth"])
    foreseen = forecast(counted, row["missed_from"])
    return {
        "since": row["short_since"],
        "messages": counted.messages,
        "counted_at": counted.at,
        "becoming_due": round(max(served + (counted.growth or 0.0), 0.0), 3),
        "asked_about": round(served, 3),
        "requests": None if account is None else round(sustained(account.limits), 3),
        "grows_by_an_hour": foreseen.grows_by,
        "lasts_until": foreseen.lasts_until,
        "last_looks_missed_from": foreseen.missed_from,
    }


def tell(one: Mapping[str, Any]) -> Iterator[str]:
    """What a person should know of it, and what to do."""
    name, backlog = one["name"], one.get("backlog")
    if one.get("breaker") == Stand.RECOVERING:
        yield f"{name} is well again, and asked twice as much with each round until it has its usual pace"
    if backlog is None:
        return
    said = (
        f"{name} has had more to ask than its quota allows since {iso(backlog['since'])}:"
        f" {count(backlog['messages'], 'message')} are due, {backlog['becoming_due']:g} a second become due and"
        f" {backlog['asked_about']:g} are asked about"
    )
    if backlog["lasts_until"]:
        said += f"; at this rate the backlog lasts until {iso(backlog['lasts_until'])}"
    elif backlog["grows_by_an_hour"]:
        said += f"; at this rate it grows by {count(backlog['grows_by_an_hour'], 'message')} an hour"
    if backlog["last_looks_missed_from"]:
        said += f"; last looks come too late from {iso(backlog['last_looks_missed_from'])} on"
    yield f"{said}; ask the provider for more, or look more rarely"

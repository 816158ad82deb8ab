"""How much of their quotas accounts have used, for people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rules.quota import Bounds, State
from store import quota
from store.connections import Connection, clock
from store.standing import Configured


async def usage(connection: Connection, configured: Mapping[str, Configured]) -> dict[str, dict[str, Any]]:
    """By account: of each limit how much counts now, how many requests are in flight, and who shares all that."""
    now = await clock(connection)
    bound = {name: (one, one.bounds) for name, one in configured.items() if one.bounds is not None}
    states = await quota.read(connection, {one.ledger for one, _ in bound.values()})
    return {
        name: {
            "shared_with": sorted(
                other for other, (its, _) in bound.items() if its.ledger == one.ledger != "" and other != name
            ),
            "slices": one.slices,
            **_used(bounds, states.get(one.ledger, State()), now),
        }
        for name, (one, bounds) in bound.items()
    }


def _used(bounds: Bounds, state: State, now: datetime) -> dict[str, Any]:
    at = now.timestamp()
    limits = [
        {"limit": str(most), "unit": most.unit, "used": round(state.used(most, at), 6), "of": most.amount}
        for most in bounds.all_most
    ]
    in_flight = sum(one.slots for one in state.holders.values() if one.slots_until > at)
    return {"limits": limits, "in_flight": in_flight, "in_flight_of": bounds.at_once}

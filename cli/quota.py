"""How much of their quotas accounts have used, for `accounts`."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rules.quota import State
from rules.times import iso
from store import quota
from store.connections import Connection, clock
from worker import quotas
from worker.accounts import Account


async def usage(connection: Connection, accounts: Mapping[str, Account]) -> dict[str, dict[str, Any]]:
    """By account: of each limit how much counts now, how many requests are in flight, and who shares all that."""
    now = await clock(connection)
    ledgers = {name: quotas.ledger(account) for name, account in accounts.items()}
    states = await quota.read(connection, set(ledgers.values()))
    return {
        name: {
            "shared_with": sorted(other for other, its in ledgers.items() if its == ledgers[name] and other != name),
            **_used(accounts[name], states.get(ledgers[name], State()), now),
        }
        for name in accounts
    }


def _used(account: Account, state: State, now: datetime) -> dict[str, Any]:
    bounds, at = quotas.bounds(account), now.timestamp()
    limits = [
        {"limit": str(most), "unit": most.unit, "used": round(state.used(most, at), 6), "of": most.amount}
        for most in bounds.all_most
    ]
    in_flight = sum(one.slots for one in state.holders.values() if one.slots_until > at)
    return {"slices": account.slices, "limits": limits, "in_flight": in_flight, "in_flight_of": bounds.at_once}


def tell(one: Mapping[str, Any]) -> Iterator[str]:
    """What a person should know of it: more than the rate, which every account has, and what it waits for."""
    name, used = one["name"], one.get("quota")
    if one["ask_after"] and not one["trouble"] and one["state"] == "ok":
        yield f"{name} has used its quota up, and waits for it until {iso(one['ask_after'])}"
    if used is None:
        return
    limits = [f"{limit['used']:.15g} of {limit['limit']} {limit['unit']}" for limit in used["limits"][1:]]
    shared = f"; shared with {', '.join(used['shared_with'])}" if used["shared_with"] else ""
    if limits or shared:
        flying = f"{used['in_flight']} of {used['in_flight_of']} in flight"
        yield f"{name} has used {', '.join([*limits, flying])}{shared}"

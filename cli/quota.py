"""How much of their quotas accounts have used, for `accounts`."""

from collections.abc import Iterator, Mapping
from typing import Any

from rules.times import iso


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

"""How the breakers of accounts stand, and what becomes of those whose quota does not suffice, for `accounts`."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.output import count
from rules.breaker import Stand
from rules.times import iso


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

"""How accounts stand: what they have open, and what keeps them from being asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules.quota import Bounds
from rules.timing import Timing
from store import accounts, changes, watches
from store.changes import By
from store.connections import Connection, clock


@dataclass(frozen=True, slots=True)
class Configured:
    """What people see of a configured account's settings."""

    adapter: str
    paused: bool = False
    #: Changes with its settings, so that one whose settings were refused is known.
    fingerprint: str = ""
    #: The quota ledger, the limits that it keeps, and the requests a second that they allow in the long run.
    ledger: str = ""
    bounds: Bounds | None = None
    sustained: float | None = None
    slices: int = 1
    timing: Timing | None = None


FIELDS = ("ask_after", "read_until", "position", "paused_at", "paused_by", "paused_why", "trouble", "trouble_said",
    "trouble_since")  # fmt: skip


async def everyone(connection: Connection, configured: Mapping[str, Configured]) -> list[dict[str, Any]]:
    """Every account that is configured, or that the database knows."""
    backlog = {row["name"]: row for row in await watches.backlog(connection, await clock(connection))}
    rows = await accounts.everyone(connection)
    found = [_one(dict(row), dict(backlog[row["name"]]), configured) for row in rows if row["name"] in backlog]
    new = sorted(set(configured) - {one["name"] for one in found})
    return found + [_one({"name": name}, {}, configured) for name in new]


def _one(row: dict[str, Any], backlog: dict[str, Any], configured: Mapping[str, Configured]) -> dict[str, Any]:
    name = row["name"]
    adapter = configured[name].adapter if name in configured else row["adapter"]
    state = {"name": name, "adapter": adapter, "state": _state(row, configured)}
    counts = {count: backlog.get(count, 0) for count in ("open", "due", "overdue")}
    more = {field: row.get(field) for field in FIELDS}
    return {**state, **counts, "next_look_at": backlog.get("next_look_at"), **more, "not_ours": row.get("not_ours", 0)}


def _state(row: dict[str, Any], configured: Mapping[str, Configured]) -> str:
    """How an account is, in a word or two. The most lasting hindrance counts."""
    name = row["name"]
    if name not in configured:
        return "not configured"
    if row.get("paused_at") or configured[name].paused:
        return "paused"
    return row.get("trouble") or ("ok" if "id" in row else "new")


async def pause(connection: Connection, configured: Mapping[str, Configured], name: str, by: By, why: str) -> bool:
    """Stop asking an account; false if there is none of that name. Who did it is on record."""
    async with connection.transaction():
        await _there(connection, configured, name)
        if not await accounts.pause(connection, name, by.at, by.name, why):
            return False
        await changes.add(connection, by, "account_paused", name)
    return True


async def resume(connection: Connection, configured: Mapping[str, Configured], name: str, by: By) -> bool:
    """Ask an account again, also one that is held; false if there is none of that name. Who did it is on record."""
    async with connection.transaction():
        await _there(connection, configured, name)
        if not await accounts.resume(connection, name):
            return False
        await changes.add(connection, by, "account_resumed", name)
    return True


async def poll(connection: Connection, configured: Mapping[str, Configured], name: str, by: By) -> int | None:
    """Make everything open of an account due now; how many messages, or None if there is no such account."""
    async with connection.transaction():
        await _there(connection, configured, name)
        due = await accounts.poll_now(connection, name, by.at)
        if due is not None:
            await changes.add(connection, by, "account_polled", name, messages=due)
    return due


async def _there(connection: Connection, configured: Mapping[str, Configured], name: str) -> None:
    """An account may be configured and not known to the database yet."""
    if name in configured and await accounts.named(connection, name) is None:
        await accounts.ensure(connection, {name: configured[name].adapter})

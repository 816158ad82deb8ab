"""Slices: leases of an account besides its own. Whoever holds one looks messages up, and reads no stream or window.

Their terms lie above those of accounts, so that what a slice writes about its account carries a term like everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from store.accounts import Lease, Stale, read_lease
from store.connections import Connection
from store.queries import Queries

QUERIES = Queries("slices")


@dataclass(frozen=True, slots=True)
class Sliced:
    """What a tick needs to know of an account that has several slices."""

    name: str
    settings: str
    slices: int


async def startable(
    connection: Connection, now: datetime, accounts: Sequence[Sliced], enough: int
) -> list[tuple[str, int, int]]:
    """Name of the account, number and last term of each slice that has something to do and that nobody holds."""
    columns = (
        [account.name for account in accounts],
        [account.settings for account in accounts],
        [account.slices for account in accounts],
    )
    rows = await connection.fetch(QUERIES.startable, now, *columns, enough)
    return [(row["name"], row["number"], row["term"]) for row in rows]


async def lease(
    connection: Connection, name: str, number: int, holder: str, now: datetime, until: datetime
) -> Lease | None:
    """Take a slice of an account, or None if someone has it."""
    row = await connection.fetchrow(QUERIES.lease, name, number, holder, now, until)
    return None if row is None else replace(read_lease(row, until), term=row["slice_term"], slice=number)


async def renew(connection: Connection, held: Lease, now: datetime, until: datetime) -> bool:
    """Keep the slice until a later time; false if its account is not to be asked now. Raises Stale."""
    goes_on: bool | None = await connection.fetchval(QUERIES.renew, held.account, held.term, now, until)
    if goes_on is None:
        raise Stale(f"account {held.name}: the term of slice {held.slice} is over; another worker has taken it")
    return goes_on


async def release(connection: Connection, held: Lease) -> None:
    """Let the slice go."""
    await connection.execute(QUERIES.release, held.account, held.term)

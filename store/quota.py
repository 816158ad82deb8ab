"""Quota ledgers in Postgres. Only its clock counts, and no process ever locks another out."""

import asyncio
import random
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

import msgspec

from rules.quota import State
from store.connections import Connection
from store.queries import Queries

QUERIES = Queries("quota")

#: Whoever comes second waits for up to so many seconds before another try.
PAUSE = 0.01

T = TypeVar("T")


async def change(
    connection: Connection,
    name: str,
    work: Callable[[State, datetime], T],
    before: Callable[[], None] = lambda: None,
) -> T:
    """Do `work` on a ledger at the present time, and keep what it made of it; it is done again if another was first.

    The ledger is made if there is none. `before` is called before each reading of the ledger and the time.
    """
    while True:
        before()
        row = await connection.fetchrow(QUERIES.read, name)
        if row is None:
            await connection.execute(QUERIES.make, name)
            continue
        state = parse(row["state"])
        done = work(state, row["now"])
        text = msgspec.json.encode(state.plain()).decode()
        if await connection.fetchval(QUERIES.write, name, row["version"], text) is not None:
            return done
        await asyncio.sleep(random.uniform(0, PAUSE))  # noqa: S311 - spreads processes, guards nothing


async def read(connection: Connection, names: Iterable[str]) -> dict[str, State]:
    """The ledgers of these names, as far as there are any."""
    return {row["name"]: parse(row["state"]) for row in await connection.fetch(QUERIES.some, list(names))}


def parse(text: str) -> State:
    """The ledger that was written."""
    return State.parse(msgspec.json.decode(text))

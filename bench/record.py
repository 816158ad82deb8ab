"""Recording messages: COPY into the inbox beside COPY into a bare table, and intake beside inserts that ask nothing.

The bare table has the inbox's columns, all of the same rows filled, and no identity, default or index. Everything that
is taken in is new, sent by SMS, and of one communication; its names are in no order, as a provider's are. What intake
does besides inserting is taking the rows out, understanding them, and refusing to record anything twice.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

import asyncpg
from pydantic import SecretStr

from adapters.twilio import Settings, Twilio
from bench import filling
from bench.filling import SENT_AT
from bench.meter import measure
from bench.rounds import Figures, Goal, Variant, sure
from bench.stage import Stage
from store.connections import Connection, Pool
from store.queries import Queries
from worker.accounts import Account
from worker.intake import AT_ONCE, BATCH, Taken, intake

MEANING = "recording what senders say, beside a bare table and beside inserts alone"

QUERIES = Queries("sending", Path(__file__).parent / "queries")

#: Rows in one COPY, and rows taken in at a trial.
COPIED, TAKEN = 1_000_000, 50_000

GOALS = (
    Goal("copy into the inbox", at_least=0.9, of="copy into a bare table"),
    Goal("intake", at_least=0.6, of="inserts alone"),
)

#: What a sender gives of each message, and what the inbox adds to it.
GIVEN = ("account", "channel", "recipient", "provider_id", "reference", "communication", "sent_at")
ADDED = ("id", "received_at")

#: Multiplied by an odd number, all numbers stay different and are in no order any more.
SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC835

NAME = "bench"
NOW = SENT_AT + timedelta(days=1)

Run = Callable[[], Awaitable[Figures]]


@asynccontextmanager
async def variants(stage: Stage) -> AsyncIterator[list[Variant]]:
    """Intake and what it is compared with fill the same tables by turns, so both meet them equally large."""
    copied, taken = stage.rows(COPIED), stage.rows(TAKEN)
    async with stage.database() as url:
        connections = [await asyncpg.connect(url) for _ in range(AT_ONCE)]
        try:
            work = await Work.on(connections)
            stage.note(f"writing {copied:,} rows for COPY")
            given, whole = rows(copied), rows(copied, whole=True)
            yield [
                Variant("copy into the inbox", work.copy("inbox", GIVEN, given, copied), "copy into a bare table"),
                Variant("copy into a bare table", work.copy("bare", ADDED + GIVEN, whole, copied)),
                Variant("intake", work.intake(taken), "inserts alone"),
                Variant("inserts alone", work.inserts(taken)),
            ]
        finally:
            for connection in connections:
                await connection.close()


def rows(many: int, *, whole: bool = False) -> bytes:
    """What a sender's COPY in text format sends; `whole`: with what the inbox would add."""
    at = SENT_AT.isoformat()
    return "".join(
        (f"{n}\t{at}\t" if whole else "")
        + f"{NAME}\tsms\t+4477{n:08}\tSM{n * SPREAD % 2**128:032x}\torder-{n}\t{NAME}\t{at}\n"
        for n in range(many)
    ).encode()


class Lending:
    """A pool that lends these connections, so that what their backends do can be measured."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        """All are free."""
        self._free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        for connection in connections:
            self._free.put_nowait(connection)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """One of them, until it is given back."""
        connection = await self._free.get()
        try:
            yield connection
        finally:
            self._free.put_nowait(connection)


@dataclass
class Work:
    """The variants of one database. `said` is how many messages were made up so far."""

    connections: Sequence[Connection]
    number: int
    communication: int
    said: int = 0

    @classmethod
    async def on(cls, connections: Sequence[Connection]) -> "Work":
        """On a database with our schema and nothing in it."""
        first = connections[0]
        await first.execute("create table landed.bare as select * from landed.inbox with no data")
        communication = await first.fetchval(QUERIES.communication, NAME)
        return cls(connections, await filling.account(first, NAME), communication)

    @property
    def _first(self) -> Connection:
        return self.connections[0]

    def copy(self, table: str, columns: Sequence[str], text: bytes, many: int) -> Run:
        """COPY `text` into an empty table."""

        async def run() -> Figures:
            await self._empty(table)
            async with measure(self._first) as cost:
                await self._first.copy_to_table(
                    table, schema_name="landed", columns=columns, source=io.BytesIO(text), format="text"
                )
            sure(await self._count(table), many, "rows copied")
            await self._empty(table)
            return cost.figures(many)

        return run

    def intake(self, many: int) -> Run:
        """The worker's intake of all that waits."""
        adapter = Twilio(Settings(account_sid="AC1", auth_token=SecretStr("none")))
        accounts = {NAME: Account(NAME, adapter, Twilio.limits)}
        pool = cast("Pool", Lending(self.connections))

        async def run() -> Figures:
            await self._say(many)
            before = await self._counts()
            async with measure(*self.connections) as cost:
                taken = await intake(pool, accounts, {NAME: self.number}, most=2 * many)
            sure(taken, Taken(rows=many, new=many), "rows taken in")
            sure(await self._count("inbox"), 0, "rows left in the inbox")
            sure(await self._counts(), [count + many for count in before], "messages, watches and events")
            return cost.figures(many)

        return run

    def inserts(self, many: int) -> Run:
        """As many rows a statement as intake takes at once, each committed."""

        async def run() -> Figures:
            await self._say(many)
            before = await self._counts()
            async with measure(self._first) as cost:
                for first in range(1, many + 1, BATCH):
                    last = min(first + BATCH - 1, many)
                    await self._first.execute(QUERIES.insert, NOW, self.number, self.communication, first, last)
            sure(await self._counts(), [count + many for count in before], "messages, watches and events")
            return cost.figures(many)

        return run

    async def _say(self, many: int) -> None:
        """Fill the inbox with new messages, numbered from 1; an index on that for those who do not take in."""
        await self._empty("inbox")
        await self._first.execute(QUERIES.say, NAME, self.said + 1, many, SENT_AT)
        await self._first.execute("drop table if exists landed.said")
        await self._first.execute("create table landed.said as select * from landed.inbox; analyze landed.inbox")
        await self._first.execute("alter table landed.said add primary key (id)")
        await self._first.execute("vacuum analyze landed.said")
        self.said += many

    async def _empty(self, table: str) -> None:
        await self._first.execute(f"truncate landed.{table} restart identity")

    async def _count(self, table: str) -> int:
        count: int = await self._first.fetchval(f"select count(*) from landed.{table}")  # noqa: S608 - of ours
        return count

    async def _counts(self) -> list[int]:
        return [await self._count(table) for table in ("message", "watch", "event")]

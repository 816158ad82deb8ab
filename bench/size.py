"""A message over its whole life: what it takes on the disk and in the log, and how many one connection carries.

It is written to the inbox by COPY, taken in, looked at three times (twice without news, then delivered), settled, and
archived. Everything goes the way of the real program but for the provider, which is left out. After each step the
server vacuums, as it does by itself in daily life.

Sizes are bytes a message: `open` while all are open, after the looks; `kept` once all are settled. `look` is its share
of requests about a thousand, `look alone` a request about one. WAL is counted from the insert into the inbox to the
last report, vacuums included. The figures of steps are messages a second, one step after the other on one connection
each.
"""

import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from adapters.twilio import Settings, Twilio
from bench.rounds import Figures, Goal, Variant, sure
from bench.stage import Stage
from rules.reports import Word
from rules.statuses import Source, Status
from store import accounts, events, journal, reports, watches
from store.connections import Connection, Pool, clock, open_pool
from store.journal import Look
from store.reports import Said, batches
from store.watches import Looked, Watch
from worker.accounts import Account
from worker.archive import Archived, Leaving, archive
from worker.intake import Taken, intake

MEANING = "bytes, WAL and seconds of a message's whole life"

#: Messages of one life.
MESSAGES = 200_000

#: Rows in one COPY of the sender.
COPIED = 10_000

#: Looks that bring nothing new, before the one that does.
LOOKS = 2

#: Requests about one message each, which is how some providers are asked.
SINGLE = 5000

#: The columns that the sender gives.
COLUMNS = ("account", "channel", "recipient", "provider_id", "reference", "communication", "sent_at")

#: What is kept after a life, and what is there only while a message is open.
KEPT, OPEN = ("message", "event"), ("watch",)

# A third above what was measured: sizes do not depend on the machine.
GOALS = tuple(
    Goal(order, at_most=most, unit=unit)
    for order in ("reports in order", "reports by chance")
    for unit, most in (("kept B", 1200), ("WAL B", 5800))
)


@asynccontextmanager
async def variants(stage: Stage) -> AsyncIterator[list[Variant]]:
    """One life for each order in which reports come; each in a database of its own."""
    many = stage.rows(MESSAGES)
    yield [
        Variant("reports in order", _life(stage, many, by_chance=False), once=True),
        Variant("reports by chance", _life(stage, many, by_chance=True), once=True),
    ]


def _life(stage: Stage, many: int, *, by_chance: bool) -> Callable[[], Awaitable[Figures]]:
    async def run() -> Figures:
        async with stage.database() as url, open_pool(url, size=4) as pool, pool.acquire() as connection:
            life = Life(pool, connection, many, random.Random(1) if by_chance else None)  # noqa: S311 - an order
            return await life.run(stage.note)

    return run


@dataclass
class Life:
    """`many` messages from the inbox to the archive, and what that took."""

    pool: Pool
    connection: Connection
    many: int
    chance: random.Random | None
    account: int = 0
    figures: dict[str, float] = field(default_factory=dict)

    async def run(self, note: Callable[[str], None]) -> Figures:
        """Every step; its figures by unit."""
        self.account = (await accounts.ensure(self.connection, {"bench": "twilio"}))["bench"]
        await events.make_partitions(self.connection, (await clock(self.connection)).date())
        steps = {"copied": self._copy, "taken in": self._take_in, "looked at": self._look, "settled": self._settle}
        began, seconds = await self._wal(), 0.0
        wal: dict[str, float] = {}
        for name, step in steps.items():
            note(name)
            before = await self._wal()
            seconds += await self._timed(name, step)
            await self.connection.execute("vacuum (analyze)", timeout=3600)
            wal[f"WAL {name} B"] = (await self._wal() - before) / self.many
            if name == "looked at":
                await self._sizes("open", OPEN)
        whole = (await self._wal() - began) / self.many
        await self._sizes("kept", KEPT)
        kept = sum(self.figures[f"{table} {part} B"] for table in KEPT for part in ("heap", "index"))
        look = await self._bytes("look")
        single = await self._single(look)
        note("archived")
        await self._archive()
        return {
            "kept B": kept,
            **self.figures,
            "look B": sum(look) / self.many,
            "look alone B": single,
            "WAL B": whole,
            **wal,
            "life/s": self.many / seconds,
        }

    async def _timed(self, name: str, step: Callable[[], Awaitable[None]]) -> float:
        began = time.perf_counter()
        await step()
        seconds = time.perf_counter() - began
        self.figures[f"{name}/s"] = self.many / seconds
        return seconds

    async def _copy(self) -> None:
        """A sender's COPY. Ids are as Twilio's: 34 letters in no order."""
        sent_at = await clock(self.connection)
        for start in range(0, self.many, COPIED):
            rows = [self._said(number, sent_at) for number in range(start, min(start + COPIED, self.many))]
            await self.connection.copy_records_to_table("inbox", schema_name="landed", columns=COLUMNS, records=rows)

    def _said(self, number: int, sent_at: datetime) -> tuple[object, ...]:
        name = f"SM{random.Random(number).getrandbits(128):032x}"  # noqa: S311 - a name, guards nothing
        return "bench", "sms", f"+4477{number:08}", name, f"order-{number}", "bench", sent_at

    async def _take_in(self) -> None:
        adapter = Twilio(Settings(account_sid="AC1", auth_token=SecretStr("x")))
        known = {"bench": Account("bench", adapter, Twilio.limits)}
        taken = await intake(self.pool, known, {"bench": self.account}, self.many)
        sure(taken, Taken(self.many, self.many), "messages taken in")

    async def _look(self) -> None:
        """Every message `LOOKS` times, a thousand in a request, each time without news."""
        for _ in range(LOOKS):
            looked = 0
            now = await self._all_due()
            while claimed := await watches.claim(self.connection, self.account, now, 1000, now + timedelta(minutes=5)):
                await self._ask(claimed, now)
                later = [Looked(watch, now + timedelta(hours=1), 1, found=True) for watch in claimed]
                await watches.looked(self.connection, self.account, now, later)
                looked += len(claimed)
            sure(looked, self.many, "messages looked at")

    async def _settle(self) -> None:
        """The look that brings news: in the order of recording, as windows do, or by chance."""
        now = await self._all_due()
        claimed: list[Watch] = []
        while some := await watches.claim(self.connection, self.account, now, 1000, now + timedelta(minutes=5)):
            claimed += some
        claimed.sort(key=lambda watch: watch.id)
        if self.chance is not None:
            self.chance.shuffle(claimed)
        settled = 0
        word = Word(Status.DELIVERED.bit, now)
        for batch in batches(claimed):
            await self._ask(batch, now)
            said = [Said(word, watch.provider_id, watch.part, watch.id) for watch in batch]
            settled += (await reports.apply(self.connection, self.account, Source.POLL, now, said)).settled
        sure(settled, self.many, "messages settled")

    async def _all_due(self) -> datetime:
        """Time passes until every look is due; the time then."""
        now: datetime = await self.connection.fetchval(
            "select coalesce(max(next_look_at), now()) from landed.watch where account = $1", self.account
        )
        return now

    async def _ask(self, claimed: Sequence[Watch], now: datetime) -> None:
        """A request, as it is written down."""
        ids = tuple(watch.id for watch in claimed)
        look = Look(now, "lookup", "ok", 200, 100, len(ids), len(ids), messages=ids)
        await journal.look(self.connection, self.account, [look])

    async def _single(self, before: tuple[int, int]) -> float:
        """Bytes of a request about one message."""
        now = await clock(self.connection)
        for start in range(0, SINGLE, 1000):
            looks = [Look(now, "lookup", "ok", 200, 100, 1, 1, messages=(start + n,)) for n in range(1000)]
            await journal.look(self.connection, self.account, looks)
        return (sum(await self._bytes("look")) - sum(before)) / SINGLE

    async def _archive(self) -> None:
        """Everything into files, as if it were old."""
        now = await clock(self.connection)
        with tempfile.TemporaryDirectory(prefix="landed-bench-") as folder:
            leaving = Leaving(self.account, "bench", now + timedelta(days=1), Path(folder))
            began, gone, done = time.perf_counter(), 0, Archived(more=True)
            while done.more:
                done = await archive(self.pool, leaving, now, done.place)
                gone += done.messages
            self.figures["archived/s"] = gone / (time.perf_counter() - began)
            files = sum(path.stat().st_size for path in Path(folder).rglob("*.gz"))  # noqa: ASYNC240 - nobody waits
        sure(gone, self.many, "messages archived")
        self.figures["archive B"] = files / self.many

    async def _sizes(self, when: str, tables: Sequence[str]) -> None:
        for table in tables:
            heap, index = await self._bytes(table)
            prefix = table if when == "kept" else f"{when} {table}"
            self.figures[f"{prefix} heap B"] = heap / self.many
            self.figures[f"{prefix} index B"] = index / self.many

    async def _bytes(self, table: str) -> tuple[int, int]:
        """Bytes of a table and of its indexes, in all its partitions."""
        row = await self.connection.fetchrow(
            "select sum(pg_table_size(relid))::bigint as heap, sum(pg_indexes_size(relid))::bigint as index"
            " from pg_partition_tree(('landed.' || $1)::regclass) where isleaf"
            " union all select pg_table_size(('landed.' || $1)::regclass), pg_indexes_size(('landed.' || $1)::regclass)"
            " order by heap desc nulls last limit 1",
            table,
        )
        assert row is not None  # noqa: S101 - the second part always gives one
        return row["heap"], row["index"]

    async def _wal(self) -> int:
        place: int = await self.connection.fetchval("select (pg_current_wal_insert_lsn() - '0/0')::bigint")
        return place

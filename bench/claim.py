"""Claiming what is due among many open messages, beside an update of the same rows by key.

In each trial exactly what is due is claimed, page by page, until nothing is left, and comes back five minutes later.
The update is told which rows those are. Time is made up: before each trial so much of it passes that as much is due.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from statistics import median

import asyncpg

from bench import filling, waiting
from bench.meter import measure
from bench.rounds import Figures, Goal, Variant, sure
from bench.stage import Stage
from store import watches
from store.connections import Connection, clock
from store.reports import batches
from store.watches import Mark

MEANING = "claiming what is due among 1 M open messages, and among ten times as many"

OPEN, TIMES = 1_000_000, 10

#: Due in one trial, and claimed at once: the worker's own number.
DUE, BATCH = 20_000, 1000

LEASE = timedelta(minutes=5)

#: Seconds of claims before a snapshot is taken, and with it held. The lease is so short that what was claimed is due
#: again before everything else has been claimed.
BEFORE, HELD = 20.0, 60.0
SHORT_LEASE = timedelta(seconds=5)

LARGER = f", {TIMES} x open"
UNIT = "ms a claim"

GOALS = (
    *(
        Goal(f"{claimers}{size}", at_least=0.85, of=f"raw update, {claimers}{size}")
        for claimers in ("1 claimer", "4 claimers")
        for size in ("", LARGER)
    ),
    Goal(f"1 claimer{LARGER}", at_most=1.2, of="1 claimer", unit=UNIT),
    Goal(f"4 claimers{LARGER}", at_most=1.2, of="4 claimers", unit=UNIT),
    Goal("1 claimer, snapshot held", at_most=2.5, unit="times before"),
)

#: Takes up to `BATCH` of what is due; whom it took.
Take = Callable[[Connection, Mark], Awaitable[list[int]]]

#: Updates these rows up to the end of a lease; how many.
Update = Callable[[Connection, Sequence[int], datetime], Awaitable[int]]


@asynccontextmanager
async def variants(stage: Stage) -> AsyncIterator[list[Variant]]:
    """Each size has a database of its own, and so has the snapshot, which leaves dead rows behind."""
    count = stage.rows(OPEN)
    async with AsyncExitStack() as open_still:
        found: list[Variant] = []
        for size, rows in (("", count), (LARGER, count * TIMES)):
            due = await open_still.enter_async_context(_due(stage, rows))
            found += due.variants(size, stage.rows(DUE))
        held = await open_still.enter_async_context(_due(stage, count))
        yield [*found, Variant("1 claimer, snapshot held", held.with_snapshot, once=True)]


@asynccontextmanager
async def _due(stage: Stage, rows: int) -> AsyncIterator["_Due"]:
    """An account with `rows` open messages, all of which were sent long ago by the real clock."""
    async with stage.database() as url, AsyncExitStack() as open_still:
        connections = [await asyncpg.connect(url, command_timeout=waiting.PATIENCE) for _ in range(4)]
        for connection in connections:
            open_still.push_async_callback(connection.close)
        account = await filling.account(connections[0])
        sent_at = await clock(connections[0]) - timedelta(days=1)
        await waiting.fill(connections[0], account, rows, stage.note, sent_at=sent_at)
        yield _Due(connections, account, stage.scale)


class _Due:
    """The open messages of one account, of which ever more are due."""

    def __init__(self, connections: Sequence[Connection], account: int, scale: float) -> None:
        self._connections = connections
        self._account = account
        self._scale = scale
        # Each claimer is a process of its own.
        self._marks = [Mark() for _ in connections]

    def variants(self, size: str, due: int) -> list[Variant]:
        """One and many claimers, each beside as many who update."""
        found = []
        for count, name in ((1, "1 claimer"), (len(self._connections), f"{len(self._connections)} claimers")):
            bare, returning = f"raw update, {name}{size}", f"raw update with what it returns, {name}{size}"
            found += [
                Variant(f"{name}{size}", self._claiming(count, due), floor=bare),
                Variant(bare, self._updating(count, due, self._update)),
                Variant(returning, self._updating(count, due, self._update_returning), floor=bare),
            ]
        return found

    def _claiming(self, count: int, due: int) -> Callable[[], Awaitable[Figures]]:
        async def trial() -> Figures:
            ids, now = await self._pass_time(due)
            return await self._measured(count, ids, lambda _number: self._claim(now))

        return trial

    def _updating(self, count: int, due: int, update: Update) -> Callable[[], Awaitable[Figures]]:
        async def trial() -> Figures:
            ids, now = await self._pass_time(due)
            shares = [iter(batches(ids[number::count], BATCH)) for number in range(count)]

            def taking(number: int) -> Take:
                async def take(connection: Connection, _mark: Mark) -> list[int]:
                    batch = next(shares[number], [])
                    if batch:
                        sure(await update(connection, batch, now + LEASE), len(batch), "rows updated")
                    return list(batch)

                return take

            return await self._measured(count, ids, taking)

        return trial

    async def _update(self, connection: Connection, ids: Sequence[int], lease_until: datetime) -> int:
        done = await connection.execute(waiting.QUERIES.update, self._account, ids, lease_until)
        return int(done.split()[-1])

    async def _update_returning(self, connection: Connection, ids: Sequence[int], lease_until: datetime) -> int:
        return len(await connection.fetch(waiting.QUERIES.update_returning, self._account, ids, lease_until))

    async def _pass_time(self, due: int) -> tuple[list[int], datetime]:
        """Let as much time pass as makes `due` messages due, or some more; which, and what time it is then."""
        rows = await self._connections[0].fetch(waiting.QUERIES.first_due, self._account, due)
        return [row["id"] for row in rows], rows[-1]["next_look_at"]

    def _claim(self, now: datetime) -> Take:
        async def take(connection: Connection, mark: Mark) -> list[int]:
            claimed = await watches.claim(connection, self._account, now, BATCH, now + LEASE, mark)
            return [one.id for one in claimed]

        return take

    async def _measured(self, count: int, ids: Sequence[int], taking: Callable[[int], Take]) -> Figures:
        connections = self._connections[:count]
        async with measure(*connections) as cost:
            all_taken = await asyncio.gather(
                *(
                    _until_nothing_is_left(connection, self._marks[number], taking(number))
                    for number, connection in enumerate(connections)
                )
            )
        taken = [one for claims, _ in all_taken for one in claims]
        sure(len(taken), len(ids), "messages taken")
        sure(set(taken) == set(ids), True, "whether exactly what was due was taken")  # noqa: FBT003
        figures = cost.figures(len(ids))
        return {**figures, UNIT: median(took for _, times in all_taken for took in times) * 1000}

    async def with_snapshot(self) -> Figures:
        """Claims one after the other, as fast as they go, by the real clock."""
        connection, other = self._connections[:2]
        before = await self._claims_for(BEFORE)
        async with other.transaction(isolation="repeatable_read"):
            await other.fetchval("select count(*) from landed.account")
            under = await self._claims_for(HELD)
        looks = await connection.fetchval("select sum(looks) from landed.watch", timeout=waiting.PATIENCE)
        sure(looks, (len(before) + len(under)) * BATCH, "claims written down")
        # The last of them are the worst: by then much has piled up that cannot be cleared.
        usual, worst = median(before), median(under[-len(under) // 3 :])
        return {"times before": worst / usual, UNIT: worst * 1000, f"{UNIT}, before": usual * 1000}

    async def _claims_for(self, seconds: float) -> list[float]:
        """What each claim took, in so many seconds of claims."""
        connection, mark, lease = self._connections[0], self._marks[0], SHORT_LEASE * self._scale
        times: list[float] = []
        ends_at = time.perf_counter() + seconds * self._scale
        while time.perf_counter() < ends_at:
            now = await clock(connection)
            began = time.perf_counter()
            claimed = await watches.claim(connection, self._account, now, BATCH, now + lease, mark)
            times.append(time.perf_counter() - began)
            sure(len(claimed), BATCH, "messages claimed")
        return times


async def _until_nothing_is_left(connection: Connection, mark: Mark, take: Take) -> tuple[list[int], list[float]]:
    """Whom it took, and what each claim of something took."""
    taken: list[int] = []
    times: list[float] = []
    while True:
        began = time.perf_counter()
        some = await take(connection, mark)
        if not some:
            return taken, times
        times.append(time.perf_counter() - began)
        taken += some

"""Joining reports into Postgres, beside the same writes without any rules, and beside one row after the other.

Every trial is about messages of which only `sent` was said, in pages of a thousand, each committed. `in order` is the
order of recording, as listings and claims bring it; `at random` they are spread over half of all messages. The time is
that of the statements and of what Python does for them: sorting, and arrays of what is said.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from bench import bare, filling, one_by_one
from bench.meter import Cost, measure
from bench.orm import Orm, orm
from bench.rounds import Figures, Goal, Variant, sure
from bench.saying import NOW, Fresh, Message, say, sure_of
from bench.stage import Stage
from rules.statuses import Source
from store import reports
from store.connections import Connection
from store.reports import Applied, Said, batches

MEANING = "joining reports, beside the same writes without rules and beside one row after the other"

#: Reports in a trial, and in one of a variant that writes one row after the other.
TRIAL, FEW = 10_000, 300

ORDERS = ("in order", "at random")

#: What a variant of ours must reach of the same writes without rules, by provider id.
SHARES = {"provider id": 0.8, "message id": 0.95}


def _goals() -> tuple[Goal, ...]:
    goals: list[Goal] = []
    for key, share in SHARES.items():
        for order in ORDERS:
            ours = f"ours by {key}, {order}"
            goals += [
                Goal(ours, at_least=share, of=f"no rules by provider id, {order}"),
                Goal(ours, at_least=0.55, of=f"messages alone by {key}, {order}"),
                Goal(ours, at_least=30, of="row by row"),
                Goal(ours, at_least=100, of="row by row, ORM"),
                Goal(ours, at_least=95, unit="HOT %"),
            ]
    return tuple(goals)


GOALS = _goals()

Run = Callable[[], Awaitable[Figures]]


@asynccontextmanager
async def variants(stage: Stage) -> AsyncIterator[list[Variant]]:
    """Half of the messages are used up in their order, half at random."""
    trial, few = stage.rows(TRIAL), stage.rows(FEW)
    half = stage.trials * (6 * trial + 2 * few)
    async with stage.database() as url, orm(url) as mapped:
        connection = await asyncpg.connect(url)
        try:
            account = await filling.account(connection)
            stage.note(f"recording {2 * half:,} messages")
            messages = [Message(*row) for row in await filling.fill(connection, account, 2 * half)]
            await filling.settle(connection)
            work = Work(connection, account, random.Random(1))  # noqa: S311 - reports by chance, guards nothing
            in_order, at_random = Fresh(messages[:half]), Fresh(messages[half:], work.chance)
            yield [
                *work.in_sets("in order", in_order, trial),
                *work.in_sets("at random", at_random, trial),
                *work.in_rows(at_random, few, mapped),
            ]
        finally:
            await connection.close()


@dataclass(frozen=True, slots=True)
class Work:
    """The variants of one database."""

    connection: Connection
    account: int
    chance: random.Random

    def in_sets(self, order: str, fresh: Fresh, count: int) -> list[Variant]:
        """A thousand at a time: ours, the same writes without rules, and of those the messages alone."""
        found = []
        for key in SHARES:
            known = key == "message id"
            ours, all_, alone = (f"{way} by {key}, {order}" for way in ("ours", "no rules", "messages alone"))
            found += [
                Variant(ours, self._ours(fresh, count, known=known), all_),
                Variant(all_, self._bare(fresh, count, known=known), alone),
                Variant(alone, self._alone(fresh, count, known=known)),
            ]
        return found

    def in_rows(self, fresh: Fresh, count: int, mapped: Orm) -> list[Variant]:
        """One report after the other."""

        async def by_hand() -> Figures:
            messages, said = self._next(fresh, count)
            async with measure(self.connection, table="landed.message") as cost:
                written = await one_by_one.write(self.connection, self.account, messages, said)
            return await self._checked(messages, said, written, cost)

        async def by_orm() -> Figures:
            messages, said = self._next(fresh, count)
            async with measure(mapped.connection, table="landed.message") as cost:
                written = await mapped.write(self.account, messages, said)
            return await self._checked(messages, said, written, cost)

        return [Variant("row by row", by_hand), Variant("row by row, ORM", by_orm)]

    def _ours(self, fresh: Fresh, count: int, *, known: bool) -> Run:
        async def run() -> Figures:
            messages, said = self._next(fresh, count, by_id=known)
            async with measure(self.connection, table="landed.message") as cost:
                applied = await self._apply(said)
            sure(applied.early, 0, "reports taken for early ones")
            again = await self._apply(said)
            sure(again, Applied(), "what the same reports changed when they came again")
            return await self._checked(messages, said, applied.written, cost)

        return run

    def _bare(self, fresh: Fresh, count: int, *, known: bool) -> Run:
        async def run() -> Figures:
            messages, said = self._next(fresh, count)
            async with measure(self.connection, table="landed.message") as cost:
                written = await bare.write_all(self.connection, self.account, messages, said, by_id=known)
            return await self._checked(messages, said, written, cost)

        return run

    def _alone(self, fresh: Fresh, count: int, *, known: bool) -> Run:
        async def run() -> Figures:
            messages, said = self._next(fresh, count)
            async with measure(self.connection, table="landed.message") as cost:
                written = await bare.write_messages(self.connection, self.account, messages, said, by_id=known)
            sure(written, count, "messages written")
            return cost.figures(count, "reports")

        return run

    async def _apply(self, said: list[Said]) -> Applied:
        done = Applied()
        for page in batches(said):
            done += await reports.apply(self.connection, self.account, Source.POLL, NOW, page)
        return done

    def _next(self, fresh: Fresh, count: int, *, by_id: bool = False) -> tuple[list[Message], list[Said]]:
        messages = fresh.take(count)
        return messages, say(messages, self.chance, by_id=by_id)

    async def _checked(self, messages: list[Message], said: list[Said], written: int, cost: Cost) -> Figures:
        sure(written, len(said), "messages written")
        await sure_of(self.connection, self.account, messages, said)
        return cost.figures(len(said), "reports")

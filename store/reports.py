"""The one write path: `apply` joins what was said about messages into Postgres.

What providers, the sender and the sweep say are all words (`rules.reports.Word`) and all come through here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString, TypeVar

import asyncpg

from rules.reports import Word
from rules.statuses import Source
from store.connections import Connection
from store.deadlocks import outlast
from store.queries import Queries

QUERIES = Queries("reports")

#: Words in one statement. Fewer cost more each; more gain nothing (`./landed bench apply`).
BATCH = 1000

T = TypeVar("T")


@dataclass(slots=True, unsafe_hash=True)
class Said:
    """A word about one message, named by `id` where it is known, else by provider id and part.

    `provider_id` and `part` are given in both cases, because they order the locks. `blocks` has a bit for each channel
    on which the word blocks the recipient's address. Nobody changes one; it is not frozen because of the time.
    """

    word: Word
    provider_id: str
    part: str = ""
    id: int | None = None
    blocks: int = 0

    @property
    def place(self) -> tuple[str, str, int]:
        """Where it stands in the one order in which messages are locked."""
        return self.provider_id, self.part, self.id or 0


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying changed: messages written, messages settled by it, words kept for messages not recorded yet."""

    written: int = 0
    settled: int = 0
    early: int = 0

    def __add__(self, other: "Applied") -> "Applied":
        """Both together."""
        return Applied(
            self.written + other.written,
            self.settled + other.settled,
            self.early + other.early,
        )


async def apply(
    connection: Connection,
    account: int,
    source: Source,
    now: datetime,
    said: Iterable[Said],
    looked_at: datetime | None = None,
) -> Applied:
    """Join `said` into the messages of `account`.

    Each statement is a transaction of its own unless one is open already; a state is a join, so any cut is right.
    Words about a message that is not recorded yet are kept, and joined when it is. `looked_at` is when those named by
    id were looked at, where their watches do not say so yet.
    """
    done = Applied()
    for wave in waves(said):
        for batch in batches(wave):
            done += await _apply_batch(connection, account, source, now, batch, looked_at)
    return done


def waves(said: Iterable[Said]) -> list[list[Said]]:
    """`said` cut so that each part has one word a message at most, sorted in the order of locks.

    A statement that updates a row from two words would lose one of them without saying so.
    """
    cut: list[list[Said]] = []
    depth: dict[int | tuple[str, str], int] = {}
    for one in said:
        key = one.id or (one.provider_id, one.part)
        at = depth.get(key, 0)
        depth[key] = at + 1
        if at == len(cut):
            cut.append([])
        cut[at].append(one)
    for wave in cut:
        wave.sort(key=lambda one: one.place)
    return cut


def batches(items: Sequence[T], size: int = BATCH) -> Iterable[Sequence[T]]:
    """`items` in runs of up to `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


async def _apply_batch(
    connection: Connection,
    account: int,
    source: Source,
    now: datetime,
    batch: Sequence[Said],
    looked_at: datetime | None,
) -> Applied:
    by_id = [one for one in batch if one.id is not None]
    by_key = [one for one in batch if one.id is None]
    done = Applied()
    if by_id:
        ids = [one.id for one in by_id]
        row = await _write(connection, QUERIES.apply_by_id, account, now, source, ids, *_columns(by_id), looked_at)
        done += await _applied(connection, account, now, by_id, row)
    if by_key:
        keys = [one.provider_id for one in by_key], [one.part for one in by_key]
        names = keys[0], _sparse(keys[1])
        row = await _write(connection, QUERIES.apply_by_key, account, now, source, *names, *_columns(by_key))
        done += await _applied(connection, account, now, by_key, row)
        if done.early:
            # The recorder may have committed meanwhile; it looks after its commit, and we after ours.
            done += await join_early(connection, account, now, set(zip(*keys, strict=True)))
    return done


async def _applied(
    connection: Connection, account: int, now: datetime, batch: Sequence[Said], row: asyncpg.Record
) -> Applied:
    if row["nameless"]:
        # As with `early`: whoever named a recipient meanwhile could not see yet what we have heard of him.
        await _block(connection, account, now, [one for one in batch if one.blocks])
    return Applied(row["written"], row["settled"], row["early"])


async def _block(connection: Connection, account: int, now: datetime, said: Sequence[Said]) -> None:
    columns = (
        [one.id for one in said],
        [one.provider_id for one in said],
        [one.part for one in said],
        [one.word.bits for one in said],
        [one.word.reason for one in said],
        [one.word.code for one in said],
        [one.word.detail for one in said],
        [one.blocks for one in said],
    )
    await _write(connection, QUERIES.block, account, now, *columns)


def _columns(batch: Sequence[Said]) -> list[list[Any]]:
    """The words of a batch as the arrays that the statements take."""
    words = [one.word for one in batch]
    return [
        [word.bits for word in words],
        [word.top for word in words],
        [word.at for word in words],
        [word.reason for word in words],
        [word.code for word in words],
        _sparse([word.attempts for word in words]),
        _sparse([word.attempt_at for word in words]),
        _sparse([word.response for word in words]),
        _sparse([word.detail for word in words]),
        [one.blocks for one in batch],
    ]


def _sparse(column: list[Any]) -> list[Any]:
    """`column`, or nothing where nobody says anything: a thousand empty texts cost more than nulls."""
    return column if any(column) else []


async def _write(connection: Connection, query: LiteralString, *arguments: object) -> asyncpg.Record:
    row = await outlast(connection, lambda: connection.fetchrow(query, *arguments))
    assert row is not None  # noqa: S101 - an aggregate without a group has one row
    return row


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms overdue messages of one account may be settled now; `worker.settling` says what they mean.

    `remembered` is how long after sending the last look may be made. `by_id` and `by_reference` say how a message can
    be asked about by itself.
    """

    lag: timedelta
    remembered: timedelta | None
    hard_limit: timedelta
    confirms: bool
    asks: bool
    by_id: bool
    by_reference: bool
    streams: bool
    read_until: datetime | None


@dataclass(frozen=True, slots=True)
class Settled:
    """How many overdue messages were seen and how many of them settled, and the deadline and id of the last seen."""

    seen: int
    settled: int
    place: tuple[datetime, int]


async def settle(
    connection: Connection, account: int, now: datetime, after: tuple[datetime, int], limit: int, terms: Terms
) -> Settled:
    """Settle overdue messages as far as the terms allow: up to `limit` in the order of deadlines, from a place on.

    What someone else writes just now is left as it is, so this never waits.
    """
    arguments = (
        *(account, now, Source.SWEEP, *after, limit, terms.lag, terms.remembered, terms.hard_limit, terms.confirms),
        *(terms.asks, terms.by_id, terms.by_reference, terms.streams, terms.read_until),
    )
    row = await _write(connection, QUERIES.settle, *arguments)
    return Settled(row["seen"], row["settled"], (row["deadline_at"], row["id"]) if row["seen"] else after)


async def join_early(connection: Connection, account: int, now: datetime, keys: Iterable[tuple[str, str]]) -> Applied:
    """Apply the words that waited for these messages, named by (provider id, part), which are recorded by now."""
    done = Applied()
    wanted = sorted(keys)
    while True:
        taken, applied = await outlast(connection, lambda: _join_some_early(connection, account, now, wanted))
        done += applied
        if taken < BATCH:
            return done


async def _join_some_early(
    connection: Connection, account: int, now: datetime, wanted: Sequence[tuple[str, str]]
) -> tuple[int, Applied]:
    """How many words were taken out, and what they changed, in one transaction."""
    done = Applied()
    async with connection.transaction():
        keys = [key[0] for key in wanted], [key[1] for key in wanted]
        rows = await connection.fetch(QUERIES.take_early, account, *keys, BATCH)
        for source in sorted({row["source"] for row in rows}):
            waited = [_waited(row) for row in rows if row["source"] == source]
            done += await apply(connection, account, Source(source), now, waited)
    return len(rows), done


def _waited(row: asyncpg.Record) -> Said:
    word = Word(
        row["bits"],
        row["at"],
        row["reason"],
        row["code"],
        row["attempts"],
        row["attempt_at"],
        row["response"],
        row["detail"],
    )
    return Said(word, row["provider_id"], row["part"], None, row["blocks"])


async def join_all_early(connection: Connection, account: int, now: datetime) -> Applied:
    """Apply every word that waits for a message recorded by now: what a crash may have left."""
    keys = await connection.fetch(QUERIES.early_keys, account, BATCH)
    return await join_early(connection, account, now, [(row[0], row[1]) for row in keys]) if keys else Applied()


async def forget_early(connection: Connection, account: int, before: datetime, cap: int) -> int:
    """Drop words whose message never came, and those above `cap`; they are counted as not ours."""
    dropped: int = await connection.fetchval(QUERIES.forget_early, account, before, cap)
    return dropped

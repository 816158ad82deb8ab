"""Re-timing: by which schedules the next looks were set, and setting them anew where these change.

Everything that a step needs is in Postgres, so that any worker can go on where another was killed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import asyncpg
import msgspec

from rules.statuses import Channel
from store.connections import Connection
from store.queries import Queries

QUERIES = Queries("retiming")

#: What next looks of one account are set by, in words: by channel, by `schedule NAME`, and `bounds` for the last look.
Schedules = Mapping[str, str]

Phase = Literal["none", "soon", "rest", "again"]

#: A worker says so often that it refuses its file; one that has not said so for three times that is gone.
SAYS_EVERY = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Change:
    """Schedules of an account that are not those applied last; who applied those, and when."""

    account: int
    changed: tuple[str, ...]
    before_by: str
    before_at: datetime


async def note(
    connection: Connection, schedules: Mapping[int, Schedules], now: datetime, worker: str
) -> Sequence[Change]:
    """Apply these schedules, by the number of the account, from now on; begin to re-time where they are others."""
    async with connection.transaction():
        await connection.execute(QUERIES.begin, *_columns(schedules), now, worker)
        rows = await connection.fetch(QUERIES.hold, *_columns(schedules))
        changes = [_change(row, schedules[row["account"]]) for row in rows]
        # What an earlier change has not reached yet is re-timed with it.
        left = {row["account"]: set(_strings(row["changed"]) if row["phase"] != "none" else ()) for row in rows}
        accounts = [change.account for change in changes]
        changed = [_json(sorted(left[change.account].union(change.changed))) for change in changes]
        after = [_json(schedules[account]) for account in accounts]
        await connection.execute(QUERIES.change, accounts, after, changed, now, worker)
    return changes


def _change(row: asyncpg.Record, after: Schedules) -> Change:
    before = msgspec.json.decode(row["schedules"], type=dict[str, str])
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    return Change(row["account"], tuple(changed), row["changed_by"], row["changed_at"])


async def others(connection: Connection, schedules: Mapping[int, Schedules]) -> Sequence[Change]:
    """Where the schedules applied last are not these, because another worker has others."""
    return [
        _change(row, schedules[row["account"]]) for row in await connection.fetch(QUERIES.differ, *_columns(schedules))
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """Where to go on: with the account, in the phase, after the message `place`."""

    account: int
    changed: frozenset[str]
    began_at: datetime
    phase: Phase
    place: int


async def next_step(connection: Connection, schedules: Mapping[int, Schedules], now: datetime) -> Step | None:
    """The next step, which is ours until the transaction ends; None if there is none now, or somebody else makes one.

    Only accounts whose schedules are those applied last are gone on with: another worker's are not ours to set.
    """
    if not await connection.fetchval(QUERIES.only_me):
        return None
    row = await connection.fetchrow(QUERIES.next, now, *_columns(schedules))
    if row is None:
        return None
    return Step(row["account"], frozenset(_strings(row["changed"])), row["changed_at"], row["phase"], row["place"])


async def under_way(connection: Connection, accounts: Sequence[int]) -> bool:
    """Whether anything of these accounts is being re-timed."""
    found: bool = await connection.fetchval(QUERIES.under_way, accounts)
    return found


class Timed(NamedTuple):
    """An open message and its next look. It is claimed where that is the end of its lease."""

    id: int
    channel: Channel
    schedule: str | None
    sent_at: datetime
    deadline_at: datetime
    next_look_at: datetime
    looks: int
    leased_until: datetime | None

    @property
    def is_claimed(self) -> bool:
        """Whether somebody has claimed it, who will say when it is looked at next."""
        return self.leased_until == self.next_look_at


#: Stretches of time, from and to; None: ever.
Stretches = Sequence[tuple[datetime | None, datetime | None]]


async def page(connection: Connection, step: Step, limit: int) -> list[Timed]:
    """The next messages of the account."""
    return _timed(await connection.fetch(QUERIES.page, step.account, step.place, limit))


async def soon(connection: Connection, step: Step, limit: int, sent: Stretches, deadlines: Stretches) -> list[Timed]:
    """The next of those that were sent, or whose deadline is, in one of these stretches."""
    texts = _multirange(sent), _multirange(deadlines)
    return _timed(await connection.fetch(QUERIES.soon, step.account, step.place, limit, *texts))


async def lately(connection: Connection, step: Step, limit: int, since: datetime) -> list[Timed]:
    """The next of those of which somebody may have set the next look since then."""
    return _timed(await connection.fetch(QUERIES.lately, step.account, step.place, limit, since))


def _timed(rows: Sequence[asyncpg.Record]) -> list[Timed]:
    return [Timed(*row) for row in rows]


async def retime(connection: Connection, account: int, moves: Sequence[tuple[Timed, datetime]]) -> int:
    """Give messages another next look, but none that was claimed or written meanwhile; how many."""
    columns = (
        [timed.id for timed, _ in moves],
        [timed.looks for timed, _ in moves],
        [timed.next_look_at for timed, _ in moves],
        [at for _, at in moves],
    )
    return int((await connection.execute(QUERIES.retime, account, *columns)).split()[-1])


async def advance(
    connection: Connection,
    account: int,
    phase: Phase,
    place: int,
    due_at: datetime,
    *,
    seen: int,
    moved: int,
    now: datetime,
) -> None:
    """Write down how far it has come: how many messages more were seen and moved, and when the next step is due."""
    await connection.execute(QUERIES.advance, account, phase, place, due_at, seen, moved, now)


@dataclass(frozen=True, slots=True)
class Progress:
    """What was changed last in an account, and how far that has come: `seen` of `total` messages, `moved` of them."""

    account: str
    changed: tuple[str, ...]
    changed_at: datetime
    changed_by: str
    phase: Phase
    total: int
    seen: int
    moved: int
    ended_at: datetime | None

    @property
    def words(self) -> str:
        """What is going on, in words for people."""
        match self.phase:
            case "none":
                return "in force"
            case "soon":
                return "what is due within a minute is re-timed"
            case "rest":
                return "the rest is re-timed"
            case "again":
                return "what was being asked meanwhile is re-timed"


async def progress(connection: Connection) -> list[Progress]:
    """Of every account of which schedules are known, by name. While it is `none`, everything is in force."""
    return [
        Progress(
            row["account"],
            tuple(_strings(row["changed"])),
            row["changed_at"],
            row["changed_by"],
            row["phase"],
            row["total"],
            row["seen"],
            row["moved"],
            row["ended_at"],
        )
        for row in await connection.fetch(QUERIES.progress)
    ]


async def refuse(connection: Connection, worker: str, now: datetime, problems: Sequence[str]) -> None:
    """Say that a worker refuses its changed file, and why. To be said again every `SAYS_EVERY`."""
    await connection.execute(QUERIES.refuse, worker, now, list(problems))


async def accept(connection: Connection, worker: str, now: datetime) -> None:
    """Say that a worker refuses nothing any more, or ends."""
    await connection.execute(QUERIES.accept, worker, now - SAYS_EVERY * 3)


async def refusals(connection: Connection, now: datetime) -> list[asyncpg.Record]:
    """Running workers that refuse their changed file: worker, refused_at, problems."""
    return await connection.fetch(QUERIES.refusals, now - SAYS_EVERY * 3)


def _columns(schedules: Mapping[int, Schedules]) -> tuple[list[int], list[str]]:
    return list(schedules), [_json(one) for one in schedules.values()]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _strings(text: str) -> list[str]:
    return msgspec.json.decode(text, type=list[str])


def _multirange(stretches: Stretches) -> str:
    """As Postgres reads it."""
    return "{" + ",".join(f"[{_bound(first)},{_bound(last)}]" for first, last in stretches) + "}"


def _bound(at: datetime | None) -> str:
    return "" if at is None else f'"{at.isoformat()}"'

"""Taking in what senders say: new messages, and what is learnt later about known ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from rules.hashing import is_hash
from rules.reports import Word
from rules.statuses import Source
from store.connections import Connection
from store.deadlocks import outlast
from store.queries import Queries
from store.reports import Said, apply
from store.suppression import Fact, add

QUERIES = Queries("inbox")

#: Where a row lies: its page, and its number there.
Place = tuple[int, int]

#: The first place of a table.
START: Place = (0, 0)


@dataclass(slots=True)
class Recording:
    """One row of the inbox, understood. It is not frozen, because making one takes half the time so.

    `words` is what the sender says of the message, the first of them its first status. `since` is the time from which
    its age counts. `allowance` is None where the sender named the deadline; `named_deadline` then is that.
    """

    row: int
    account: int
    channel: int
    recipient: str
    provider_id: str | None
    part: str
    reference: str | None
    communication: str | None
    schedule: str | None
    sent_at: datetime | None
    scheduled_at: datetime | None
    deadline_at: datetime
    named_deadline: datetime | None
    allowance: int | None
    next_look_at: datetime
    since: datetime
    words: tuple[Word, ...]
    blocks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stray:
    """A row of the inbox that cannot be taken in, kept as it was, and why."""

    received_at: datetime
    problem: str
    account: str | None
    said: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of a batch: messages recorded, rows about known messages, and rows that contradict the known.

    `addressed` are the known messages, as (account, id), whose recipient was not known before.
    """

    new: int
    known: int
    contradictions: tuple[tuple[Recording, str], ...]
    addressed: tuple[tuple[int, int], ...] = ()

    def __add__(self, other: "Recorded") -> "Recorded":
        """Both together."""
        return Recorded(
            self.new + other.new,
            self.known + other.known,
            self.contradictions + other.contradictions,
            self.addressed + other.addressed,
        )


@dataclass(slots=True)
class Hand:
    """From which place of the inbox on rows are taken next; it goes round, so that no row is passed over for ever.

    Rows lie in the order of their coming, except where new ones fill space that has become free. Whoever always began
    at the first place would read the dead rows there again each time.
    """

    at: Place = START

    def moved(self, began_at: Place, last: Place | None) -> bool:
        """Move from where a batch began to its last row, if it was a full one; else to the first place.

        Whether more may be there: not if it began at the first place and found the table's end.
        """
        self.at = last or START
        return last is not None or began_at != START


async def take(connection: Connection, limit: int, place: Place = START) -> list[asyncpg.Record]:
    """Rows of the inbox from `place` on, in the order of their coming. They are gone when the transaction commits.

    One with a time that Python cannot hold has all it says in `odd`, as JSON text, and no times. `id` numbers them.
    """
    return await connection.fetch(QUERIES.take, limit, place)


def last_place(rows: Sequence[asyncpg.Record]) -> Place | None:
    """Where the last of these rows lay; None without any."""
    return max((row["place"] for row in rows), default=None)


async def has_some(connection: Connection) -> bool:
    """Whether anything waits."""
    return bool(await connection.fetchval(QUERIES.has_some))


async def waiting(connection: Connection) -> int:
    """How many rows wait."""
    return int(await connection.fetchval(QUERIES.waiting))


async def newest(connection: Connection) -> int | None:
    """The number of the newest row that waits."""
    number: int | None = await connection.fetchval(QUERIES.newest)
    return number


async def waits_up_to(connection: Connection, number: int | None) -> bool:
    """Whether a row up to `number` still waits."""
    return bool(await connection.fetchval(QUERIES.waits_up_to, number))


async def naming(connection: Connection, name: str) -> asyncpg.Record | None:
    """A row not taken in that names a message: received_at, and problem if it was put aside."""
    return await connection.fetchrow(QUERIES.naming, name)


async def record(connection: Connection, now: datetime, recordings: Sequence[Recording]) -> Recorded:
    """Record new messages and join what is said of known ones. Run it in the transaction that took the rows."""
    communications = await _communications(connection, recordings)
    done = Recorded(0, 0, ())
    for part in rounds(recordings):
        done += await _record(connection, now, part, communications)
    return done


def rounds(recordings: Sequence[Recording]) -> list[list[Recording]]:
    """`recordings` cut so that no two of a part share a name, and what was said first comes first."""
    cut: list[list[Recording]] = []
    depths: dict[tuple[int, str, str, bool], int] = {}
    for recording in recordings:
        names = [
            (recording.account, name, recording.part, by_reference)
            for name, by_reference in ((recording.provider_id, False), (recording.reference, True))
            if name
        ]
        depth = max(depths.get(name, -1) for name in names) + 1
        depths.update(dict.fromkeys(names, depth))
        if depth == len(cut):
            cut.append([])
        cut[depth].append(recording)
    return cut


async def _record(
    connection: Connection, now: datetime, recordings: Sequence[Recording], communications: dict[str, int]
) -> Recorded:
    rows = await connection.fetch(QUERIES.record, now, *_columns(recordings, communications))
    new = {row["n"] - 1: row["id"] for row in rows}
    fresh = [(recordings[at], message) for at, message in sorted(new.items())]
    later = [recording for at, recording in enumerate(recordings) if at not in new]
    known, contradictions = await _resolve(connection, later) if later else ([], [])
    await _block(connection, now, fresh)
    addressed = await _add(connection, known, communications)
    said = [(recording, message, 1) for recording, message in fresh]
    await _say(connection, now, said + [(recording, message, 0) for recording, message in known])
    return Recorded(len(new), len(known), tuple(contradictions), tuple(addressed))


async def _communications(connection: Connection, recordings: Sequence[Recording]) -> dict[str, int]:
    names = sorted({recording.communication for recording in recordings if recording.communication})
    found: dict[str, int] = {}
    # A name that another transaction is just making is seen once that has committed.
    while names and len(found) < len(names):
        found = {row["name"]: row["id"] for row in await connection.fetch(QUERIES.communications, names)}
    return found


def _columns(recordings: Sequence[Recording], communications: dict[str, int]) -> list[list[object]]:
    first = [recording.words[0] for recording in recordings]
    return [
        [recording.account for recording in recordings],
        [recording.channel for recording in recordings],
        [recording.recipient for recording in recordings],
        [recording.provider_id for recording in recordings],
        [recording.part for recording in recordings],
        [recording.reference for recording in recordings],
        [communications.get(recording.communication or "") for recording in recordings],
        [recording.schedule for recording in recordings],
        [recording.sent_at for recording in recordings],
        [recording.scheduled_at for recording in recordings],
        [recording.deadline_at for recording in recordings],
        [recording.allowance for recording in recordings],
        [recording.next_look_at for recording in recordings],
        [recording.since for recording in recordings],
        [word.bits for word in first],
        [word.top for word in first],
        [word.at for word in first],
        [word.reason for word in first],
        [word.attempts for word in first],
    ]


async def _resolve(
    connection: Connection, recordings: Sequence[Recording]
) -> tuple[list[tuple[Recording, int]], list[tuple[Recording, str]]]:
    """The known message of each recording, locked, and the recordings that contradict what is known."""
    rows = await connection.fetch(
        QUERIES.known,
        [recording.account for recording in recordings],
        [recording.provider_id for recording in recordings],
        [recording.part for recording in recordings],
        [recording.reference for recording in recordings],
    )
    kinds = ("provider_id", "reference")
    named = {(kind, row["account"], row[kind], row["part"]): row for row in rows for kind in kinds if row[kind]}
    known, contradictions = [], []
    for recording in recordings:
        names = zip(kinds, (recording.provider_id, recording.reference), strict=True)
        keys = [(kind, recording.account, name, recording.part) for kind, name in names]
        found = [named[key] for key in keys if key in named]
        problem = contradiction(recording, found)
        if problem:
            contradictions.append((recording, problem))
        else:
            known.append((recording, found[0]["id"]))
    return known, contradictions


def contradiction(recording: Recording, found: Sequence[asyncpg.Record]) -> str | None:
    """What a row says against the message that it names; None if it fits. What is not said fits everything."""
    if len({row["id"] for row in found}) != 1:
        return "its provider id and its reference name two different messages"
    known = found[0]
    if _differ(recording.provider_id, known["provider_id"]):
        return "its reference is that of a message with another provider id; give what is sent again its own reference"
    if _differ(recording.reference, known["reference"]):
        return "its provider id is that of a message with another reference; correct one of them"
    # Of an address and a hash nobody can tell here whether they are the same.
    if is_hash(recording.recipient) == is_hash(known["recipient"] or "") and _differ(
        recording.recipient, known["recipient"]
    ):
        return "its message is known with another recipient; give each recipient a provider id or reference of its own"
    return None


def _differ(said: str | None, known: str | None) -> bool:
    return bool(said) and bool(known) and said != known


async def _add(
    connection: Connection,
    known: Sequence[tuple[Recording, int]],
    communications: dict[str, int],
) -> list[tuple[int, int]]:
    """Fill in what was missing, one row a message at a time, in the order in which they were said.

    Returns the messages whose recipient became known.
    """
    addressed: list[tuple[int, int]] = []
    for wave in _waves(known):
        rows = await connection.fetch(
            QUERIES.add,
            [recording.account for recording, _ in wave],
            [message for _, message in wave],
            [recording.provider_id for recording, _ in wave],
            [recording.reference for recording, _ in wave],
            [recording.recipient for recording, _ in wave],
            [communications.get(recording.communication or "") for recording, _ in wave],
            [recording.sent_at for recording, _ in wave],
            [recording.scheduled_at for recording, _ in wave],
            [recording.named_deadline for recording, _ in wave],
            [recording.next_look_at for recording, _ in wave],
        )
        addressed += [(row["account"], row["id"]) for row in rows]
    return addressed


def _waves(
    known: Sequence[tuple[Recording, int]],
) -> Iterable[list[tuple[Recording, int]]]:
    rest = list(known)
    while rest:
        first = {message: (recording, message) for recording, message in reversed(rest)}
        yield sorted(first.values(), key=lambda pair: pair[1])
        taken = {id(recording) for recording, _ in first.values()}
        rest = [pair for pair in rest if id(pair[0]) not in taken]


async def _say(connection: Connection, now: datetime, said: Sequence[tuple[Recording, int, int]]) -> None:
    """Join the sender's words, from the n-th of each recording on; a new message was recorded with its first."""
    for account in sorted({recording.account for recording, _, _ in said}):
        words = [
            Said(word, recording.provider_id or "", recording.part, message, blocks)
            for recording, message, start in said
            if recording.account == account
            for word, blocks in list(zip(recording.words, recording.blocks, strict=True))[start:]
        ]
        if words:
            await apply(connection, account, Source.SENDER, now, words)


async def _block(connection: Connection, now: datetime, fresh: Sequence[tuple[Recording, int]]) -> None:
    """Block the addresses that a first word blocks: it is recorded with the message and does not pass through apply."""
    facts = [
        (
            Fact(
                recording.channel,
                recording.recipient,
                recording.account,
                message,
                recording.words[0].bits,
                recording.words[0].reason,
            ),
            recording.sent_at or now,
        )
        for recording, message in fresh
        if recording.recipient and recording.blocks[0] >> recording.channel & 1
    ]
    if facts:
        await add(connection, facts, now)


async def adopt(connection: Connection, account: int, pairs: Sequence[tuple[str, str, str]]) -> list[int]:
    """Give messages the provider ids that answers told. `pairs` are (reference, part, provider id)."""
    columns = [list(column) for column in zip(*sorted(pairs), strict=True)] if pairs else [[], [], []]
    rows = await outlast(connection, lambda: connection.fetch(QUERIES.adopt, account, *columns))
    return [row["id"] for row in rows]


async def keep_strays(connection: Connection, strays: Sequence[Stray]) -> None:
    """Keep rows that cannot be taken in."""
    await connection.execute(
        QUERIES.keep_strays,
        [stray.received_at for stray in strays],
        [stray.problem for stray in strays],
        [stray.account for stray in strays],
        [stray.said for stray in strays],
    )


async def strays(connection: Connection, limit: int) -> list[asyncpg.Record]:
    """The newest rows kept: id, received_at, problem, account, said (JSON text)."""
    return await connection.fetch(QUERIES.strays, limit)


async def count_strays(connection: Connection) -> list[asyncpg.Record]:
    """How many rows are kept for each problem: problem, rows, since."""
    return await connection.fetch(QUERIES.count_strays)


async def retry_strays(connection: Connection) -> int:
    """Put all kept rows back into the inbox; how many."""
    return int((await connection.execute(QUERIES.retry_strays)).split()[-1])

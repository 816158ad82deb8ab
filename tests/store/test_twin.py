"""The SQL of `apply` is the twin of `rules.state.join`: whatever is said, in any order, both end in the same state."""

import asyncio
import random
from datetime import datetime, timedelta
from itertools import product

import asyncpg
import pytest

from rules.reports import Word
from rules.state import State, join
from rules.statuses import Engagement, Mark, Reason, Source, Status
from store import reports
from store.connections import Connection
from store.reports import Applied, Said
from tests.store.written import NOW, account, record, recorded, recording, states

MINUTE = timedelta(minutes=1)

#: How the second word of a pair differs from the first: in time, and in what either gives as its cause.
TIMES = (-MINUTE, timedelta(), MINUTE)
CAUSES = (
    ((Reason.NONE, ""), (Reason.NONE, "x")),
    ((Reason.NONE, ""), (Reason.SPAM, "554")),
    ((Reason.POLICY, "5"), (Reason.SPAM, "5")),
    ((Reason.SPAM, "b"), (Reason.SPAM, "B")),
)


def pairs() -> dict[str, tuple[Word, Word]]:
    """Two words for each pair of statuses, by the name of the message they are about."""
    return {
        f"{one.word} {other.word} {later} {number} {order}": (
            Word(one.bit, NOW, *causes[::order][0]),
            Word(other.bit, NOW + later, *causes[::order][1]),
        )
        for one, other, later, (number, causes), order in product(Status, Status, TIMES, enumerate(CAUSES), (1, -1))
    }


@pytest.mark.parametrize("by_id", [True, False])
async def test_every_pair_of_statuses_joins_in_sql_as_in_the_rules(db: asyncpg.Connection, *, by_id: bool) -> None:
    said = pairs()
    numbers = await recorded(db, said, words=(Word(Status.PENDING.bit, NOW),), sent_at=None)
    pending = join(State(), [Word(Status.PENDING.bit, NOW)])
    for which in (0, 1):
        words = [Said(two[which], name, "", numbers[name] if by_id else None) for name, two in said.items()]
        await reports.apply(db, await account(db), Source.POLL, NOW, words)

    expected = {name: join(pending, two) for name, two in said.items()}
    assert await states(db) == expected


async def test_every_first_word_of_a_sender_joins_with_every_status(db: asyncpg.Connection) -> None:
    number = await account(db)
    said = pairs()
    await record(db, [recording(number, name, words=(one,)) for name, (one, _) in said.items()])
    await reports.apply(db, number, Source.POLL, NOW, [Said(other, name) for name, (_, other) in said.items()])

    # The inbox has no code: what a sender gives as the cause is a reason alone.
    expected = {name: join(State(), [Word(one.bits, one.at, one.reason), other]) for name, (one, other) in said.items()}
    assert await states(db) == expected


def anything(chance: random.Random) -> Word:
    """A word such as providers, senders and the sweep say; its times often tie with those of others."""
    at = NOW + chance.randrange(5) * MINUTE
    cause = chance.choice(
        [(Reason.NONE, ""), (Reason.NONE, "x"), (Reason.SPAM, "b"), (Reason.SPAM, "B"), (Reason.UNKNOWN, "é")]
    )
    attempts, attempt_at = chance.choice([(0, None), (1, None), (2, at), (3, at + MINUTE), (0, at)])
    kind = chance.randrange(10)
    if kind == 0:
        return Word(0, at, attempts=attempts, attempt_at=attempt_at)
    if kind == 1:
        return Word(Status.SOFT_BOUNCED.bit | Status.EXPIRED.bit, at, *cause, attempts, attempt_at)
    if kind == 2:
        return Word(Status.TIMED_OUT.bit | chance.choice(list(Mark)).bit, at)
    if kind < 6:
        engagement = chance.choice(list(Engagement))
        response = chance.choice(["yes", "Yes", "ja", ""]) if engagement is Engagement.RESPONDED else ""
        return Word(engagement.bit | Status.DELIVERED.bit, at, response=response)
    return Word(chance.choice(list(Status)).bit, at, *cause, attempts, attempt_at)


def luck(seed: int) -> random.Random:
    """The same luck each time."""
    return random.Random(seed)  # noqa: S311 - it tells stories and guards nothing


def story(chance: random.Random, names: list[str], length: int) -> list[tuple[str, Word]]:
    return [(chance.choice(names), anything(chance)) for _ in range(length)]


async def tell(
    connection: Connection,
    chance: random.Random,
    numbers: dict[str, int],
    said: list[tuple[str, Word]],
) -> Applied:
    """Apply what was said in batches of any size, by id or by key as it falls out."""
    done, at = Applied(), 0
    while at < len(said):
        size = chance.choice([1, 10, 50, 200])
        batch = [
            Said(word, name, "", numbers[name] if chance.random() < 0.5 else None)
            for name, word in said[at : at + size]
        ]
        done += await reports.apply(connection, 1, chance.choice([Source.POLL, Source.FEED]), NOW, batch)
        at += size
    return done


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_words_in_any_batches_on_any_connections_end_in_the_join(
    db: asyncpg.Connection, others: list[asyncpg.Connection], seed: int
) -> None:
    chance = luck(seed)
    numbers = await recorded(db, [f"m{number}" for number in range(60)])
    said = story(chance, list(numbers), 1500)
    shares = [chance.sample(said, int(len(said) * 0.6)) for _ in others]
    missed = [one for one in said if not any(one in share for share in shares)]
    shares[0] += missed

    await asyncio.gather(
        *(tell(one, luck(seed + n), numbers, share) for n, (one, share) in enumerate(zip(others, shares, strict=True)))
    )

    first = join(State(), [Word(Status.SENT.bit, NOW)])
    expected = {name: join(first, [word for about, word in said if about == name]) for name in numbers}
    assert await states(db) == expected
    await check_history(db, numbers)
    assert await watched(db) == {name: state.heard for name, state in expected.items() if state.status.is_open}

    again = [row["place"] for row in await db.fetch("select (ctid, xmin)::text as place from landed.message")]
    events = await db.fetchval("select count(*) from landed.event")
    chance.shuffle(said)
    assert await tell(db, chance, numbers, said) == Applied()
    assert await db.fetchval("select count(*) from landed.event") == events
    assert [row["place"] for row in await db.fetch("select (ctid, xmin)::text as place from landed.message")] == again


async def check_history(db: Connection, numbers: dict[str, int]) -> None:
    """Each thing heard is in the history once, and says truly whether it moved the message, and from where."""
    for name, number in numbers.items():
        heard = await db.fetchval("select heard from landed.message where provider_id = $1", name)
        rows = await db.fetch("select * from landed.event where message = $1 order by position", number)
        new = [row for n, row in enumerate(rows) if row["kind"] not in {early["kind"] for early in rows[:n]}]
        tried_again = [row for row in rows if row not in new]

        assert sorted(row["kind"] for row in new) == [bit for bit in range(23) if heard >> bit & 1]
        assert not any(row["applied"] for row in tried_again)
        for n, row in enumerate(rows[1:], 1):
            before = [one["kind"] for one in rows[:n] if one["xact"] != row["xact"] and one["kind"] < 16]
            assert row["from_status"] == max(before)
            assert row["applied"] == (row["kind"] > row["from_status"])


async def watched(db: Connection) -> dict[str, int]:
    """What each watch has heard, by provider id."""
    rows = await db.fetch("select provider_id, heard from landed.watch")
    return {row["provider_id"]: row["heard"] for row in rows}


async def written(connection: asyncpg.Connection, said: list[Said]) -> bool:
    """Whether applying `said` writes anything at all: then Postgres gives the transaction a number."""
    async with connection.transaction():
        await reports.apply(connection, 1, Source.POLL, NOW, said)
        return bool(await connection.fetchval("select pg_current_xact_id_if_assigned() is not null"))


@pytest.mark.parametrize("by_id", [True, False])
async def test_a_report_that_adds_nothing_writes_nothing(db: asyncpg.Connection, *, by_id: bool) -> None:
    number = (await recorded(db, ["a"], recipient="+447700900001"))["a"] if by_id else None
    if not by_id:
        await recorded(db, ["a"], recipient="+447700900001")
    news = [
        Word(Status.HARD_BOUNCED.bit, NOW, Reason.INVALID_ADDRESS, "550", 2, NOW),
        Word(Engagement.RESPONDED.bit | Status.DELIVERED.bit, NOW, response="yes"),
        Word(Engagement.COMPLAINED.bit | Status.DELIVERED.bit, NOW),
    ]
    said = [Said(word, "a", "", number, blocks=0b100) for word in news]
    later = [
        Word(Status.SENT.bit, NOW + MINUTE),
        Word(Status.HARD_BOUNCED.bit, NOW + MINUTE, Reason.POLICY, "1", 1, NOW - MINUTE),
        Word(Engagement.RESPONDED.bit | Status.DELIVERED.bit, NOW, response="no"),
        Word(Status.DELIVERED.bit, NOW + MINUTE),
    ]

    assert await written(db, said)
    assert not await written(db, said)
    assert not await written(db, [Said(word, "a", "", number) for word in later])


async def test_what_does_not_move_a_message_is_kept_in_history_and_marked(db: asyncpg.Connection) -> None:
    """cds: accept a bounce after delivered."""
    await recorded(db, ["a"])
    for status in (Status.DELIVERED, Status.HARD_BOUNCED):
        await reports.apply(db, 1, Source.POLL, NOW, [Said(Word(status.bit, NOW, code=status.word), "a")])

    expected = [
        (Status.SENT, None, True, Source.SENDER, ""),
        (Status.DELIVERED, Status.SENT, True, Source.POLL, "delivered"),
        (Status.HARD_BOUNCED, Status.DELIVERED, False, Source.POLL, "hard_bounced"),
    ]
    rows = await db.fetch("select kind, from_status, applied, source, code from landed.event order by position")
    assert [tuple(row) for row in rows] == expected
    assert (await states(db))["a"].status is Status.DELIVERED


async def test_a_word_of_two_bits_makes_two_events_from_where_the_message_stood(db: asyncpg.Connection) -> None:
    await recorded(db, ["a"])
    word = Word(Status.SOFT_BOUNCED.bit | Status.EXPIRED.bit, NOW, Reason.MAILBOX_FULL, detail="full")
    await reports.apply(db, 1, Source.POLL, NOW, [Said(word, "a")])

    rows = await db.fetch("select kind, from_status, applied, detail from landed.event where kind > 1 order by kind")
    assert [tuple(row) for row in rows] == [(3, 1, True, "full"), (7, 1, True, "full")]


async def test_another_attempt_is_news_and_an_earlier_time_of_the_same_one_is_not(db: asyncpg.Connection) -> None:
    await recorded(db, ["a"])
    for attempts, at in ((1, NOW), (2, NOW + MINUTE), (2, NOW - MINUTE)):
        word = Word(Status.DEFERRED.bit, at, attempts=attempts, attempt_at=at)
        await reports.apply(db, 1, Source.POLL, NOW, [Said(word, "a")])

    rows = await db.fetch("select occurred_at, applied from landed.event where kind = 2 order by position")
    assert [tuple(row) for row in rows] == [(NOW, True), (NOW + MINUTE, False)]
    assert (await states(db))["a"].status_at == NOW - MINUTE


async def test_two_words_about_one_message_in_one_batch_are_both_joined(db: asyncpg.Connection) -> None:
    numbers = await recorded(db, ["a", "b"])
    said = [
        Said(Word(status.bit, NOW), name, "", numbers[name] if by_id else None)
        for status in (Status.DEFERRED, Status.DELIVERED, Status.SOFT_BOUNCED)
        for name, by_id in (("a", True), ("b", False))
    ]
    done = await reports.apply(db, 1, Source.POLL, NOW, said)

    assert done.settled == 2
    assert {state.heard for state in (await states(db)).values()} == {0b1000_0000_0000_1110}
    assert max(len({one.place for one in wave}) - len(wave) for wave in reports.waves(said)) == 0


@pytest.mark.parametrize(("source", "accepted_at"), [(Source.SENDER, 1), (Source.POLL, 1), (Source.POLL, -1)])
async def test_acceptance_starts_the_wait_anew_but_no_clock_that_runs_ahead_makes_it_longer(
    db: asyncpg.Connection, source: Source, accepted_at: int
) -> None:
    pending = (Word(Status.PENDING.bit, NOW),)
    numbers = await recorded(db, ["a"], words=pending, sent_at=None)
    await record(db, [recording(1, "b", words=pending, allowance=None)])
    at = NOW + timedelta(days=accepted_at)
    heard_at = NOW + timedelta(hours=1)
    for name in ("a", "b"):
        word = Said(Word(Status.SENT.bit, at), name, "", numbers.get(name))
        await reports.apply(db, 1, source, heard_at, [word])

    counted_from: datetime = max(NOW, at if source is Source.SENDER else min(at, heard_at))
    rows = await db.fetch("select deadline_at from landed.watch order by id")
    assert [row[0] for row in rows] == [counted_from + timedelta(hours=48), NOW + timedelta(hours=48)]

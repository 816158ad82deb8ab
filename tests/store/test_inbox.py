"""A sender can say anything at any time; what is understood is recorded once, what is not is kept and shown."""

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from rules.reports import Word
from rules.statuses import Channel, Engagement, Reason, Status
from store import inbox
from store.connections import Pool, open_pool
from store.inbox import Recorded
from tests.store.written import NOW, account, record, recording, states
from tests.worker.pretend import account as configured
from worker.intake import Taken, intake

HOUR = timedelta(hours=1)
PENDING = (Word(Status.PENDING.bit, NOW),)


@pytest.fixture
async def number(db: asyncpg.Connection) -> int:
    return await account(db)


async def take(database: str, number: int) -> Taken:
    """What a worker takes in that knows the account `acme`."""
    async with open_pool(database) as pool:
        return await _take(pool, number)


async def _take(pool: Pool, number: int) -> Taken:
    return await intake(pool, {"acme": configured("acme")}, {"acme": number})


# Anything at all.

ODD: list[Mapping[str, str]] = [
    {},
    {"account": "", "channel": "", "provider_id": "", "reference": "", "status": "", "recipient": ""},
    {"account": "acme", "channel": "sms", "provider_id": "\x7f\u202e'; drop table landed.inbox --", "status": "sent"},
    {"account": "acme", "channel": "SMS", "provider_id": "capitals"},
    {"account": "acme", "channel": "sms", "provider_id": "e", "response": "x" * 100_000},
    {"account": "acme", "channel": "sms", "reference": "\U0001f48c\n\t\\N"},
    {"account": "acme", "channel": "sms", "reference": "r" * 300_000},
    {"account": "acme", "channel": "sms", "provider_id": "f", "sent_at": "infinity"},
    {"account": "acme", "channel": "sms", "provider_id": "g", "deadline_at": "-infinity"},
    {"account": "acme", "channel": "sms", "provider_id": "h", "sent_at": "0044-03-15 BC"},
    {"account": "acme", "channel": "sms", "provider_id": "i", "scheduled_at": "294276-12-31"},
    {"account": "acme", "channel": "sms", "provider_id": "j", "received_at": "infinity"},
    {"account": "acme", "channel": "sms", "provider_id": "k", "received_at": "0001-01-01 BC"},
    {"account": "acme", "channel": "sms", "provider_id": "q", "opted_out_at": "10000-01-01"},
    {"account": "acme", "channel": "sms", "provider_id": "l", "sent_at": "0001-01-01", "acknowledged_at": "9999-12-31"},
    {"account": "acme", "channel": "sms", "provider_id": "m", "sent_at": "9997-12-31 23:59:59.999999+00"},
    {"account": "acme", "channel": "sms", "provider_id": "n", "sent_at": "0002-01-01 00:00:00+00"},
    {"account": "acme", "channel": "sms", "provider_id": "o", "reason": "because", "schedule": "nobody's", "part": "p"},
]  # fmt: skip


async def insert(db: asyncpg.Connection, row: Mapping[str, str]) -> None:
    """A sender's plain INSERT; Postgres makes times of texts."""
    if not row:
        await db.execute("insert into landed.inbox default values")
        return
    places = ", ".join(f"${n}::text{'::timestamptz' if name.endswith('_at') else ''}" for n, name in enumerate(row, 1))
    await db.execute(f"insert into landed.inbox ({', '.join(row)}) values ({places})", *row.values())  # noqa: S608


async def copy(db: asyncpg.Connection, rows: list[Mapping[str, str]]) -> None:
    """A sender's COPY in text format."""
    columns = sorted({name for row in rows for name in row} - {"received_at"})
    escapes = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t"})
    lines = ("\t".join(row[name].translate(escapes) if name in row else "\\N" for name in columns) for row in rows)
    await db.copy_to_table(
        "inbox", schema_name="landed", columns=columns, source=io.BytesIO("\n".join(lines).encode()), format="text"
    )


@pytest.mark.parametrize("copied", [False, True])
async def test_anything_is_taken_in_or_put_aside_and_holds_up_nothing(
    db: asyncpg.Connection, database: str, number: int, *, copied: bool
) -> None:
    if copied:
        await copy(db, ODD)
    else:
        for row in ODD:
            await insert(db, row)
    await insert(db, {"account": "acme", "channel": "sms", "provider_id": "the last"})

    taken = await take(database, number)

    assert taken.rows == len(ODD) + 1
    assert taken.rows == taken.new + taken.strays
    assert await inbox.waiting(db) == 0
    assert {"e", "j", "k", "m", "n", "the last"} <= set(await states(db))


async def test_what_is_put_aside_is_kept_as_it_was_and_tried_again_as_it_was(
    db: asyncpg.Connection, database: str, number: int
) -> None:
    for row in ODD:
        await insert(db, row)
    await take(database, number)
    first = {row["said"] for row in await inbox.strays(db, 100)}
    assert await inbox.retry_strays(db) == len(first)
    again = await take(database, number)
    second = {row["said"] for row in await inbox.strays(db, 100)}

    assert again.new == 0
    assert plain(second) == plain(first)
    assert any('"sent_at": "0044-03-15T00:00:00+00:00 BC"' in said for said in first)
    assert sum(row["rows"] for row in await inbox.count_strays(db)) == len(second)


def plain(said: set[str]) -> list[list[tuple[str, str]]]:
    """What was said without the number of the row, which is another each time."""
    rows = [json.loads(one) for one in said]
    return sorted(sorted((key, str(value)) for key, value in row.items() if key != "id" and value) for row in rows)


async def test_a_row_that_contradicts_is_kept_with_what_is_wrong(
    db: asyncpg.Connection, database: str, number: int
) -> None:
    rows: list[dict[str, str]] = [
        {"provider_id": "a", "reference": "one", "recipient": "+1"},
        {"provider_id": "b", "reference": "two"},
        {"provider_id": "a", "reference": "two"},
        {"provider_id": "c", "reference": "one"},
        {"provider_id": "a", "reference": "three"},
        {"provider_id": "a", "recipient": "+2"},
        {"provider_id": "a", "recipient": "+1", "response": "yes"},
    ]
    for row in rows:
        await insert(db, {"account": "acme", "channel": "sms", **row})
    taken = await take(database, number)

    problems = [row["problem"] for row in await inbox.strays(db, 10)]
    assert taken == Taken(rows=7, new=2, known=1, strays=4)
    assert [problem.split(";")[0] for problem in reversed(problems)] == [
        "its provider id and its reference name two different messages",
        "its reference is that of a message with another provider id",
        "its provider id is that of a message with another reference",
        "its message is known with another recipient",
    ]


# Recording.


async def test_recording_twice_records_once_and_writes_nothing_the_second_time(
    db: asyncpg.Connection, number: int
) -> None:
    words = (
        Word(Status.SENT.bit, NOW, attempts=1),
        Word(Engagement.RESPONDED.bit | Status.DELIVERED.bit, NOW, response="yes"),
    )
    batch = [
        recording(number, f"m{n}", reference=f"r{n}", recipient="+1", communication="May", words=words)
        for n in range(50)
    ]
    seen = []
    for _ in range(2):
        done = await record(db, batch)
        places = await db.fetch("select ctid::text, xmin::text from landed.message order by id")
        seen.append((done, places, await db.fetchval("select count(*) from landed.event")))

    assert [done for done, _, _ in seen] == [Recorded(50, 0, ()), Recorded(0, 50, ())]
    assert seen[0][1:] == seen[1][1:]
    assert seen[0][2] == 50 * 3


async def test_identity_is_account_and_provider_id_or_reference_and_part(db: asyncpg.Connection, number: int) -> None:
    other = await account(db, "other")
    batch = [
        recording(owner, provider_id, reference=reference, part=part)
        for owner in (number, other)
        for part in ("", "+1", "+2")
        for provider_id, reference in (("a", "one"), (None, "a"), ("one", None))
    ]
    first = await record(db, batch)
    again = await record(db, [*batch, *batch])

    assert first == Recorded(18, 0, ())
    assert again == Recorded(0, 36, ())


async def test_later_rows_add_what_was_missing_and_change_nothing_else(db: asyncpg.Connection, number: int) -> None:
    first = recording(number, None, reference="r", words=PENDING, sent_at=None, next_look_at=NOW + 9 * HOUR)
    await record(db, [first])
    told = replace(
        first,
        provider_id="a",
        recipient="+1",
        communication="May",
        sent_at=NOW + HOUR,
        next_look_at=NOW + 2 * HOUR,
        words=(Word(Status.SENT.bit, NOW + HOUR, attempts=1),),
    )
    await record(db, [told])
    await record(db, [replace(told, communication="June", sent_at=NOW + 5 * HOUR, next_look_at=NOW)])

    row = await db.fetchrow("select * from landed.messages")
    watch = await db.fetchrow("select * from landed.watch")
    assert row is not None
    assert watch is not None
    assert (row["provider_id"], row["reference"], row["recipient"]) == ("a", "r", "+1")
    assert (row["communication"], row["status"], row["attempts"]) == ("May", "sent", 1)
    assert (row["sent_at"], row["status_at"]) == (NOW + HOUR, NOW + HOUR)
    assert (watch["provider_id"], watch["sent_at"], watch["next_look_at"]) == ("a", NOW + HOUR, NOW + 2 * HOUR)
    assert watch["deadline_at"] == NOW + 49 * HOUR


async def test_a_later_row_without_a_time_does_not_make_a_message_younger(
    db: asyncpg.Connection, database: str, number: int
) -> None:
    sent_at = datetime.now(UTC) - 3 * HOUR
    await db.execute(
        "insert into landed.inbox (account, channel, provider_id, sent_at) values ('acme', 'sms', 'a', $1)", sent_at
    )
    await insert(db, {"account": "acme", "channel": "sms", "provider_id": "a", "reference": "r"})
    await take(database, number)

    assert await db.fetchval("select sent_at from landed.message where reference = 'r'") == sent_at
    assert await db.fetchval("select sent_at from landed.watch where reference = 'r'") == sent_at


async def test_a_deadline_named_later_counts_and_no_look_lies_past_it(db: asyncpg.Connection, number: int) -> None:
    await record(db, [recording(number, "a", next_look_at=NOW + 40 * HOUR)])
    named = recording(number, "a", deadline_at=NOW + 2 * HOUR, named_deadline=NOW + 2 * HOUR, allowance=None)
    await record(db, [named])

    row = await db.fetchrow("select deadline_at, next_look_at, allowance from landed.watch")
    assert row is not None
    assert tuple(row) == (NOW + 2 * HOUR, NOW + 2 * HOUR, None)
    assert await db.fetchval("select deadline_at from landed.message") == NOW + 2 * HOUR


ATTEMPTS = [
    ("pending", 0), ("sent", 1), ("deferred", 1), ("unconfirmed", 1), ("not_sent", 0), ("failed", 1),
    ("hard_bounced", 1), ("delivered", 1), ("blocked", 0), ("no_address", 0), ("duplicate", 0), ("control_group", 0),
]  # fmt: skip


@pytest.mark.parametrize("first", [True, False])
async def test_handing_over_is_the_first_attempt_whenever_it_is_said(
    db: asyncpg.Connection, database: str, number: int, *, first: bool
) -> None:
    for status, _ in ATTEMPTS:
        for said in [status] if first else ["pending", status]:
            await insert(db, {"account": "acme", "channel": "sms", "reference": status, "status": said})
            await take(database, number)

    rows = await db.fetch("select reference, attempts from landed.message order by id")
    assert [tuple(row) for row in rows] == ATTEMPTS


async def test_what_a_sender_says_first_blocks_too(db: asyncpg.Connection, number: int) -> None:
    word = Word(Status.NOT_SENT.bit, NOW, Reason.OPTED_OUT)
    given = {"words": (word,), "blocks": (1 << Channel.SMS,)}
    await record(db, [recording(number, "a", recipient="+1", **given), recording(number, "b", recipient="", **given)])

    rows = await db.fetch("select channel, recipient, bits, reason from landed.suppression")
    assert [tuple(row) for row in rows] == [(Channel.SMS, "+1", Status.NOT_SENT.bit, Reason.OPTED_OUT)]


async def test_a_provider_id_told_by_an_answer_is_adopted_unless_another_message_has_it(
    db: asyncpg.Connection, number: int
) -> None:
    """CryptoZing: a worker killed between send and write leaves a message with our reference only."""
    references = ["one", "two", "three", "four"]
    await record(db, [recording(number, None, reference=reference) for reference in references])
    await record(db, [recording(number, "taken")])
    pairs = [("one", "", "a"), ("two", "", "taken"), ("three", "", "b"), ("four", "", "b"), ("nobody", "", "c")]
    await inbox.adopt(db, number, pairs)
    await inbox.adopt(db, number, [("one", "", "z")])
    await inbox.adopt(db, number, [])

    rows = await db.fetch(
        "select m.reference, m.provider_id, w.provider_id from landed.message m join landed.watch w using (account, id)"
        " where m.reference is not null order by m.id"
    )
    assert [tuple(row) for row in rows] == [
        ("one", "a", "a"),
        ("two", None, None),
        ("three", None, None),
        ("four", "b", "b"),
    ]


async def test_two_in_one_batch_that_share_a_name_are_recorded_one_after_the_other(
    db: asyncpg.Connection, number: int
) -> None:
    chain = [
        recording(number, None, reference="r", words=PENDING, sent_at=None),
        recording(number, "a", reference="r"),
        recording(number, "a", words=(Word(Status.DELIVERED.bit, NOW),)),
    ]
    rounds = inbox.rounds([*chain, recording(number, "b")])
    done = await record(db, chain)

    assert [[one.provider_id for one in part] for part in rounds] == [[None, "b"], ["a"], ["a"]]
    assert done == Recorded(1, 2, ())
    assert (await states(db))["a"].status is Status.DELIVERED


async def test_writing_the_inbox_keeps_up_no_index(db: asyncpg.Connection) -> None:
    """It would cost a sender's COPY nearly as much again as the table."""
    indexes = await db.fetchval("select count(*) from pg_index where indrelid = 'landed.inbox'::regclass")

    assert indexes == 0


async def test_the_hand_goes_round_so_that_nothing_is_passed_over(db: asyncpg.Connection) -> None:
    """Vacuum frees the space before the hand, and what comes then lies there."""
    await db.execute("insert into landed.inbox (provider_id) select n::text from generate_series(1, 500) as n")
    hand = inbox.Hand()
    first = await turn(db, hand)
    await db.execute("vacuum landed.inbox")
    await db.execute("insert into landed.inbox (provider_id) values ('late')")
    lies_before = await db.fetchval("select ctid < $1 from landed.inbox where provider_id = 'late'", hand.at)

    assert first == ([str(number) for number in range(1, 301)], True)
    assert lies_before
    assert await turn(db, hand) == ([str(number) for number in range(301, 501)], True)
    assert await turn(db, hand) == (["late"], False)


async def turn(db: asyncpg.Connection, hand: inbox.Hand) -> tuple[list[str], bool]:
    """What the hand finds in 300 rows, and whether there may be more."""
    place = hand.at
    rows = await inbox.take(db, 300, place)
    more = hand.moved(place, inbox.last_place(rows) if len(rows) == 300 else None)
    return [row["provider_id"] for row in rows], more


async def test_rows_that_a_copy_gave_one_number_are_all_taken_in(
    db: asyncpg.Connection, database: str, number: int
) -> None:
    """Nothing is known of a row's number but what the sender's COPY says of it."""
    rows = [(7, "acme", "sms", name) for name in ("a", "b", "c")]
    columns = ["id", "account", "channel", "provider_id"]
    await db.copy_records_to_table("inbox", schema_name="landed", columns=columns, records=rows)

    assert await take(database, number) == Taken(rows=3, new=3)
    assert set(await states(db)) == {"a", "b", "c"}


async def test_many_rows_are_each_taken_in_once_though_two_batches_are_under_way(
    db: asyncpg.Connection, database: str, number: int
) -> None:
    """Those of one message lie in different batches."""
    await db.execute(
        "insert into landed.inbox (account, channel, reference, provider_id, status)"
        " select 'acme', 'sms', 'order-' || n, case when round = 2 then 'SM' || n end,"
        " case when round = 1 then 'pending' end"
        " from generate_series(1, 2) as round, generate_series(1, 2700) as n order by round, n"
    )
    done = await take(database, number)

    assert done == Taken(rows=5400, new=2700, known=2700)
    assert await inbox.waiting(db) == 0
    assert (
        await db.fetchval("select count(*) from landed.message where provider_id = replace(reference, 'order-', 'SM')")
        == 2700
    )
    assert await db.fetchval("select count(*) from landed.watch where heard = 3") == 2700

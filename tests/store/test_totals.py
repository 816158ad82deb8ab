"""Totals kept up from events are what a count of all would give."""

import random
from collections import Counter
from datetime import timedelta

import asyncpg
import pytest

from rules.reports import Word
from rules.statuses import Channel, Source, Status
from store import messages, reports, totals
from store.connections import Connection
from store.listing import Way
from store.reports import Said
from tests.store.written import NOW, account, record, recording


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "BITS", 3)


async def truth(db: Connection, number: int) -> Counter[Way]:
    counts: Counter[Way] = Counter()
    for one in await messages.classes(db, number):
        counts[Way(one.channel, one.heard, one.reason)] += one.messages
    return counts


async def launched(db: Connection, names: list[str], **given: object) -> int:
    which = await account(db)
    await record(db, [recording(which, name, communication="launch", **given) for name in names])
    found = await messages.communication(db, "launch")
    assert found is not None
    return found


async def test_after_any_changes_the_blocks_that_events_name_give_the_same_as_a_new_count(
    db: asyncpg.Connection,
) -> None:
    chance = random.Random(3)  # noqa: S311 - what happens to which
    number = await launched(db, [f"m{n}" for n in range(100)])
    tally = await totals.count(db, number)
    for step in range(8):
        names = [f"m{n}" for n in chance.sample(range(100 + step), 9)]
        status = chance.choice([Status.DELIVERED, Status.DEFERRED, Status.FAILED])
        said = [Said(Word(status.bit, NOW + timedelta(seconds=step)), name) for name in names]
        await reports.apply(db, 1, Source.POLL, NOW, said)
        await launched(db, [f"m{100 + step}"])

        blocks, tally.at, more = await totals.touched(db, tally.at)
        changed = await totals.count_again(db, tally, blocks)

        assert not more
        assert changed
        assert await truth(db, number) == tally.counts()


async def test_only_blocks_that_were_touched_are_counted_again(db: asyncpg.Connection) -> None:
    number = await launched(db, [f"m{n}" for n in range(100)])
    tally = await totals.count(db, number)
    await reports.apply(db, 1, Source.POLL, NOW, [Said(Word(Status.DELIVERED.bit, NOW), "m40")])
    touched = await db.fetchval("select id from landed.message where provider_id = 'm40'")

    blocks, *_ = await totals.touched(db, tally.at)

    assert {touched >> totals.BITS} == blocks & set(tally.blocks) - {max(tally.blocks)}


async def test_events_are_read_in_pieces_and_none_is_missed(db: asyncpg.Connection) -> None:
    number = await launched(db, [f"m{n}" for n in range(30)])
    at = (await totals.count(db, number)).at
    for n in range(30):
        await reports.apply(db, 1, Source.POLL, NOW, [Said(Word(Status.DELIVERED.bit, NOW), f"m{n}")])
    whole, *_ = await totals.touched(db, at)
    found: set[int] = set()
    more = True
    while more:
        some, at, more = await totals.touched(db, at, 4)
        found |= some

    assert whole == found
    assert (set(), at, False) == await totals.touched(db, at)


async def test_what_a_transaction_still_open_does_is_not_missed(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    number = await launched(db, [f"m{n}" for n in range(20)])
    late = others[0].transaction()
    await late.start()
    await reports.apply(others[0], 1, Source.POLL, NOW, [Said(Word(Status.DELIVERED.bit, NOW), "m3")])
    tally = await totals.count(db, number)
    await reports.apply(db, 1, Source.POLL, NOW, [Said(Word(Status.FAILED.bit, NOW), "m15")])
    blocks, tally.at, _ = await totals.touched(db, tally.at)
    await totals.count_again(db, tally, blocks)
    await late.commit()

    blocks, tally.at, _ = await totals.touched(db, tally.at)
    await totals.count_again(db, tally, blocks)

    assert await truth(db, number) == tally.counts()


async def test_messages_that_left_still_count(db: asyncpg.Connection) -> None:
    number = await launched(db, [f"m{n}" for n in range(20)])
    tally = await totals.count(db, number)
    before = tally.counts()
    await db.execute(
        "with gone as (delete from landed.message where id % 2 = 0 or id < 12 returning *)"
        " insert into landed.archived select communication, channel, heard, reason, count(*) from gone"
        " group by 1, 2, 3, 4"
    )

    assert not await totals.count_again(db, tally, list(tally.blocks))
    assert before == tally.counts()
    assert await db.fetchval("select count(*) from landed.message") == tally.listed()


async def test_a_message_is_found_by_its_number_among_those_wanted(db: asyncpg.Connection) -> None:
    number = await launched(db, [f"m{n}" for n in range(50)])
    said = [Said(Word(Status.DELIVERED.bit, NOW), f"m{n}") for n in range(0, 50, 3)]
    await reports.apply(db, 1, Source.POLL, NOW, said)
    tally = await totals.count(db, number)
    delivered = [way for way in tally.counts() if way.heard & Status.DELIVERED.bit]
    rows = await db.fetch("select id from landed.message where status = $1 order by id", Status.DELIVERED)

    for place, row in enumerate(rows):
        after, between = tally.seek(place, delivered)
        came = [other["id"] for other in rows if other["id"] > after]

        assert row["id"] == came[between]
    assert len(rows) == tally.listed(delivered)
    assert tally.seek(10_000)[0] >= max(row["id"] for row in rows)


async def test_an_empty_communication_has_nothing_to_count(db: asyncpg.Connection) -> None:
    number = await launched(db, ["m"], channel=Channel.EMAIL)
    await db.execute("delete from landed.message")
    tally = await totals.count(db, number)

    assert Counter() == tally.counts()
    assert not await totals.count_again(db, tally, [1, 2, 3])
    assert tally.seek(0) == (-1, 0)

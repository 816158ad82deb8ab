"""Every settling is recorded once, as what is known of its time; and what is recorded is told as it was."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import fmean

import asyncpg
import pytest

from rules.reports import Word
from rules.settling_times import Observed
from rules.statuses import Channel, Mark, Source, Status
from store import reports, settlings, watches
from store.reports import Said
from store.settlings import Delays, Group, Total
from store.watches import Looked
from tests.store.written import NOW, account, record, recording

DAY = timedelta(days=1)
SMS = Group(1, Channel.SMS)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


@pytest.fixture
async def number(db: asyncpg.Connection) -> int:
    return await account(db)


async def known(db: asyncpg.Connection, group: Group = SMS, since: datetime = NOW - DAY) -> Counter[Observed]:
    """What is recorded, each once."""
    told: Counter[Observed] = Counter()
    for one in await settlings.observed(db, group, since):
        told[Observed(one.after, one.until)] += one.count
    return told


async def look(db: asyncpg.Connection, age: float) -> None:
    """Look at everything that is open, and find nothing new."""
    claimed = await watches.claim(db, 1, NOW + seconds(age), 1000, NOW + seconds(age + 60))
    looked = [Looked(watch, NOW + seconds(age), None, found=True) for watch in claimed]
    await watches.looked(db, 1, NOW + seconds(age), looked)


async def say(
    db: asyncpg.Connection, age: float, *names: str, told: float | None = None, source: Source = Source.POLL
) -> None:
    """They are delivered, and we ask at an age; the provider says that it was at the age `told`."""
    at = NOW + seconds(age if told is None else told)
    said = [Said(Word(Status.DELIVERED.bit, at), name) for name in names]
    await reports.apply(db, 1, source, NOW + seconds(age), said)


async def test_a_time_that_the_provider_gives_is_exact(db: asyncpg.Connection, number: int) -> None:
    await record(db, [recording(number, "a")])
    await look(db, 15)
    await say(db, 45, "a", told=20)

    assert await known(db) == {Observed(20, 20): 1}
    assert await settlings.delays(db, SMS, NOW - DAY) == Delays(25, 25, 25, 25)


async def test_without_a_time_it_settled_after_the_last_look_and_by_this_one(
    db: asyncpg.Connection, number: int
) -> None:
    await record(db, [recording(number, "a"), recording(number, "never looked at", next_look_at=NOW + DAY)])
    await look(db, 15)
    await say(db, 45, "a", "never looked at")

    assert await known(db) == {Observed(15, 45): 1, Observed(0, 45): 1}
    assert await settlings.delays(db, SMS, NOW - DAY) is None


@pytest.mark.parametrize(("told", "expected"), [(-30, 0), (90, 45)])
async def test_clocks_that_disagree_settle_nothing_before_it_was_sent_or_after_we_knew(
    db: asyncpg.Connection, number: int, told: float, expected: float
) -> None:
    await record(db, [recording(number, "a")])
    await say(db, 45, "a", told=told)

    assert await known(db) == {Observed(expected, expected): 1}


@pytest.mark.parametrize("source", [Source.SENDER, Source.PERSON])
async def test_what_a_sender_or_a_person_settles_says_nothing_of_the_provider(
    db: asyncpg.Connection, number: int, source: Source
) -> None:
    await record(db, [recording(number, "a")])
    await say(db, 45, "a", told=20, source=source)

    assert await settlings.totals(db, number, NOW - DAY) == {}


async def test_a_settling_is_recorded_once_however_often_it_is_heard_of(db: asyncpg.Connection, number: int) -> None:
    await record(db, [recording(number, "a")])
    for _ in range(3):
        await say(db, 45, "a", told=20)
        await say(db, 60, "a", told=30)

    assert await known(db) == {Observed(20, 20): 1}


async def test_a_report_that_came_before_its_message_counts_once_that_is_recorded(
    db: asyncpg.Connection, number: int
) -> None:
    await say(db, 4, "a", told=3, source=Source.FEED)
    await record(db, [recording(number, "a")], NOW + seconds(5))
    await reports.join_early(db, number, NOW + seconds(5), [("a", "")])

    assert await known(db) == {Observed(3, 3): 1}


async def test_what_the_sweep_settles_was_open_at_its_last_look(db: asyncpg.Connection, number: int) -> None:
    ids = await _numbers(db, ["swept", "looked at last"])
    await look(db, 3600)
    guess = Word(Status.TIMED_OUT.bit | Mark.LOOKED.bit, NOW + 2 * DAY)
    await reports.apply(db, number, Source.SWEEP, NOW + 2 * DAY, [Said(guess, "", "", ids["swept"])])
    said = [Said(guess, "", "", ids["looked at last"])]
    await reports.apply(db, number, Source.SWEEP, NOW + 2 * DAY, said, NOW + 2 * DAY)

    assert await known(db) == {Observed(3600, None): 1, Observed(2 * 86400, None): 1}


async def _numbers(db: asyncpg.Connection, names: Sequence[str]) -> dict[str, int]:
    await record(db, [recording(1, name) for name in names])
    return {row[0]: row[1] for row in await db.fetch("select provider_id, id from landed.message")}


async def test_open_messages_count_with_the_age_of_their_last_look(db: asyncpg.Connection, number: int) -> None:
    await record(db, [recording(number, "a"), recording(number, "never looked at", next_look_at=NOW + DAY)])
    await look(db, 15)

    assert await known(db) == {Observed(15, None): 1}


async def test_only_messages_sent_since_then_count_because_of_older_ones_only_the_slow_are_left(
    db: asyncpg.Connection, number: int
) -> None:
    await record(db, [recording(number, "old", since=NOW - seconds(100)), recording(number, "new")])
    await look(db, 5)
    assert await known(db, since=NOW - seconds(50)) == {Observed(5, None): 1}

    await say(db, 10, "old", "new", told=7)

    assert await known(db, since=NOW - seconds(50)) == {Observed(7, 7): 1}


async def test_a_named_schedule_has_its_own_times_and_an_unknown_name_those_of_the_channel(
    db: asyncpg.Connection, number: int
) -> None:
    for name, schedule in (("a", None), ("b", "urgent"), ("c", "misspelt")):
        await record(db, [recording(number, name, schedule=schedule)])
    for age, name in ((1, "a"), (2, "b"), (3, "c")):
        await say(db, 10, name, told=age)
    named = ("urgent", "slow")

    assert await known(db, Group(1, Channel.SMS, None, named)) == {Observed(1, 1): 1, Observed(3, 3): 1}
    assert await known(db, Group(1, Channel.SMS, "urgent", named)) == {Observed(2, 2): 1}
    assert await known(db, Group(1, Channel.SMS, "slow", named)) == {}
    totals = await settlings.totals(db, number, NOW - DAY, named)
    assert {key: total.messages for key, total in totals.items()} == {
        (Channel.SMS, None): 2,
        (Channel.SMS, "urgent"): 1,
    }


async def test_totals_count_how_times_are_known_and_how_often_was_asked(db: asyncpg.Connection, number: int) -> None:
    await record(db, [recording(number, name, next_look_at=NOW) for name in ("told", "between", "missed")])
    await look(db, 15)
    await say(db, 45, "told", told=20)
    await say(db, 45, "between")
    await say(db, 45, "missed", told=10)
    await reports.apply(db, number, Source.POLL, NOW, [])

    totals = await settlings.totals(db, number, NOW - DAY)

    assert totals == {(Channel.SMS, None): Total(2, 1, 0, looks=3, missed=1, first_at=NOW + seconds(45))}


async def test_a_batch_is_a_row_for_each_way_of_knowing(db: asyncpg.Connection, number: int) -> None:
    names = [f"m{n}" for n in range(1000)]
    await record(db, [recording(number, name) for name in names])
    said = [Said(Word(Status.DELIVERED.bit, NOW + seconds(n % 50)), name) for n, name in enumerate(names)]
    await reports.apply(db, number, Source.POLL, NOW + seconds(49), said)

    rows = await db.fetch("select kind, messages from landed.settling order by kind")

    assert [tuple(row) for row in rows] == [(1, 980), (2, 20)]


async def test_figures_are_those_of_every_single_message(db: asyncpg.Connection, number: int) -> None:
    """By brute force beside the statements: some told, some between looks, some open."""
    chance = random.Random(3)  # noqa: S311 - times of a test
    expected: Counter[Observed] = Counter()
    delays = []
    for n in range(200):
        name, looked, age = f"m{n}", chance.randint(0, 20), chance.randint(30, 60)
        await record(db, [recording(number, name)])
        if looked:
            await look(db, looked)
        match n % 3:
            case 0:
                told = chance.randint(21, 29)
                await say(db, age, name, told=told)
                expected[Observed(told, told)] += 1
                delays.append(age - told)
            case 1:
                await say(db, age, name)
                expected[Observed(looked, age)] += 1
            case _:
                # It stays open, and is looked at again with those that come later.
                await db.execute("update landed.watch set next_look_at = $1", NOW + DAY)
                if looked:
                    expected[Observed(looked, None)] += 1
    delays.sort()

    assert await known(db) == expected
    measured = await settlings.delays(db, SMS, NOW - DAY)
    assert measured is not None
    ranks = [delays[-(-len(delays) * part // 100) - 1] for part in (50, 95, 99)]
    assert [measured.p50, measured.p95, measured.p99] == ranks
    assert measured.mean == pytest.approx(fmean(delays))


async def test_of_too_many_a_sample_counts_for_all(
    db: asyncpg.Connection, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settlings, "MOST", 100)
    await db.execute(
        "insert into landed.settling (at, account, channel, kind, messages, looks, missed, froms, untils)"
        " select $2::timestamptz + n * interval '1 millisecond' + n * interval '1 microsecond',"
        " $1, 2, 1, 10, 10, 0, array_fill((n % 7)::real, array[10]), array_fill(8::real, array[10])"
        " from generate_series(1, 1000) as n",
        number,
        NOW,
    )

    found = await settlings.observed(db, SMS, NOW - DAY)

    rows = await db.fetch("select n from generate_series(1, 1000) as n where n * 1001 % 100 = 0")
    expected = Counter(float(row[0] % 7) for row in rows)
    assert {one.after: one.count for one in found} == {age: 1000 * count for age, count in expected.items()}
    assert sum(one.count for one in found) == 10_000


async def test_many_ages_become_few_that_are_nearly_the_same(db: asyncpg.Connection, number: int) -> None:
    ages = [1.1**n / 10 for n in range(150)] + [10 + n / 1e4 for n in range(2000)]
    await db.execute(
        "insert into landed.settling (at, account, channel, kind, messages, looks, missed, froms, untils)"
        " values ($2, $1, 2, 1, $3, $3, 0, $4, $4)",
        number,
        NOW,
        len(ages),
        ages,
    )
    since = NOW - timedelta(days=20)

    found = await settlings.observed(db, SMS, since, grain=settlings.grain(10_000))

    assert settlings.grain(1000) == 0
    assert len(found) < 200
    assert sum(one.count for one in found) == len(ages)
    for age in ages:
        assert min(abs(one.after / age - 1) for one in found) < 0.006


async def test_what_is_old_leaves(db: asyncpg.Connection, number: int) -> None:
    await record(db, [recording(number, name) for name in ("a", "b")])
    await say(db, 10, "a", told=7)
    await say(db, 20, "b", told=7)

    assert [await settlings.forget(db, NOW + seconds(age)) for age in (10, 15, 15)] == [0, 1, 0]
    assert sum((await known(db)).values()) == 1


async def test_open_messages_are_counted_by_channel_and_schedule(db: asyncpg.Connection, number: int) -> None:
    for name, schedule in (("a", None), ("b", "urgent"), ("c", "misspelt")):
        await record(db, [recording(number, name, schedule=schedule)])

    expected = {(Channel.SMS, None): 2, (Channel.SMS, "urgent"): 1}
    assert await settlings.open_now(db, number, ["urgent"]) == expected

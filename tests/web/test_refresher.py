"""Totals are kept up once for all who look, and are right after anything that happens."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from rules.reports import Word
from rules.statuses import Reason, Source, Status
from store import messages, reports, totals
from store.connections import Pool, open_pool
from store.listing import Way
from store.reports import Said
from store.totals import Tally
from tests.store.written import NOW, account, record, recording
from web import refresher
from web.refresher import Refresher


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with open_pool(database, size=4) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "BITS", 3)


async def launched(db: asyncpg.Connection, names: list[str], communication: str = "launch") -> int:
    which = await account(db)
    await record(db, [recording(which, name, communication=communication) for name in names])
    found = await messages.communication(db, communication)
    assert found is not None
    return found


async def say(db: asyncpg.Connection, status: Status, names: list[str], **given: object) -> None:
    word = Word(status.bit, NOW, **given)  # type: ignore[arg-type]
    await reports.apply(db, 1, Source.POLL, NOW, [Said(word, name) for name in names])


async def truth(db: asyncpg.Connection, number: int) -> Counter[Way]:
    counts: Counter[Way] = Counter()
    for one in await messages.classes(db, number):
        counts[Way(one.channel, one.heard, one.reason)] += one.messages
    return counts


async def test_whoever_looks_later_sees_what_happened_meanwhile(db: asyncpg.Connection, pool: Pool) -> None:
    number = await launched(db, [f"m{n}" for n in range(50)])
    kept = Refresher(pool)
    await kept.tally(number)
    await say(db, Status.DELIVERED, ["m3", "m40"])
    await launched(db, ["m50"])
    await kept.refresh()

    assert await truth(db, number) == (await kept.tally(number)).counts()


async def test_many_who_look_at_once_are_one_count(
    db: asyncpg.Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await launched(db, [f"m{n}" for n in range(50)])
    counted = []

    async def count(connection: asyncpg.Connection, communication: int) -> Tally:
        counted.append(communication)
        return await real(connection, communication)

    real = totals.count
    monkeypatch.setattr(totals, "count", count)
    kept = Refresher(pool)
    found = await asyncio.gather(*(kept.tally(number) for _ in range(20)))
    await kept.refresh()
    found.append(await kept.tally(number))

    assert [number] == counted
    assert {id(found[0])} == {id(one) for one in found}


async def test_a_viewer_is_told_of_each_change_and_of_nothing_else(db: asyncpg.Connection, pool: Pool) -> None:
    number = await launched(db, [f"m{n}" for n in range(20)])
    other = await launched(db, ["x"], "other")
    kept = Refresher(pool)
    changes = kept.changes(number)
    first = (await anext(changes)).counts()
    await kept.tally(other)
    await say(db, Status.DELIVERED, ["x"])
    waiting = asyncio.ensure_future(anext(changes))
    await kept.refresh()
    await asyncio.sleep(0)
    told_of_another = waiting.done()
    await say(db, Status.DELIVERED, ["m7"])
    await kept.refresh()
    second = (await waiting).counts()
    await changes.aclose()

    assert not told_of_another
    assert await truth(db, number) == second
    assert first != second


async def test_a_cause_that_came_late_is_seen_in_time_though_it_is_no_event(db: asyncpg.Connection, pool: Pool) -> None:
    number = await launched(db, [f"m{n}" for n in range(40)])
    await say(db, Status.FAILED, ["m33"], reason=Reason.SPAM)
    kept = Refresher(pool)
    tally = await kept.tally(number)
    earlier = Word(Status.FAILED.bit, NOW - timedelta(hours=1), Reason.POLICY)
    await reports.apply(db, 1, Source.POLL, NOW, [Said(earlier, "m33")])
    for _ in tally.blocks:
        await kept.refresh()

    assert await truth(db, number) == (await kept.tally(number)).counts()


async def test_what_nobody_looks_at_is_forgotten_and_what_somebody_does_is_not(
    db: asyncpg.Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [await launched(db, [name], name) for name in ("one", "two", "three")]
    kept = Refresher(pool)
    changes = kept.changes(numbers[0])
    before = await anext(changes)
    idle = [await kept.tally(number) for number in numbers[1:]]
    monkeypatch.setattr(refresher, "KEPT", -1.0)
    await kept.refresh()
    again = [await kept.tally(number) for number in numbers]
    await changes.aclose()

    assert before is again[0]
    assert idle[0] is not again[1]
    assert idle[1] is not again[2]

"""What is due is given to one worker at a time, and nothing that is due is ever missed."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from rules.reports import Word
from rules.statuses import Source, Status
from store import accounts, reports, watches
from store.reports import Said
from store.watches import BEGINNING, LONGEST_REST, REST, Looked, Mark, Watch
from tests.store.written import NOW, account, record, recorded, recording

MINUTE = timedelta(minutes=1)
LEASE = NOW + 5 * MINUTE


@pytest.fixture
async def number(db: asyncpg.Connection) -> int:
    return await account(db)


async def claim(connection: asyncpg.Connection, limit: int = 1000, now_in: timedelta = timedelta()) -> list[Watch]:
    return await watches.claim(connection, 1, NOW + now_in, limit, LEASE + now_in)


async def test_what_is_due_is_claimed_once_and_oldest_first(db: asyncpg.Connection, number: int) -> None:
    ages = {"c": 1, "a": 3, "b": 2, "later": -1}
    await record(db, [recording(number, name, next_look_at=NOW - age * MINUTE) for name, age in ages.items()])
    claimed = [[one.provider_id for one in await claim(db, 2)] for _ in range(3)]

    assert [sorted(names) for names in claimed] == [["a", "b"], ["c"], []]


async def test_a_claim_is_a_lease(db: asyncpg.Connection) -> None:
    await recorded(db, ["a"])
    looks = [one.looks for at in (0, 4, 5, 9, 10) for one in await claim(db, now_in=at * MINUTE)]

    assert looks == [1, 2, 3]


async def test_many_claimers_at_once_take_each_once(
    db: asyncpg.Connection, others: list[asyncpg.Connection], number: int
) -> None:
    names = [f"m{n}" for n in range(2000)]
    await record(db, [recording(number, name) for name in names])

    async def all_of_it(connection: asyncpg.Connection) -> list[str]:
        taken: list[str] = []
        while claimed := await claim(connection, 70):
            taken += [one.provider_id for one in claimed]
        return taken

    taken = await asyncio.gather(*(all_of_it(connection) for connection in others))

    assert sorted(name for one in taken for name in one) == sorted(names)


async def test_a_claim_passes_over_what_someone_is_writing_and_never_waits(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    numbers = await recorded(db, ["a", "b"])
    async with others[0].transaction():
        await watches.claim_one(others[0], 1, numbers["a"], LEASE)
        claimed = await asyncio.wait_for(claim(db), 5)

    assert [one.provider_id for one in claimed] == ["b"]


async def test_one_message_is_claimed_due_or_not_unless_it_is_settled(db: asyncpg.Connection, number: int) -> None:
    await record(db, [recording(number, "a", next_look_at=NOW + 9 * MINUTE)])
    (message,) = (await recorded(db, [])).values()
    first = await watches.claim_one(db, number, message, LEASE)
    await reports.apply(db, number, Source.POLL, NOW, [Said(Word(Status.DELIVERED.bit, NOW), "a", "", message)])

    assert first is not None
    assert first.looks == 1
    assert await watches.claim_one(db, number, message, LEASE) is None


async def rows(db: asyncpg.Connection) -> list[tuple[object, ...]]:
    found = await db.fetch("select looks, next_look_at, looked_at, said, found from landed.watch order by id")
    return [tuple(row) for row in found]


async def test_what_a_look_found_is_kept_and_no_answer_keeps_the_last_one(db: asyncpg.Connection) -> None:
    await recorded(db, ["a", "b"])
    for n, (said, found) in enumerate([(7, True), (None, False)]):
        at = NOW + n * 10 * MINUTE
        looked = [Looked(one, at + 9 * MINUTE, said, found) for one in await claim(db, now_in=n * 10 * MINUTE)]
        await watches.looked(db, 1, at, looked)

    assert await rows(db) == [(2, NOW + 19 * MINUTE, NOW + 10 * MINUTE, 7, False)] * 2


async def test_a_claim_that_someone_took_over_changes_nothing(db: asyncpg.Connection) -> None:
    """A worker that was stopped past its lease, and continued."""
    await recorded(db, ["a"])
    stale = await claim(db)
    fresh = await claim(db, now_in=6 * MINUTE)
    before = await rows(db)
    await watches.looked(db, 1, NOW, [Looked(one, NOW, 7, found=True) for one in stale])
    await watches.hand_back(db, 1, stale, NOW)

    assert await rows(db) == before
    await watches.looked(db, 1, NOW, [Looked(one, NOW, 7, found=True) for one in fresh])
    assert await rows(db) == [(2, NOW, NOW, 7, True)]


async def test_what_was_not_asked_is_handed_back_and_does_not_count(db: asyncpg.Connection) -> None:
    await recorded(db, ["a", "b"])
    claimed = await claim(db)
    await watches.hand_back(db, 1, claimed, [NOW + MINUTE, NOW + 2 * MINUTE])
    await watches.hand_back(db, 1, [], NOW)
    first = await claim(db, now_in=MINUTE)
    await watches.hand_back(db, 1, first, NOW)

    assert [(one.provider_id, one.looks) for one in first] == [("a", 1)]
    assert await rows(db) == [(0, NOW, None, None, None), (0, NOW + 2 * MINUTE, None, None, None)]


async def test_any_number_of_looks_can_be_counted(db: asyncpg.Connection) -> None:
    """Twice a minute for two weeks are more than a small number holds, and must not stop an account."""
    await recorded(db, ["a"])
    await db.execute("update landed.watch set looks = 40000")
    claimed = await claim(db)
    await watches.looked(db, 1, NOW, [Looked(one, NOW, 7, found=True) for one in claimed])

    assert await rows(db) == [(40001, NOW, NOW, 7, True)]


async def test_what_becomes_due_behind_the_mark_is_found_within_a_minute(db: asyncpg.Connection, number: int) -> None:
    """Even where reading everything takes so long that it is hardly ever done."""
    mark = Mark()
    await recorded(db, ["a"])
    first = await watches.claim(db, number, NOW, 10, LEASE, mark)
    mark.claimed(NOW, BEGINNING, timedelta(hours=1), NOW)
    await record(db, [recording(number, "behind", next_look_at=NOW - 100 * MINUTE)])
    soon = await watches.claim(db, number, NOW + LONGEST_REST / 2, 10, LEASE, mark)
    later = await watches.claim(db, number, NOW + LONGEST_REST, 10, LEASE, mark)

    assert [[one.provider_id for one in claimed] for claimed in (first, soon, later)] == [["a"], [], ["behind"]]


def test_everything_is_read_as_often_as_costs_a_small_share_of_the_time() -> None:
    mark, took = Mark(), timedelta(milliseconds=10)
    mark.claimed(NOW, mark.floor(NOW), took, NOW - MINUTE)
    mark.claimed(NOW, mark.floor(NOW), MINUTE, NOW - MINUTE / 2)
    mark.claimed(NOW, mark.floor(NOW), MINUTE, None)
    floors = [mark.floor(NOW + took * times) for times in (0, REST - 1, REST)]

    assert floors == [NOW - MINUTE / 2, NOW - MINUTE / 2, BEGINNING]


async def test_a_claim_sees_the_earliest_of_what_it_takes(db: asyncpg.Connection, number: int) -> None:
    """Whatever the order in which the rows lie, and as long as reading everything is not due again."""
    mark = Mark()
    await record(db, [recording(number, f"m{n}", next_look_at=NOW - n * MINUTE) for n in range(5)])
    await watches.claim(db, number, NOW, 3, LEASE, mark)
    mark.claimed(NOW, BEGINNING, timedelta(hours=1), None)

    assert mark.floor(NOW) == NOW - 4 * MINUTE


async def test_claims_are_complete_while_someone_holds_an_old_snapshot(
    db: asyncpg.Connection, others: list[asyncpg.Connection], number: int
) -> None:
    """Dead index entries pile up before the mark, and it passes over them; it never passes over what is due."""
    names = [f"m{n}" for n in range(200)]
    await record(db, [recording(number, name) for name in names])
    mark, taken = Mark(), []
    async with others[0].transaction(isolation="repeatable_read"):
        await others[0].fetchval("select count(*) from landed.watch")
        for n in range(60):
            now = NOW + n * MINUTE / 10
            claimed = await watches.claim(db, number, now, 1000, now + MINUTE / 10, mark)
            taken.append(len(claimed))

    assert taken == [200] * 60


async def test_acceptance_of_a_message_and_claims_of_it_lose_nothing(db: asyncpg.Connection) -> None:
    await recorded(db, ["a"], words=(Word(Status.PENDING.bit, NOW),), sent_at=None)
    claimed = await claim(db)
    await reports.apply(db, 1, Source.SENDER, NOW, [Said(Word(Status.SENT.bit, NOW + MINUTE), "a")])
    await watches.looked(db, 1, NOW, [Looked(one, NOW + MINUTE, 7, found=True) for one in claimed])
    (again,) = await claim(db, now_in=MINUTE)

    assert (again.heard, again.said, again.looks) == (0b11, 7, 2)
    assert again.deadline_at == NOW + MINUTE + timedelta(hours=48)


async def test_an_operator_makes_everything_open_due(db: asyncpg.Connection, number: int) -> None:
    batch = [recording(number, f"m{n}", next_look_at=NOW + n * MINUTE) for n in range(5)]
    await record(db, [*batch, recording(await account(db, "other"), "o", next_look_at=NOW + MINUTE)])

    assert await accounts.poll_now(db, "acme", NOW) == 4
    assert len(await claim(db)) == 5
    assert await accounts.poll_now(db, "nobody", NOW) is None


async def test_the_backlog_of_each_account_is_counted(db: asyncpg.Connection, number: int) -> None:
    await account(db, "idle")
    ages = {"due": 1, "overdue": 1, "later": -1}
    await record(
        db,
        [
            recording(
                number,
                name,
                next_look_at=NOW - age * MINUTE,
                deadline_at=NOW if name == "overdue" else NOW + MINUTE,
                sent_at=NOW - age * MINUTE,
                since=NOW - age * MINUTE,
            )
            for name, age in ages.items()
        ],
    )

    assert [tuple(row) for row in await watches.backlog(db, NOW)] == [
        ("acme", 3, 2, 1, NOW - MINUTE),
        ("idle", 0, 0, 0, None),
    ]
    assert await watches.oldest_open(db, number) == NOW - MINUTE
    assert await watches.oldest_open(db, number + 1) is None

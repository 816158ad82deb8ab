"""Slices: more leases of one account, each with one holder, whose terms are those of no other lease."""

from datetime import datetime, timedelta

import asyncpg
import pytest

from store import accounts, slices
from store.accounts import Lease, Stale, Trouble
from store.connections import Connection
from store.slices import Sliced
from tests.store.written import NOW, account, record, recording

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def number(db: asyncpg.Connection) -> int:
    return await account(db)


async def lease(connection: Connection, slice_: int, holder: str = "one", now: datetime = NOW) -> Lease:
    held = await slices.lease(connection, "acme", slice_, holder, now, now + MINUTE)
    assert held is not None
    return held


async def test_each_slice_has_one_holder_until_its_time_is_over_or_it_is_let_go(
    db: asyncpg.Connection, number: int
) -> None:
    one, two = await lease(db, 1), await lease(db, 2, "two")
    taken = await slices.lease(db, "acme", 1, "three", NOW, NOW + MINUTE)
    later = await lease(db, 1, "three", NOW + MINUTE)
    await slices.release(db, later)
    again = await lease(db, 1, "four", NOW + MINUTE)

    assert taken is None
    assert (one.account, one.slice, two.slice) == (number, 1, 2)
    assert one.term < two.term < later.term < again.term
    assert await slices.lease(db, "nobody", 1, "one", NOW, NOW + MINUTE) is None


async def test_whoever_lost_a_slice_is_stale_and_changes_nothing(db: asyncpg.Connection, number: int) -> None:
    stale = await lease(db, 1)
    fresh = await lease(db, 1, "two", NOW + MINUTE)
    await accounts.wait(db, stale, NOW + 9 * MINUTE)
    await slices.release(db, stale)

    with pytest.raises(Stale, match="slice 1 is over"):
        await slices.renew(db, stale, NOW, NOW + MINUTE)
    with pytest.raises(Stale):
        await accounts.went_wrong(db, stale, NOW, Trouble("unreachable", "no", NOW))
    assert await slices.renew(db, fresh, NOW, NOW + 2 * MINUTE)
    assert await db.fetchval("select ask_after from landed.account where id = $1", number) is None


async def test_what_a_slice_finds_out_about_its_account_counts(db: asyncpg.Connection, number: int) -> None:
    """With its own term; the stream stays with the account's own lease."""
    held = await lease(db, 3)
    failures = await accounts.went_wrong(db, held, NOW, Trouble("unreachable", "no", NOW + MINUTE))
    goes_on = await slices.renew(db, held, NOW, NOW + MINUTE)
    await accounts.went_well(db, held, 1)
    await accounts.ease(db, held, None)
    again = await slices.renew(db, held, NOW, NOW + MINUTE)
    await accounts.wait(db, held, NOW + MINUTE)

    assert (failures, goes_on, again) == (1, False, True)
    assert await db.fetchval("select ask_after from landed.account where id = $1", number) == NOW + MINUTE
    with pytest.raises(Stale):
        await accounts.read_on(db, held, "7", NOW, NOW)


async def test_slices_that_fail_in_one_moment_met_one_trouble(db: asyncpg.Connection, number: int) -> None:
    del number
    trouble = Trouble("unreachable", "no", NOW + MINUTE)
    held = [await lease(db, slice_number) for slice_number in (1, 2, 3)]
    together = [await accounts.went_wrong(db, one, NOW, trouble) for one in held]
    later = await accounts.went_wrong(db, held[0], NOW + MINUTE, trouble)

    assert together == [1, 1, 1]
    assert later == 2


async def test_a_paused_account_ends_its_slices(db: asyncpg.Connection, number: int) -> None:
    del number
    held = await lease(db, 1)
    await accounts.pause(db, "acme", NOW, "ann", "why")

    assert not await slices.renew(db, held, NOW, NOW + MINUTE)


async def startable(db: Connection, enough: int = 3) -> set[int]:
    found = await slices.startable(db, NOW, [Sliced("acme", "x", 4)], enough)
    assert {name for name, _, _ in found} <= {"acme"}
    return {number for _, number, _ in found}


async def test_slices_start_only_while_their_account_is_asked_is_well_and_has_enough_due(
    db: asyncpg.Connection, number: int
) -> None:
    await record(db, [recording(number, f"m{n}", next_look_at=NOW) for n in range(3)])
    nobody_asks = await startable(db)
    held = await accounts.lease(db, "acme", "one", NOW, NOW + MINUTE)
    assert held is not None
    asked = await startable(db)
    await lease(db, 2)
    taken, few = await startable(db), await startable(db, enough=4)
    hindered = []
    for change in (
        "paused_at = now()",
        "ask_after = 'infinity'",
        "failures = 1",
        "easing = 1",
        "refused_settings = 'x'",
    ):
        async with db.transaction():
            await db.execute(f"update landed.account set {change}")  # noqa: S608 - of this test
            hindered.append(await startable(db))
            await db.execute("update landed.account set paused_at = null, ask_after = null, failures = 0,"
                " easing = null, refused_settings = null")  # fmt: skip

    assert (nobody_asks, asked, taken, few) == (set(), {1, 2, 3}, {1, 3}, set())
    assert hindered == [set()] * 5

"""One worker at a time asks an account, never faster than its rate; whoever lost it changes nothing any more."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import asyncpg
import pytest

from rules.forecast import Backlog
from store import accounts, watches
from store.accounts import Askable, Floors, Lease, Stale, Trouble
from store.connections import Connection
from store.watches import BEGINNING, LONGEST_REST
from tests.store.written import NOW, account, record, recording

MINUTE = timedelta(minutes=1)
UNTIL = NOW + MINUTE


@pytest.fixture
async def number(db: asyncpg.Connection) -> int:
    return await account(db)


async def lease(connection: Connection, holder: str = "one", now: datetime = NOW) -> Lease:
    held = await accounts.lease(connection, "acme", holder, now, now + MINUTE)
    assert held is not None
    return held


async def row(db: Connection, name: str = "acme") -> dict[str, object]:
    found = await accounts.named(db, name)
    assert found is not None
    return dict(found)


async def test_every_configured_account_has_a_row_and_numbers_are_not_used_up(db: asyncpg.Connection) -> None:
    """Numbers are small; a program that starts often must not run out of them."""
    first = await accounts.ensure(db, {"b": "acme", "a": "acme"})
    for _ in range(5):
        await accounts.ensure(db, {"b": "acme", "a": "other"})
    last = await accounts.ensure(db, {"c": "acme"})

    assert (first, last) == ({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3})
    assert [(one["name"], one["adapter"]) for one in await accounts.everyone(db)] == [
        ("a", "other"),
        ("b", "acme"),
        ("c", "acme"),
    ]


async def test_two_programs_that_start_at_once_agree_on_the_numbers(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    names = {f"a{n}": "acme" for n in range(20)}
    numbers = await asyncio.gather(*(accounts.ensure(connection, names) for connection in others))
    after = await accounts.ensure(db, names)

    assert all(one == after for one in numbers)


async def test_of_many_that_want_an_account_at_once_one_gets_it(
    db: asyncpg.Connection, others: list[asyncpg.Connection], number: int
) -> None:
    held = await asyncio.gather(*(accounts.lease(one, "acme", f"w{n}", NOW, UNTIL) for n, one in enumerate(others)))

    assert sum(one is not None for one in held) == 1
    assert (await row(db))["term"] == 1
    assert next(one.account for one in held if one) == number


async def test_a_lease_ends_with_its_time_or_when_it_is_let_go_and_terms_only_rise(
    db: asyncpg.Connection, number: int
) -> None:
    first = await lease(db)
    taken = [await accounts.lease(db, "acme", "two", at, at + MINUTE) for at in (NOW, UNTIL - MINUTE / 60, UNTIL)]
    second = taken[2]
    assert second is not None
    await accounts.release(db, second)
    third = await lease(db, "three", UNTIL)

    assert (first.account, [one is None for one in taken]) == (number, [True, True, False])
    assert (first.term, second.term, third.term) == (1, 2, 3)
    assert await accounts.lease(db, "nobody's", "one", NOW, UNTIL) is None


async def test_a_renewed_lease_holds_longer_and_tells_of_a_pause(db: asyncpg.Connection, number: int) -> None:
    del number
    held = await lease(db)
    may_go_on = await accounts.renew(db, held, NOW + 5 * MINUTE)
    taken = await accounts.lease(db, "acme", "two", UNTIL, UNTIL + MINUTE)
    await accounts.pause(db, "acme", NOW, "ann", "too many complaints")

    assert (may_go_on, taken) == (True, None)
    assert not await accounts.renew(db, held, NOW + 6 * MINUTE)


WRITES: dict[str, Callable[[Connection, Lease], Awaitable[object]]] = {
    "renew": lambda db, held: accounts.renew(db, held, NOW + 9 * MINUTE),
    "release": accounts.release,
    "read_on": lambda db, held: accounts.read_on(db, held, "stale", NOW, NOW),
    "wait": lambda db, held: accounts.wait(db, held, NOW + 99 * MINUTE),
    "went_well": lambda connection, held: accounts.went_well(connection, held, 2),
    "ease": lambda connection, held: accounts.ease(connection, held, 4),
    "went_wrong": lambda db, held: accounts.went_wrong(db, held, NOW, Trouble("refused", "no", NOW, "x")),
    "short": lambda db, held: accounts.short(db, held, Backlog(NOW, 8), None, None),
    "sufficient": accounts.sufficient,
    "begin_again": accounts.begin_again,
}


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_with_a_term_that_is_over_changes_nothing(db: asyncpg.Connection, number: int, name: str) -> None:
    """A worker stopped past its lease, and continued after another one took over."""
    del number
    stale = await lease(db)
    fresh = await lease(db, "two", UNTIL)
    await accounts.read_on(db, fresh, "seven", NOW, UNTIL)
    await accounts.went_wrong(db, fresh, NOW, Trouble("unreachable", "no answer", UNTIL))
    await accounts.short(db, fresh, Backlog(NOW, 7), None, None)
    before = await row(db)
    raised = False
    try:
        await WRITES[name](db, stale)
    except Stale:
        raised = True

    assert await row(db) == before
    assert raised == (name in {"renew", "read_on", "begin_again", "went_wrong"})
    await WRITES[name](db, fresh)
    assert await row(db) != before


def test_every_write_of_a_lease_carries_its_term() -> None:
    queries = accounts.QUERIES
    with_term = {name for name in queries.names() if "term = $2" in getattr(queries, name)}

    assert with_term == set(WRITES)


async def test_a_stream_goes_on_where_it_was_left_and_is_never_less_known(db: asyncpg.Connection, number: int) -> None:
    del number
    held = await lease(db)
    await accounts.read_on(db, held, "7", NOW, UNTIL)
    await accounts.read_on(db, held, None, NOW - MINUTE, None)
    await accounts.release(db, held)
    again = await lease(db)

    assert (again.position, again.read_until, again.next_read_at) == ("7", NOW, UNTIL)


async def test_failures_are_counted_until_it_goes_well(db: asyncpg.Connection, number: int) -> None:
    del number
    held = await lease(db)
    trouble = Trouble("throttled", "429", NOW + 5 * MINUTE)
    counts = [await accounts.went_wrong(db, held, NOW + n * MINUTE, trouble) for n in range(3)]
    await accounts.went_wrong(db, held, NOW, replace(trouble, ask_after=NOW))
    open_row = await row(db)
    well = [await accounts.went_well(db, held, 2) for _ in range(2)]
    closed = await row(db)

    assert counts == [1, 2, 3]
    assert (open_row["trouble"], open_row["trouble_since"], open_row["ask_after"]) == (
        "throttled",
        NOW,
        NOW + 5 * MINUTE,
    )
    assert well == [True, False]
    assert [closed[name] for name in ("failures", "trouble", "trouble_since", "ask_after")] == [0, None, None, None]


async def askable(db: Connection, *, settings: str = "x", streams: bool = False, now: datetime = NOW) -> list[str]:
    wanted = [Askable(name, settings, streams) for name in ("acme", "other", "unknown")]
    return [name for name, _ in await accounts.askable(db, now, wanted)]


async def test_an_account_with_something_due_is_asked_unless_someone_does_or_may_not(
    db: asyncpg.Connection, number: int
) -> None:
    await account(db, "other")
    seen = [await askable(db)]
    await record(db, [recording(number, "a")])
    seen.append(await askable(db))
    held = await lease(db)
    seen.append(await askable(db))
    await accounts.went_wrong(db, held, NOW, Trouble("refused", "401", None, "x"))
    await accounts.release(db, held)
    seen += [await askable(db), await askable(db, settings="y")]
    await accounts.pause(db, "acme", NOW, "ann", "")
    seen.append(await askable(db, settings="y"))
    await accounts.resume(db, "acme")
    seen.append(await askable(db))
    held = await lease(db)
    await accounts.went_wrong(db, held, NOW, Trouble("throttled", "429", UNTIL))
    await accounts.release(db, held)
    seen += [await askable(db), await askable(db, now=UNTIL)]

    assert seen == [[], ["acme"], [], [], ["acme"], [], ["acme"], [], ["acme"]]


async def test_a_stream_is_read_when_its_time_has_come_also_where_nothing_is_open(
    db: asyncpg.Connection, number: int
) -> None:
    del number
    seen = [await askable(db, streams=True)]
    held = await lease(db)
    await accounts.read_on(db, held, None, None, UNTIL)
    await accounts.release(db, held)
    seen += [await askable(db, streams=True), await askable(db, streams=True, now=UNTIL)]
    await accounts.poll_now(db, "acme", NOW)
    seen.append(await askable(db, streams=True))

    assert seen == [["acme"], [], ["acme"], ["acme"]]


async def test_accounts_with_something_overdue_are_named_whatever_holds_them(
    db: asyncpg.Connection, number: int
) -> None:
    other = await account(db, "other")
    await record(db, [recording(number, "a", deadline_at=NOW), recording(other, "b", deadline_at=UNTIL)])
    await accounts.pause(db, "acme", NOW, "ann", "")

    assert await accounts.overdue(db, NOW) == ["acme"]
    assert await accounts.overdue(db, UNTIL) == ["acme", "other"]


async def test_pausing_again_keeps_since_when_and_only_known_accounts_are_paused(
    db: asyncpg.Connection, number: int
) -> None:
    del number
    done = [
        await accounts.pause(db, "acme", NOW, "ann", "first"),
        await accounts.pause(db, "acme", UNTIL, "bob", "second"),
        await accounts.pause(db, "nobody's", NOW, "ann", ""),
        await accounts.resume(db, "nobody's"),
    ]
    found = await row(db)

    assert done == [True, True, False, False]
    assert (found["paused_at"], found["paused_by"], found["paused_why"]) == (NOW, "bob", "second")


async def test_what_becomes_due_or_overdue_behind_a_mark_is_seen_within_a_minute(
    db: asyncpg.Connection, number: int
) -> None:
    """Even where reading everything takes so long that it is hardly ever done."""
    wanted, floors, late = [Askable("acme", "x", streams=False)], Floors(), Floors()
    await record(db, [recording(number, "a", next_look_at=NOW, deadline_at=NOW)])
    for one in (floors, late):
        one.found(NOW, timedelta(hours=1), [("acme", NOW)])
    await db.execute("update landed.watch set next_look_at = $1, deadline_at = $1", NOW - 100 * MINUTE)
    seen = [
        (await accounts.askable(db, now, wanted, floors), await accounts.overdue(db, now, ["acme"], late))
        for now in (NOW + LONGEST_REST / 2, NOW + LONGEST_REST)
    ]

    assert seen == [([], []), ([("acme", 0)], ["acme"])]


async def test_a_row_thought_of_a_little_before_it_is_written_is_seen_at_once(
    db: asyncpg.Connection, number: int
) -> None:
    floors, wanted = Floors(), [Askable("acme", "x", streams=False)]
    await record(db, [recording(number, "a", next_look_at=NOW)])
    floors.found(NOW, timedelta(hours=1), [("acme", NOW)])
    await db.execute("update landed.watch set next_look_at = $1", NOW - timedelta(seconds=9))

    assert await accounts.askable(db, NOW + MINUTE / 10, wanted, floors) == [("acme", 0)]


async def buffers(db: Connection, query: str, *arguments: object) -> int:
    """How many pages a query reads."""
    text = await db.fetchval(f"explain (analyze, buffers, timing off, format json) {query}", *arguments)
    plan = json.loads(text)[0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


async def test_while_someone_holds_an_old_snapshot_a_tick_reads_a_few_pages_and_not_all_that_is_dead(
    db: asyncpg.Connection, others: list[asyncpg.Connection], number: int
) -> None:
    """361,000 claims made a tick take a tenth of a second."""
    wanted, floors = [Askable("acme", "x", streams=False)], Floors()
    await record(db, [recording(number, f"m{n}") for n in range(300)])
    async with others[0].transaction(isolation="repeatable_read"):
        await others[0].fetchval("select count(*) from landed.watch")
        for n in range(60):
            now = NOW + n * MINUTE
            await watches.claim(db, number, now, 1000, now + MINUTE)
        now = NOW + 60 * MINUTE
        floors.below(now, ["acme"])
        floors.found(now, timedelta(hours=1), [("acme", now)])
        seen = await accounts.askable(db, now, wanted, floors)
        query, arguments = accounts.QUERIES.askable, (now, ["acme"], ["x"], [False])
        with_mark = await buffers(db, query, *arguments, floors.below(now, ["acme"]))
        without = await buffers(db, query, *arguments, [BEGINNING])

    assert seen == [("acme", 0)]
    assert with_mark * 5 < without

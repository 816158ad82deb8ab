"""The history: readers miss nothing, and its days come and go."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from rules.reports import Word
from rules.statuses import Source, Status
from store import events, messages, reports
from store.connections import Connection
from store.events import Position
from store.journal import Look, look
from store.reports import Said
from tests.store.written import NOW, recorded

DAY = timedelta(days=1)
TODAY = NOW.date()


async def deliver(connection: Connection, name: str, seen_at: datetime = NOW) -> None:
    said = [Said(Word(Status.DELIVERED.bit, NOW), name)]
    await reports.apply(connection, 1, Source.POLL, seen_at, said)


async def read(connection: Connection, after: Position, limit: int = 100) -> tuple[list[int], Position]:
    rows, position = await events.since(connection, after, limit)
    return [row["message"] for row in rows if row["kind"] == Status.DELIVERED], position


async def test_a_reader_by_position_never_skips_what_is_committed_late(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    numbers = await recorded(db, ["early", "late", "last"])
    late = others[0].transaction()
    await late.start()
    await deliver(others[0], "late")
    await deliver(others[1], "early")
    first, position = await read(db, Position())
    await late.commit()
    second, position = await read(db, position)
    await deliver(others[1], "last")
    third, position = await read(db, position)

    assert [first, second, third] == [[], [numbers["late"], numbers["early"]], [numbers["last"]]]
    assert await events.since(db, position, 10) == ([], position)


async def test_a_reader_that_comes_while_rows_move_into_their_day_skips_none_of_them(
    db: asyncpg.Connection, others: list[asyncpg.Connection], database: str
) -> None:
    """It would have looked up the partitions before the new one was there, and read the old one once it was empty."""
    numbers = await recorded(db, ["moved"])
    await deliver(db, "moved")
    moving = others[0].transaction()
    await moving.start()
    moved = await others[0].fetchval("select landed.make_partition('event', $1)", TODAY)
    # Behind a pgbouncer each statement is planned anew; one that is prepared notices by itself.
    fresh = await asyncpg.connect(database, statement_cache_size=0)
    try:
        reading = asyncio.create_task(read(fresh, Position()))
        await waits(db, fresh)
        await moving.commit()
        found, _ = await reading
    finally:
        await fresh.close()

    assert moved
    assert [numbers["moved"]] == found


async def waits(watching: Connection, one: Connection) -> None:
    """Return once a connection waits for a lock."""
    asks = "select wait_event_type = 'Lock' from pg_stat_activity where pid = $1"
    while not await watching.fetchval(asks, one.get_server_pid()):
        pass


async def test_a_transaction_taken_back_leaves_no_hole_that_stops_a_reader(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    numbers = await recorded(db, ["a", "b"])
    undone = others[0].transaction()
    await undone.start()
    await deliver(others[0], "a")
    await undone.rollback()
    await deliver(db, "b")

    assert (await read(db, Position()))[0] == [numbers["b"]]


async def test_pages_of_any_size_hold_everything_once_and_in_one_order(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    """Also across the days: the reader does not know of partitions."""
    await events.make_partitions(db, TODAY, 2)
    numbers = await recorded(db, [f"m{n}" for n in range(20)])
    for n, name in enumerate(numbers):
        await deliver(others[n % 4], name, NOW + n % 4 * DAY)
    whole, _ = await events.since(db, Position(), 1000)
    found, position = [], Position()
    while True:
        rows, position = await events.since(db, position, 7)
        found += rows
        if not rows:
            break

    assert len(whole) == 40
    assert found == whole


async def test_the_history_of_a_message_is_in_the_order_in_which_it_was_heard(db: asyncpg.Connection) -> None:
    numbers = await recorded(db, ["a", "b"])
    for status in (Status.DEFERRED, Status.DELIVERED, Status.FAILED):
        said = [Said(Word(status.bit, NOW - status * DAY, detail=status.word), name) for name in numbers]
        await reports.apply(db, 1, Source.POLL, NOW, said)

    rows = await messages.events_of(db, 1, numbers["a"])
    assert [row["kind"] for row in rows] == [Status.SENT, Status.DEFERRED, Status.DELIVERED, Status.FAILED]
    assert [row["detail"] for row in rows] == ["", "deferred", "delivered", "failed"]
    assert await messages.events_of(db, 2, numbers["a"]) == []


async def partitions(db: Connection, table: str = "event") -> list[str]:
    return [row["name"] for row in await db.fetch(events.QUERIES.partitions, table)]


async def places(db: Connection) -> list[tuple[str, int]]:
    """In which partition how many events lie."""
    rows = await db.fetch("select tableoid::regclass::text as place, count(*) from landed.event group by 1 order by 1")
    return [tuple(row) for row in rows]


async def test_partitions_are_made_days_ahead_and_only_once(db: asyncpg.Connection) -> None:
    made = await events.make_partitions(db, date(2026, 12, 30))
    again = await events.make_partitions(db, date(2026, 12, 30))
    tomorrow = await events.make_partitions(db, date(2026, 12, 31))

    days = ["20261230", "20261231", "20270101", "20270102"]
    assert sorted(made) == [f"{table}_{day}" for table in ("event", "look") for day in days]
    assert again == []
    assert tomorrow == ["event_20270103", "look_20270103"]
    assert await partitions(db) == [*(f"event_{day}" for day in [*days, "20270103"]), "event_default"]


async def test_what_fell_into_the_default_partition_is_alarmed_and_moves_to_its_own_day(db: asyncpg.Connection) -> None:
    """Also what fell into it on days when nobody made partitions."""
    numbers = await recorded(db, ["a", "b"])
    await deliver(db, "a", NOW - 2 * DAY)
    await deliver(db, "b", NOW + 9 * DAY)
    await look(db, 1, [Look(NOW - 2 * DAY, "lookup", "ok", 200, 1)])
    astray = [await events.astray(db, table) for table in events.TABLES]
    await events.make_partitions(db, TODAY)

    assert astray == [4, 1]
    assert [await events.astray(db, table) for table in events.TABLES] == [0, 0]
    assert await places(db) == [
        ("landed.event_20261122", 1),
        ("landed.event_20261124", 2),
        ("landed.event_20261203", 1),
    ]
    assert len(await messages.events_of(db, 1, numbers["a"])) == 2


async def fallen(db: Connection, *hours: int) -> None:
    """Events of today that fell into the default partition, one at half past each of these hours."""
    await recorded(db, [f"m{hour}" for hour in hours])
    await db.execute("delete from landed.event")
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    for hour in hours:
        await deliver(db, f"m{hour}", midnight + timedelta(hours=hour, minutes=30))


async def test_where_too_much_fell_into_the_default_partition_it_moves_an_hour_at_a_time(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in a transaction of its own, because everyone who writes history waits for it."""
    monkeypatch.setattr(events, "MOVED_AT_ONCE", 2)
    await fallen(db, 0, 7, 23)
    before, _ = await events.since(db, Position(), 10)
    made = await events.make_partitions(db, TODAY, 1)
    again = await events.make_partitions(db, TODAY, 1)
    await recorded(db, ["later"])
    after, _ = await events.since(db, Position(), 10)

    assert made == [
        *(f"event_20261124_{hour:02}" for hour in range(24)),
        "look_20261124",
        "event_20261125",
        "look_20261125",
    ]
    assert again == []
    assert await places(db) == [
        ("landed.event_20261124_00", 1),
        ("landed.event_20261124_07", 1),
        ("landed.event_20261124_12", 1),
        ("landed.event_20261124_23", 1),
    ]
    assert after[:3] == before
    assert await events.drop_partitions(db, "event", NOW + DAY) == made[:24]
    assert await partitions(db) == ["event_20261125", "event_default"]


async def test_a_day_that_was_cut_into_hours_half_way_is_finished_in_hours(
    db: asyncpg.Connection,
) -> None:
    """Whoever was killed in between, and however little is left to move."""
    await fallen(db, 3, 15)
    assert await db.fetchval(events.QUERIES.make_partition_of_hour, "event", TODAY, 3)
    beside = await db.fetchval(events.QUERIES.make_partition, "event", TODAY)
    made = await events.make_partitions(db, TODAY, 0)

    assert beside is False
    assert made == [*(f"event_20261124_{hour:02}" for hour in range(24) if hour != 3), "look_20261124"]
    assert await places(db) == [("landed.event_20261124_03", 1), ("landed.event_20261124_15", 1)]


async def test_a_day_that_is_there_is_not_cut_into_hours(db: asyncpg.Connection) -> None:
    await events.make_partitions(db, TODAY, 0)

    assert await db.fetchval(events.QUERIES.make_partition_of_hour, "event", TODAY, 3) is False
    assert await db.fetchval(events.QUERIES.make_partition_of_hour, "event", TODAY + DAY, 3) is True
    with pytest.raises(asyncpg.RaiseError, match="hours 0 to 23"):
        await db.fetchval(events.QUERIES.make_partition_of_hour, "event", TODAY, 24)


async def test_a_day_begins_and_ends_at_midnight_in_greenwich_wherever_the_server_is(db: asyncpg.Connection) -> None:
    await recorded(db, ["a", "b"])
    await db.execute("set timezone = 'Pacific/Kiritimati'")
    await events.make_partitions(db, TODAY)
    midnight = datetime(2026, 11, 25, tzinfo=UTC)
    await deliver(db, "a", midnight - timedelta(microseconds=1))
    await deliver(db, "b", midnight)

    assert await places(db) == [("landed.event_20261124", 3), ("landed.event_20261125", 1)]


async def test_days_that_ended_before_the_retention_are_dropped_and_no_other(db: asyncpg.Connection) -> None:
    await events.make_partitions(db, TODAY)
    end = datetime(2026, 11, 26, tzinfo=UTC)
    dropped = [await events.drop_partitions(db, "event", at) for at in (end - timedelta(seconds=1), end, end)]

    assert dropped == [["event_20261124"], ["event_20261125"], []]
    assert await partitions(db) == ["event_20261126", "event_20261127", "event_default"]
    assert len(await partitions(db, "look")) == 5


async def test_making_a_partition_never_waits_long_for_a_reader(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    """Whoever comes after it would wait too. The next upkeep tries again."""
    async with others[0].transaction():
        await others[0].fetch("select * from landed.event")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await events.make_partitions(db, TODAY)

    assert len(await events.make_partitions(db, TODAY)) == 8


async def test_a_day_is_made_when_nobody_is_in_the_midst_of_writing(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    """Who has opened the table, and not yet its default partition, would be told that his row has no place there."""
    async with others[0].transaction():
        await others[0].execute("lock table only landed.event in row exclusive mode")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await events.make_partitions(db, TODAY)

    assert len(await events.make_partitions(db, TODAY)) == 8


async def test_dropping_a_day_never_waits_long_for_a_reader_and_keeps_what_it_has_dropped_of_other_tables(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    """A day is dropped in a transaction of its own; the next upkeep goes on."""
    await events.make_partitions(db, TODAY)
    async with others[0].transaction():
        await others[0].fetch("select * from landed.event")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await events.drop_partitions(db, "event", NOW + 2 * DAY)
        looks = await events.drop_partitions(db, "look", NOW + 2 * DAY)

    assert looks == ["look_20261124", "look_20261125"]
    assert await events.drop_partitions(db, "event", NOW + 2 * DAY) == ["event_20261124", "event_20261125"]


async def test_what_waits_for_a_lock_gives_up_soon(db: asyncpg.Connection) -> None:
    """Whoever writes history meanwhile waits behind it."""
    rows = await db.fetch(
        "select proname, proconfig from pg_proc where proname in ('make_partition', 'drop_partitions')"
    )

    assert len(rows) == 2
    assert all("lock_timeout=500ms" in row["proconfig"] for row in rows)


async def test_each_day_that_is_dropped_lets_others_in_before_the_next(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    """A drop keeps everyone out of the whole table, so a reader of the second day stops only that one."""
    await events.make_partitions(db, TODAY)
    async with others[0].transaction():
        await others[0].fetch("select * from landed.event_20261125")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await events.drop_partitions(db, "event", NOW + 3 * DAY)
        left = await partitions(db)

    assert left == ["event_20261125", "event_20261126", "event_20261127", "event_default"]


async def test_of_several_that_make_and_drop_the_same_days_at_once_none_fails(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    await patient(db)
    try:
        made = await asyncio.gather(*(events.make_partitions(other, TODAY) for other in others))
        dropped = await asyncio.gather(*(events.drop_partitions(other, "event", NOW + 2 * DAY) for other in others))
    finally:
        await patient(db, "500ms")

    assert sorted(name for one in made for name in one if name < "look") == [
        f"event_202611{day}" for day in (24, 25, 26, 27)
    ]
    assert sorted(name for one in dropped for name in one) == ["event_20261124", "event_20261125"]


async def patient(db: asyncpg.Connection, time: str = "60s") -> None:
    """How long locks are waited for; a machine that does much else may need longer than people like."""
    for function in ("make_partition", "drop_partitions"):
        await db.execute(f"alter function landed.{function}(text, date) set lock_timeout = '{time}'")


async def test_days_that_are_over_are_mended_after_those_to_which_something_is_written(db: asyncpg.Connection) -> None:
    await recorded(db, ["a"])
    await deliver(db, "a", NOW - 2 * DAY)
    made = await events.make_partitions(db, TODAY, 0)

    assert made == ["event_20261124", "look_20261124", "event_20261122"]


async def test_a_day_is_not_vacuumed_for_what_was_inserted(db: asyncpg.Connection) -> None:
    """Neither are the default partitions: what is written there is never changed."""
    await events.make_partitions(db, TODAY, 0)
    rows = await db.fetch(
        "select reloptions from pg_inherits i join pg_class c on c.oid = i.inhrelid"
        " where inhparent in ('landed.event'::regclass, 'landed.look'::regclass)"
    )

    assert len(rows) == 4
    assert all("autovacuum_vacuum_insert_threshold=-1" in (row["reloptions"] or []) for row in rows)


async def test_what_others_write_while_a_partition_is_made_is_waited_for_and_moves_too(
    db: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    await recorded(db, ["a"])
    await patient(db)
    try:
        writing = others[0].transaction()
        await writing.start()
        await deliver(others[0], "a", NOW + DAY)
        making = asyncio.ensure_future(events.make_partitions(db, TODAY))
        while not await others[1].fetchval("select exists (select from pg_locks where not granted)"):
            pass
        await writing.commit()
        made = await making
    finally:
        await patient(db, "500ms")

    assert len(made) == 8
    assert await places(db) == [("landed.event_20261124", 1), ("landed.event_20261125", 1)]

"""Upkeep: each step alone, harmless to repeat, and one that fails does not stop the others."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog

from rules.reports import Word
from rules.statuses import Channel, Source, Status
from rules.suppression import SoftBounces, Triggers
from store import events, reports
from store.connections import Pool
from store.reports import Said
from tests.worker.office import Office, desk_of, office
from tests.worker.pretend import account, record, statuses
from tests.worker.test_reread import left
from worker.upkeep import Retention, Upkeep

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

NOTHING: dict[str, int] = {}


def did(done: dict[str, int]) -> dict[str, int]:
    """What a pass did, without the steps that had nothing to do."""
    return {name: count for name, count in done.items() if count}


def keeping(program: Office, **figures: object) -> Upkeep:
    """Upkeep with other figures."""
    return replace(program.configured.upkeep, retention=replace(Retention(), **figures))  # type: ignore[arg-type]


async def test_a_second_pass_has_nothing_left_to_do(pool: Pool) -> None:
    program = await office(pool, account())

    first, second = await program.upkeep(), await program.upkeep()

    assert did(first) == {"partitions_made": 8}
    assert did(second) == NOTHING


async def test_two_passes_at_once_do_no_harm(pool: Pool) -> None:
    program = await office(pool, account())
    # A machine that does much else may need longer than people like to wait.
    for function in ("make_partition", "drop_partitions"):
        await pool.execute(f"alter function landed.{function}(text, date) set lock_timeout = '60s'")

    done = await asyncio.gather(*(program.upkeep() for _ in range(4)))

    assert {frozenset(one) for one in done} == {frozenset(await program.upkeep())}
    assert await pool.fetchval("select count(*) from pg_inherits where inhparent = 'landed.event'::regclass") == 5


async def test_rows_that_fell_into_the_default_partition_move_into_theirs(pool: Pool) -> None:
    program = await office(pool, account())
    await record(desk_of(program, "pretend"), ["a"])
    async with pool.acquire() as connection:
        before = await events.astray(connection, "event")

        await program.upkeep()

        assert (before, await events.astray(connection, "event")) == (1, 0)
    assert await pool.fetchval("select count(*) from landed.event") == 1


async def test_old_days_are_dropped_and_young_ones_kept(pool: Pool) -> None:
    program = await office(pool, account())
    now = await pool.fetchval("select clock_timestamp()")
    async with pool.acquire() as connection:
        await events.make_partitions(connection, (now - timedelta(days=91)).date(), days_ahead=2)

    done = await program.upkeep()

    # One day of the history is older than 90 days, three of the looks than 14.
    assert done["partitions_dropped"] == 4


async def test_reports_that_a_crash_left_waiting_are_joined(pool: Pool) -> None:
    """Killed between its own commit and looking for the message that was recorded meanwhile."""
    program = await office(pool, account())
    at = desk_of(program, "pretend")
    now = await pool.fetchval("select clock_timestamp()")
    async with pool.acquire() as connection:
        said = [Said(Word(Status.DELIVERED.bit, now), "a")]
        await reports.apply(connection, at.number, Source.POLL, now, said)
    await record(at, ["a"])
    before = await statuses(pool)

    done = await program.upkeep()

    assert (before, done["early_joined"], await statuses(pool)) == ({"a": "sent"}, 1, {"a": "delivered"})


async def test_reports_about_nobodys_message_are_forgotten_in_time_and_above_the_cap_and_counted(pool: Pool) -> None:
    program = await office(pool, account())
    number = program.configured.numbers["pretend"]
    now = await pool.fetchval("select clock_timestamp()")
    async with pool.acquire() as connection:
        said = [Said(Word(Status.DELIVERED.bit, now), f"x{one}") for one in range(10)]
        await reports.apply(connection, number, Source.POLL, now, said)
    await pool.execute("update landed.early set received_at = received_at - interval '25 h' where provider_id < 'x3'")

    done = [await keeping(program, early_most=5).run() for _ in range(2)]

    assert [one["early_forgotten"] for one in done] == [5, 0]
    assert await pool.fetchval("select count(*) from landed.early") == 5
    assert await pool.fetchval("select not_ours from landed.account") == 5


async def test_drains_left_by_a_crash_are_read_and_old_answers_dropped(pool: Pool) -> None:
    program = await office(pool, account(ids=0, drain=3))
    at = desk_of(program, "pretend")
    await record(at, ["a"])
    await left(at, ("a", "delivered"))
    await left(at, body=b"old", minutes=60 * 24 * 8)

    done = await program.upkeep()

    assert (done["drains_read"], done["journal_forgotten"], await statuses(pool)) == (1, 1, {"a": "delivered"})


async def test_the_journal_keeps_no_more_than_its_size_the_youngest_first(pool: Pool) -> None:
    program = await office(pool, account())
    at = desk_of(program, "pretend")
    for letter in b"abcd":
        await left(at, body=bytes([letter]) * 100, minutes=1)

    await keeping(program, journal_bytes=250).run()

    rows = await pool.fetch("select convert_from(substr(body, 1, 1), 'UTF8') as letter from landed.journal order by id")
    assert [row["letter"] for row in rows] == ["c", "d"]


async def test_soft_bounces_of_several_communications_block_where_that_is_wanted(pool: Pool) -> None:
    program = await office(pool, account())
    at = desk_of(program, "pretend")
    for name in ("a", "b"):
        await record(at, [name])
    await pool.execute("insert into landed.communication (name) values ('one'), ('two')")
    await pool.execute(
        "update landed.message set communication ="
        " (select id from landed.communication where name = case provider_id when 'a' then 'one' else 'two' end)"
    )
    now = await pool.fetchval("select clock_timestamp()")
    async with pool.acquire() as connection:
        said = [Said(Word(Status.SOFT_BOUNCED.bit, now), name) for name in ("a", "b")]
        await reports.apply(connection, at.number, Source.POLL, now, said)
    wanted = {Channel.SMS: Triggers(soft_bounces=SoftBounces(2, timedelta(days=90)))}

    without = await program.upkeep()
    done = await replace(program.configured.upkeep, triggers=wanted).run()

    assert (without["soft_bouncers_blocked"], done["soft_bouncers_blocked"]) == (0, 1)
    assert await pool.fetchval("select landed.is_blocked('sms', '+44 7700 900000')")


async def test_a_step_that_fails_does_not_stop_the_next_ones(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    program = await office(pool, account())
    steps = set(await program.upkeep())

    async def broken(*_: object) -> int:
        msg = "broken"
        raise RuntimeError(msg)

    monkeypatch.setattr(Upkeep, "_make_partitions", broken)

    done = await program.upkeep()

    assert len(steps) > 6
    assert set(done) == steps - {"partitions_made"}


async def test_days_that_someone_reads_for_long_are_left_to_the_next_pass(pool: Pool) -> None:
    """Nobody who writes history waits longer than a moment for that."""
    program = await office(pool, account())
    with structlog.testing.capture_logs() as logs:
        async with pool.acquire() as reader, reader.transaction():
            await reader.fetch("select * from landed.event")
            first = await program.upkeep()
    second = await program.upkeep()

    assert "partitions_made" not in first
    assert [one["step"] for one in logs if one["event"] == "upkeep_put_off"] == ["partitions_made"]
    assert [one for one in logs if one["event"] == "upkeep_failed"] == []
    assert second["partitions_made"] == 8

"""The sweep settles what polls leave open, and one account's backlog is none of another's."""

import asyncio
from dataclasses import astuple
from datetime import datetime, timedelta

import asyncpg
import msgspec
import pytest

from rules.reports import Word
from rules.statuses import Mark, Source, Status
from store import accounts, reports
from store.connections import Pool
from store.reports import Said
from store.watches import BEGINNING
from tests.worker.office import desk_of, later, office, standing
from tests.worker.pretend import Provider, account, budget, desk, record, statuses
from worker.poll import poll
from worker.sweep import CHUNK, CHUNKS, START, sweep, terms

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

LONG_AGO = timedelta(hours=49)
PAST_THE_LIMIT = timedelta(hours=73)


async def looked_last(pool: Pool) -> None:
    """Every message had its last look, as if the worker had been killed before it could settle them."""
    await pool.execute("update landed.watch set looked_at = deadline_at, found = true")


async def heard(pool: Pool) -> dict[str, set[Mark]]:
    """The marks of each message."""
    rows = await pool.fetch("select provider_id, heard from landed.message")
    return {row["provider_id"]: {mark for mark in Mark if row["heard"] & mark.bit} for row in rows}


async def say(pool: Pool, account_number: int, name: str, status: Status) -> None:
    """The provider says something about a message."""
    async with pool.acquire() as connection:
        now = await pool.fetchval("select clock_timestamp()")
        await reports.apply(connection, account_number, Source.POLL, now, [Said(Word(status.bit, now), name)])


async def test_each_open_status_becomes_its_guess_and_the_history_says_who_guessed(pool: Pool) -> None:
    asking = account()
    at = await desk(pool, Provider(), asking)
    await record(at, ["pending"], age=LONG_AGO, words=(Word(Status.PENDING.bit, await _now(pool)),))
    await record(at, ["sent", "deferred", "soft"], age=LONG_AGO)
    await say(pool, at.number, "deferred", Status.DEFERRED)
    await say(pool, at.number, "soft", Status.SOFT_BOUNCED)
    await looked_last(pool)

    done = await sweep(pool, "pretend", asking)

    expected = {"pending": "timed_out", "sent": "timed_out", "deferred": "expired_ours", "soft": "expired_ours"}
    assert (await statuses(pool), done.settled) == (expected, 4)
    assert list((await heard(pool)).values()) == [{Mark.LOOKED}] * 4
    assert await pool.fetchval("select count(*) from landed.events where source = 'sweep' and applied") == 4
    assert await pool.fetchval("select count(*) from landed.watch") == 0


async def _now(pool: Pool) -> datetime:
    now: datetime = await pool.fetchval("select clock_timestamp()")
    return now


async def test_on_a_route_without_receipts_sent_becomes_unconfirmed(pool: Pool) -> None:
    asking = account(confirms=False)
    await record(await desk(pool, Provider(), asking), ["a"], age=LONG_AGO)
    await looked_last(pool)

    await sweep(pool, "pretend", asking)

    assert await statuses(pool) == {"a": "unconfirmed"}


async def test_nothing_is_settled_before_its_last_look_however_late_that_is(pool: Pool) -> None:
    asking = account()
    at = await desk(pool, Provider(known={"a": "delivered"}), asking)
    await record(at, ["a"], age=timedelta(days=30))

    swept = await sweep(pool, "pretend", asking)
    before = await statuses(pool)
    await poll(at, "w", budget())

    assert (swept.settled, before, await statuses(pool)) == (0, {"a": "sent"}, {"a": "delivered"})


@pytest.mark.parametrize("held", ["trouble = 'refused'", "trouble = 'throttled'", "paused_at = now()"])
async def test_while_the_provider_cannot_be_asked_it_waits_up_to_the_hard_limit_and_marks_that(
    pool: Pool, held: str
) -> None:
    asking = account()
    at = await desk(pool, Provider(), asking)
    await record(at, ["past the deadline"], age=LONG_AGO)
    await record(at, ["past the limit"], age=PAST_THE_LIMIT)
    await pool.execute(f"update landed.account set {held}")  # noqa: S608 - from the list above

    await sweep(pool, "pretend", asking)

    assert await statuses(pool) == {"past the deadline": "sent", "past the limit": "timed_out"}
    assert (await heard(pool))["past the limit"] == {Mark.UNREACHED}


async def test_an_account_that_is_not_configured_any_more_settles_at_the_hard_limit(pool: Pool) -> None:
    at = await desk(pool, Provider())
    await record(at, ["past the deadline"], age=LONG_AGO)
    await record(at, ["past the limit"], age=PAST_THE_LIMIT)

    await sweep(pool, "pretend", None)

    assert await statuses(pool) == {"past the deadline": "sent", "past the limit": "timed_out"}


async def test_what_nobody_can_ask_about_settles_at_its_deadline_also_in_a_held_account(pool: Pool) -> None:
    asking = account(ids=0, references=5)
    await record(await desk(pool, Provider(), asking), ["a"], age=LONG_AGO)
    await pool.execute("update landed.account set trouble = 'unreachable'")

    await sweep(pool, "pretend", asking)

    assert (await statuses(pool), await heard(pool)) == ({"a": "timed_out"}, {"a": {Mark.UNASKABLE}})


async def test_what_had_its_last_look_settles_also_if_the_account_is_held_since(pool: Pool) -> None:
    asking = account()
    await record(await desk(pool, Provider(), asking), ["a"], age=LONG_AGO)
    await looked_last(pool)
    await pool.execute("update landed.account set trouble = 'unreachable'")

    await sweep(pool, "pretend", asking)

    assert (await statuses(pool), await heard(pool)) == ({"a": "timed_out"}, {"a": {Mark.LOOKED}})


@pytest.mark.parametrize("word", ["delivered", "failed", "hard_bounced", "not_sent", "unconfirmed", "expired"])
async def test_a_late_answer_corrects_the_guess(pool: Pool, word: str) -> None:
    """alphagov: late delivered dropped after the sweep."""
    asking = account()
    at = await desk(pool, Provider(), asking)
    await record(at, ["a"], age=LONG_AGO)
    await looked_last(pool)
    await sweep(pool, "pretend", asking)
    guessed = await statuses(pool)

    await say(pool, at.number, "a", Status[word.upper()])

    assert (guessed, await statuses(pool)) == ({"a": "timed_out"}, {"a": word})


async def test_a_late_open_word_does_not_open_it_again(pool: Pool) -> None:
    asking = account()
    at = await desk(pool, Provider(), asking)
    await record(at, ["a"], age=LONG_AGO)
    await looked_last(pool)
    await sweep(pool, "pretend", asking)

    await say(pool, at.number, "a", Status.DEFERRED)

    assert (await statuses(pool), await pool.fetchval("select count(*) from landed.watch")) == ({"a": "timed_out"}, 0)


@pytest.mark.parametrize("table", ["message", "watch"])
async def test_what_is_written_just_now_is_skipped_and_not_waited_for(pool: Pool, database: str, table: str) -> None:
    """By an apply, or by a claim or what follows one."""
    asking = account()
    at = await desk(pool, Provider(), asking)
    ids = await record(at, ["a", "b"], age=LONG_AGO)
    await looked_last(pool)
    writer = await asyncpg.connect(database)
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute(f"select from landed.{table} where id = $1 for no key update", ids[0])

    async with asyncio.timeout(10):
        await sweep(pool, "pretend", asking)
    during = await statuses(pool)
    await transaction.rollback()
    await writer.close()
    await sweep(pool, "pretend", asking)

    assert during == {"a": "sent", "b": "timed_out"}
    assert await statuses(pool) == {"a": "timed_out", "b": "timed_out"}


async def test_two_sweeps_at_once_settle_each_message_once(pool: Pool) -> None:
    asking = account()
    names = [f"m{number}" for number in range(300)]
    await record(await desk(pool, Provider(), asking), names, age=LONG_AGO)
    await looked_last(pool)

    done = await asyncio.gather(*(sweep(pool, "pretend", asking) for _ in range(4)))
    done.append(await sweep(pool, "pretend", asking))

    assert sum(one.settled for one in done) == 300
    assert await pool.fetchval("select count(*) from landed.events where kind = 'timed_out'") == 300


async def test_sweeps_and_polls_at_once_settle_each_message_once_and_right(pool: Pool) -> None:
    asking = account()
    names = [f"m{number}" for number in range(200)]
    known = dict.fromkeys(names[::2], "delivered")
    at = await desk(pool, Provider(known=known), asking)
    await record(at, names, age=LONG_AGO)

    await asyncio.gather(poll(at, "w", budget(batch=20)), *(_sweep_often(pool) for _ in range(3)))

    assert await statuses(pool) == {name: known.get(name, "timed_out") for name in names}
    assert await pool.fetchval("select count(*) from landed.events where applied and from_status is not null") == 200


async def _sweep_often(pool: Pool) -> None:
    for _ in range(10):
        await sweep(pool, "pretend", account())


async def backlog(pool: Pool, number: int, count: int) -> None:
    """Many overdue messages of one account, straight into the tables."""
    await pool.execute(
        "insert into landed.message (id, heard, account, channel, status, status_at, recorded_at, sent_at, provider_id)"
        " select -n, 3, $1, 1, 1, at, at, at, 'old' || n"
        " from generate_series(1, $2) n, (select now() - interval '49 h' as at) t",
        number,
        count,
    )
    await pool.execute(
        "insert into landed.watch (id, account, channel, heard, sent_at, deadline_at, next_look_at, provider_id)"
        " select -n, $1, 1, 3, at, at + interval '48 h' + n * interval '1 ms', at, 'old' || n"
        " from generate_series(1, $2) n, (select now() - interval '49 h' as at) t",
        number,
        count,
    )


@pytest.mark.once  # inserts for ten seconds, whatever the interpreter
async def test_a_million_overdue_messages_of_a_held_account_do_not_delay_anothers(pool: Pool) -> None:
    """The work of a tick and of a pass does not depend on how many wait. It is counted in pages."""
    program = await office(pool, account("held"), account("other"))
    await backlog(pool, program.configured.numbers["held"], 1_000_000)
    await record(desk_of(program, "other"), ["a"], age=LONG_AGO)
    program.providers["other"].known = {"a": "deferred"}
    await pool.execute("update landed.account set trouble = 'unreachable', ask_after = 'infinity' where name = 'held'")
    await pool.execute("analyze landed.watch")

    await program.tick()
    started = [job[1] for job in program.started.jobs]
    await program.poll("other")
    first = await sweep(pool, "held", program.accounts["held"], START)
    second = await sweep(pool, "held", program.accounts["held"], first.place)

    assert (started, await statuses_of(pool, "a")) == (["other"], ["expired_ours"])
    assert [one.looked_at for one in (first, second)] == [CHUNK * CHUNKS] * 2
    assert second.place > first.place
    assert await pages_read(pool, program.configured.numbers["held"]) < 3 * CHUNK
    assert await pages_to_choose(pool) < 100


async def statuses_of(pool: Pool, name: str) -> list[str]:
    rows = await pool.fetch("select status from landed.messages where provider_id = $1", name)
    return [row["status"] for row in rows]


async def pages_read(pool: Pool, number: int) -> int:
    """How often a page is read to settle a chunk from the middle of a backlog, of which nothing may be settled yet."""
    middle = await pool.fetchrow(
        "select deadline_at, id from landed.watch where account = $1 order by deadline_at offset 100000 limit 1", number
    )
    assert middle is not None
    on = astuple(terms(account("held"), asks=False, read_until=None))
    place = middle["deadline_at"], middle["id"]
    return await _pages(pool, reports.QUERIES.settle, number, await _now(pool), Source.SWEEP, *place, CHUNK, *on)


async def pages_to_choose(pool: Pool) -> int:
    """How many pages it takes to see which accounts can be asked, and which have something overdue."""
    queries, now = accounts.QUERIES, await _now(pool)
    names, floors = ["held", "other"], [BEGINNING] * 2
    return await _pages(pool, queries.askable, now, names, names, [False, False], floors) + await _pages(
        pool, queries.overdue, now, names, floors
    )


async def _pages(pool: Pool, query: str, *arguments: object) -> int:
    plan = await pool.fetchval(f"explain (analyze, buffers, format json) {query}", *arguments)
    top: dict[str, int] = msgspec.json.decode(plan)[0]["Plan"]
    return top["Shared Hit Blocks"] + top["Shared Read Blocks"]


async def test_a_large_backlog_is_settled_some_each_pass_and_the_next_goes_on_there(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.sweep.CHUNK", 10)
    monkeypatch.setattr("worker.sweep.CHUNKS", 2)
    program = await office(pool, account())
    await record(desk_of(program, "pretend"), [f"m{number}" for number in range(50)], age=LONG_AGO)
    await looked_last(pool)

    settled = [(await program.sweep())["settled"] for _ in range(4)]

    assert settled == [20, 20, 10, 0]


async def test_a_backlog_that_cannot_be_settled_does_not_hide_what_is_behind_it(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.sweep.CHUNK", 10)
    monkeypatch.setattr("worker.sweep.CHUNKS", 2)
    program = await office(pool, account())
    await record(desk_of(program, "pretend"), [f"m{number}" for number in range(50)], age=LONG_AGO)
    await record(desk_of(program, "pretend"), ["behind"], age=LONG_AGO - timedelta(minutes=30))
    await pool.execute("update landed.watch set looked_at = deadline_at, found = true where provider_id = 'behind'")

    settled = [(await program.sweep())["settled"] for _ in range(4)]

    assert sum(settled) == 1
    assert await statuses_of(pool, "behind") == ["timed_out"]


async def test_after_a_rest_the_held_messages_get_their_last_look_first(pool: Pool) -> None:
    program = await office(pool, account())
    await record(desk_of(program, "pretend"), ["a"], age=LONG_AGO)
    await pool.execute("update landed.account set trouble = 'unreachable', failures = 1")
    program.providers["pretend"].known = {"a": "delivered"}
    held = await program.sweep()
    await later(pool)

    await program.poll("pretend")

    assert (held["settled"], await statuses(pool)) == (0, {"a": "delivered"})
    assert (await standing(pool, "pretend"))["trouble"] is None

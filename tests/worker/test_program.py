"""The program: what a tick starts, the breaker, and that one account's trouble is none of the others'."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta

import asyncpg
import httpx
import pytest

from adapters.errors import Refused, Throttled, Unreachable
from rules.breaker import LONGEST_REST, SHORTEST_REST
from store import accounts as rows
from store.accounts import Stale, Trouble
from store.connections import Pool, open_pool
from tests.worker.office import Office, desk_of, later, office, standing
from tests.worker.pretend import account, raising, record, statuses

Send = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]

DOWN = raising(Unreachable("pretend: no answer"))


async def due(program: Office) -> list[str]:
    """The accounts that a tick starts a poll of."""
    program.started.jobs.clear()
    program.started.ids.clear()
    await program.tick()
    return sorted(job[1] for job in program.started.jobs if job[0] == "poll")


async def test_a_tick_starts_polls_of_accounts_with_something_due_and_nothing_else(pool: Pool) -> None:
    streamed = account("streamed", ids=0, queue=3)
    program = await office(pool, account("busy"), account("idle"), streamed, replace(account("off"), paused=True))
    await record(desk_of(program, "busy"), ["a"])
    await record(desk_of(program, "off"), ["b"])

    assert await due(program) == ["busy", "streamed"]


async def test_a_tick_starts_intake_only_if_something_waits(pool: Pool) -> None:
    program = await office(pool, account())
    before = await program.tick()
    await pool.execute("insert into landed.inbox (account, channel, provider_id) values ('pretend', 'sms', 'a')")

    after = await program.tick()
    await program.intake()

    assert (before["intakes"], after["intakes"], await statuses(pool)) == (0, 1, {"a": "sent"})


async def test_an_account_that_is_asked_just_now_is_not_started_again(pool: Pool) -> None:
    program = await office(pool, account())
    await record(desk_of(program, "pretend"), ["a"])
    now = await pool.fetchval("select clock_timestamp()")
    async with pool.acquire() as connection:
        await rows.lease(connection, "pretend", "someone", now, now + timedelta(minutes=1))

    assert await due(program) == []


async def test_the_job_of_a_killed_worker_stands_in_the_way_for_seconds_only(pool: Pool) -> None:
    """A worker killed between taking a job and taking the lease leaves the job's id behind, and no new term."""
    program = await office(pool, account())
    await record(desk_of(program, "pretend"), ["a"])
    await program.tick()
    await program.tick()
    within = len(program.started.jobs)
    program.started.ids[:] = [job_id.rpartition(":")[0] + ":0" for job_id in program.started.ids]

    await program.tick()

    assert within <= 2
    assert len(program.started.jobs) == within + 1


async def test_a_job_that_waited_while_the_provider_asked_for_a_rest_asks_nothing(pool: Pool) -> None:
    program = await office(pool, account())
    await record(desk_of(program, "pretend"), ["a"])
    program.providers["pretend"].trouble = raising(Throttled("pretend: too fast", timedelta(minutes=7)))
    await program.poll("pretend")
    asked = len(program.providers["pretend"].asked)

    await program.poll("pretend")

    assert (asked, len(program.providers["pretend"].asked)) == (1, 1)


async def test_the_rest_doubles_with_each_failure_up_to_a_limit_and_then_stays(pool: Pool) -> None:
    program = await office(pool, account())
    await record(desk_of(program, "pretend"), ["a"])
    program.providers["pretend"].trouble = DOWN
    rests = []
    for _ in range(9):
        now = await later(pool)
        await program.poll("pretend")
        rests.append(((await standing(pool, "pretend"))["ask_after"] - now).total_seconds())

    planned = [min(SHORTEST_REST.total_seconds() * 2**number, LONGEST_REST.total_seconds()) for number in range(9)]
    assert [0.7 < rest / plan < 1.3 for rest, plan in zip(rests, planned, strict=True)] == [True] * 9


async def test_half_open_one_thing_is_asked_and_only_an_answer_opens_the_rest(pool: Pool) -> None:
    program = await office(pool, account(ids=1, concurrency=4))
    await record(desk_of(program, "pretend"), [f"m{number}" for number in range(6)])
    provider = program.providers["pretend"]
    provider.trouble = DOWN
    counts = []
    for _ in range(3):
        await later(pool)
        provider.asked.clear()
        await program.poll("pretend")
        counts.append(len(provider.asked))
    provider.trouble = lambda _what: None
    provider.known = {f"m{number}": "delivered" for number in range(6)}
    await later(pool)

    await program.poll("pretend")

    assert counts[1:] == [1, 1]
    assert set((await statuses(pool)).values()) == {"delivered"}
    assert (await standing(pool, "pretend"))["failures"] == 0


async def test_a_failure_after_a_recovery_in_the_same_poll_is_the_first_in_a_row(pool: Pool) -> None:
    program = await office(pool, account(ids=1, concurrency=1))
    await record(desk_of(program, "pretend"), ["a", "b", "c"])
    provider = program.providers["pretend"]
    await pool.execute("update landed.account set failures = 6, trouble = 'unreachable'")

    def trouble(_what: dict[str, object]) -> None:
        if len(provider.asked) > 1:
            raise Unreachable("pretend: no answer")

    provider.trouble = trouble
    now = await later(pool)

    await program.poll("pretend")

    row = await standing(pool, "pretend")
    assert (row["failures"], row["ask_after"] - now < SHORTEST_REST * 2) == (1, True)


async def test_refused_credentials_are_not_tried_again_until_settings_change_or_someone_resumes(pool: Pool) -> None:
    program = await office(pool, account())
    await record(desk_of(program, "pretend"), ["a"])
    provider = program.providers["pretend"]
    provider.trouble = raising(Refused("pretend: wrong key", credentials=True))
    await program.poll("pretend")
    await later(pool)
    held = await due(program)
    await program.poll("pretend")
    asked = len(provider.asked)
    changed = await office(pool, replace(account(), fingerprint="second"))
    after_change = await due(changed)
    async with pool.acquire() as connection:
        await rows.resume(connection, "pretend")

    assert (held, asked, after_change, await due(program)) == ([], 1, ["pretend"], ["pretend"])


async def test_a_paused_account_is_not_asked_and_goes_on_when_resumed(pool: Pool) -> None:
    program = await office(pool, account())
    await record(desk_of(program, "pretend"), ["a"])
    program.providers["pretend"].known = {"a": "delivered"}
    now = await pool.fetchval("select clock_timestamp()")
    async with pool.acquire() as connection:
        await rows.pause(connection, "pretend", now, "someone", "because")
        before = await due(program)
        await program.poll("pretend")
        asked = len(program.providers["pretend"].asked)
        await rows.resume(connection, "pretend")

    await program.poll("pretend")

    assert (before, asked, await statuses(pool)) == ([], 0, {"a": "delivered"})


async def test_an_account_that_never_answers_does_not_slow_another(pool: Pool) -> None:
    program = await office(pool, account("stuck"), account("fine"))
    for name in ("stuck", "fine"):
        await record(desk_of(program, name), [f"{name}{number}" for number in range(5)])
    program.providers["fine"].known = {f"fine{number}": "delivered" for number in range(5)}
    asked, for_ever = asyncio.Event(), asyncio.Event()

    async def never(_request: httpx.Request) -> httpx.Response:
        asked.set()
        await for_ever.wait()
        raise AssertionError

    program.providers["stuck"].send = never  # type: ignore[method-assign, assignment]
    stuck = asyncio.ensure_future(program.poll("stuck"))
    await asked.wait()

    await program.poll("fine")
    still = not stuck.done()
    stuck.cancel()
    await asyncio.gather(stuck, return_exceptions=True)

    assert still
    assert {name for name, status in (await statuses(pool)).items() if status == "delivered"} == {
        f"fine{number}" for number in range(5)
    }
    assert (await standing(pool, "stuck"))["lease_until"] is None


async def test_polls_leave_a_place_for_ticks_intake_and_sweeps(pool: Pool) -> None:
    names = ["a", "b", "c"]
    program = await office(pool, *(account(name) for name in names), at_once=2)
    for name in names:
        await record(desk_of(program, name), [name])
        program.providers[name].known = {name: "delivered"}
    answers = asyncio.Event()
    for provider in program.providers.values():
        provider.send = _when(answers, provider.send)  # type: ignore[method-assign, assignment]

    running = [asyncio.ensure_future(program.poll(name)) for name in names]
    refused = await running[2]
    answers.set()
    await asyncio.gather(*running)
    first = await statuses(pool)
    await program.poll("c")

    assert (refused, first["c"]) == ({}, "sent")
    assert set((await statuses(pool)).values()) == {"delivered"}


def _when(event: asyncio.Event, answer: Send) -> Send:
    async def send(request: httpx.Request) -> httpx.Response:
        await event.wait()
        return await answer(request)

    return send


async def test_a_worker_that_stops_starts_no_poll_and_ends_one_between_requests(pool: Pool) -> None:
    program = await office(pool, account(ids=1, concurrency=1), account("other"))
    await record(desk_of(program, "pretend"), [f"m{number}" for number in range(5)])
    provider = program.providers["pretend"]
    program.stopping = lambda: len(provider.asked) >= 2

    await program.poll("pretend")
    await program.poll("other")

    row = await standing(pool, "pretend")
    looks = await pool.fetchval("select sum(looks) from landed.watch")
    waiting = await pool.fetchval("select count(*) from landed.watch where next_look_at <= clock_timestamp()")
    assert (len(provider.asked), looks, waiting) == (2, 2, 3)
    assert (row["lease_until"], await pool.fetchval("select count(*) from landed.look")) == (None, 2)


async def test_a_poll_that_is_cut_off_hands_back_writes_its_looks_and_lets_the_account_go(pool: Pool) -> None:
    program = await office(pool, account(ids=1, concurrency=1))
    await record(desk_of(program, "pretend"), ["a", "b", "c"])
    provider = program.providers["pretend"]
    answer, asked, for_ever = provider.send, asyncio.Event(), asyncio.Event()

    async def send(request: httpx.Request) -> httpx.Response:
        if provider.asked:
            asked.set()
            await for_ever.wait()
        return await answer(request)

    provider.send = send  # type: ignore[method-assign]
    polling = asyncio.ensure_future(program.poll("pretend"))
    await asked.wait()

    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)

    assert (await standing(pool, "pretend"))["lease_until"] is None
    assert await pool.fetchval("select count(*) from landed.look") == 1
    assert await pool.fetchval("select sum(looks) from landed.watch") == 1
    assert await pool.fetchval("select count(*) from landed.watch where next_look_at <= clock_timestamp()") == 2


async def test_a_lease_is_kept_while_a_provider_is_slow(pool: Pool) -> None:
    program = await office(pool, account())
    program.lease = timedelta(seconds=0.3)
    await record(desk_of(program, "pretend"), ["a"])
    provider = program.providers["pretend"]
    provider.known = {"a": "delivered"}
    answer = provider.send

    async def slowly(request: httpx.Request) -> httpx.Response:
        first = (await standing(pool, "pretend"))["lease_until"]
        while (await standing(pool, "pretend"))["lease_until"] < first + timedelta(seconds=0.3):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
        return await answer(request)

    provider.send = slowly  # type: ignore[method-assign]

    async with asyncio.timeout(20):
        await program.poll("pretend")

    assert ((await standing(pool, "pretend"))["term"], await statuses(pool)) == (1, {"a": "delivered"})


async def test_a_worker_whose_lease_was_taken_over_asks_nothing_more(pool: Pool) -> None:
    program = await office(pool, account(ids=1, concurrency=1))
    program.lease = timedelta(seconds=0.3)
    await record(desk_of(program, "pretend"), [f"m{number}" for number in range(50)])
    provider = program.providers["pretend"]
    answer = provider.send

    async def send(request: httpx.Request) -> httpx.Response:
        if not provider.asked:
            await pool.execute("update landed.account set term = term + 1, holder = 'another'")
        else:
            await asyncio.sleep(0.05)
        return await answer(request)

    provider.send = send  # type: ignore[method-assign]

    await program.poll("pretend")

    row = await standing(pool, "pretend")
    assert (row["holder"], row["term"]) == ("another", 2)
    assert len(provider.asked) < 50


async def test_a_stale_worker_changes_nothing_of_the_account(pool: Pool) -> None:
    program = await office(pool, account())
    now = await pool.fetchval("select clock_timestamp()")
    until = now + timedelta(minutes=1)
    async with pool.acquire() as connection:
        old = await rows.lease(connection, "pretend", "old", now, until)
        await pool.execute("update landed.account set lease_until = $1", now)
        new = await rows.lease(connection, "pretend", "new", now, until)
        assert old is not None
        assert new is not None
        before = dict(await standing(pool, "pretend"))

        await rows.release(connection, old)
        await rows.went_well(connection, old, 2)
        for late in (
            rows.renew(connection, old, until + timedelta(hours=1)),
            rows.read_on(connection, old, "9", now, now),
            rows.went_wrong(connection, old, now, Trouble("unreachable", "late", until)),
        ):
            with pytest.raises(Stale):
                await late

    assert dict(await standing(program.pool, "pretend")) == before


async def test_a_job_survives_postgres_going_away(pool: Pool, database: str) -> None:
    program = await office(pool, account())
    await record(desk_of(program, "pretend"), ["a"])
    program.providers["pretend"].known = {"a": "delivered"}
    answer = program.providers["pretend"].send

    async def gone(request: httpx.Request) -> httpx.Response:
        await _end_connections(database)
        return await answer(request)

    program.providers["pretend"].send = gone  # type: ignore[method-assign]
    await program.poll("pretend")
    program.providers["pretend"].send = answer  # type: ignore[method-assign]
    for job in (program.tick, program.sweep, program.intake):
        await _end_connections(database)
        await job()

    # Each run finds one dead connection of the pool at most.
    async with open_pool(database) as fresh:
        for _ in range(9):
            await later(fresh)
            await program.poll("pretend")
        said = await statuses(fresh)

    assert said == {"a": "delivered"}


async def _end_connections(database: str) -> None:
    """What a restart of Postgres does to those who are connected."""
    other = await asyncpg.connect(database)
    await other.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    await other.close()


async def test_a_job_for_an_account_that_is_gone_does_nothing(pool: Pool) -> None:
    program = await office(pool, account())

    assert await program.poll("removed") == {}


async def test_the_sweep_of_one_account_that_loses_a_deadlock_does_not_hold_up_the_others(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = await office(pool, account("a"), account("b"))
    for name in ("a", "b"):
        await record(desk_of(program, name), [name], age=timedelta(hours=49))
        await pool.execute("update landed.watch set looked_at = deadline_at, found = true")
    sweep = Office._sweep  # noqa: SLF001 - one account of the pass

    async def unlucky(self: Office, name: str) -> int:
        if name == "a":
            raise asyncpg.DeadlockDetectedError
        return await sweep(self, name)

    monkeypatch.setattr(Office, "_sweep", unlucky)

    await program.sweep()

    assert await statuses(pool) == {"a": "sent", "b": "timed_out"}

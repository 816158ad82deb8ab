"""Whole workers, as an operator runs them: killed, stopped, continued, two at once, without servers."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from store import migrations
from store.connections import Pool
from tests.worker.gate import Gate, postgres_gate, redis_gate
from tests.worker.pretend import statuses
from tests.worker.process import SECONDS, Twilio, Worker, configuration

pytestmark = pytest.mark.once

#: Twilio's last words, and what they mean here.
ENDS: list[tuple[tuple[str, int | None], str]] = [
    (("delivered", None), "delivered"),
    (("undelivered", 30005), "hard_bounced"),
    (("undelivered", 30007), "failed"),
    (("failed", 21610), "not_sent"),
    (("undelivered", 30036), "expired"),
]

INSERT = """
insert into landed.inbox (account, channel, recipient, provider_id, deadline_at)
values ('sms', 'sms', '+447700900000', $1, now() + $2::interval)
"""


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = SECONDS) -> None:
    """Wait until the condition holds."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    while not await condition():
        assert loop.time() < ends_at, f"after {seconds} s it does not hold that {what}"
        await asyncio.sleep(0.05)


def settled(pool: Pool, count: int) -> Callable[[], Awaitable[bool]]:
    """Whether `count` messages are recorded and none is open."""

    async def all_are() -> bool:
        row = await pool.fetchrow("select (select count(*) from landed.message) as m, count(*) as w from landed.watch")
        assert row is not None
        return (row["m"], row["w"]) == (count, 0)

    return all_are


async def running(*workers: Worker) -> None:
    """Wait until these workers work."""
    for worker in workers:
        started = len(worker.events("worker_started"))

        async def more(worker: Worker = worker, started: int = started) -> bool:
            return len(worker.events("worker_started")) > max(started - 1, 0)

        await until(more, "the worker works")


async def test_workers_killed_again_and_again_while_messages_are_sent_end_as_the_provider_has_them(
    pool: Pool, database: str, redis_url: str, tmp_path: Path
) -> None:
    dice = random.Random(4)  # noqa: S311 - a game of chance that can be played again
    twilio, truth = Twilio(), dict[str, str]()
    folders = [tmp_path / name for name in ("one", "two")]
    sending = True

    async def send() -> None:
        """A sender that knows nothing of workers, and is never refused nor kept waiting."""
        connection = await asyncpg.connect(database, command_timeout=5)
        while sending:
            for _ in range(5):
                sid = f"SM{len(truth):032x}"
                silent = dice.random() < 0.2
                word, status = (("sent", None), "timed_out") if silent else dice.choice(ENDS)
                truth[sid] = status
                twilio.words[sid] = ("queued", None)
                asyncio.get_running_loop().call_later(dice.uniform(0, 2), twilio.words.__setitem__, sid, word)
                await connection.execute(INSERT, sid, timedelta(seconds=4 if silent else 600))
            await asyncio.sleep(0.1)
        await connection.close()

    async with twilio.served() as url, Redis.from_url(redis_url) as redis:
        text = configuration(url, lease="2s", poll_seconds="1s")
        workers = []
        for folder in folders:
            folder.mkdir()
            workers.append(Worker(folder, database, redis_url, text))
        sender = asyncio.ensure_future(send())
        try:
            for worker in workers:
                await worker.start()
            await running(*workers)
            for number in range(5):
                worker = workers[number % 2]
                await asyncio.sleep(dice.uniform(0.1, 1.2))
                await worker.kill()
                if number == 2:
                    await redis.flushall()
                await worker.start()
            sending = False
            await sender
            await until(settled(pool, len(truth)), "all messages are settled")
        finally:
            sending = False
            await asyncio.gather(sender, return_exceptions=True)
            for worker in workers:
                await worker.kill()

    twice = "select count(*) from (select from landed.event where applied group by message, kind having count(*) > 1) x"
    assert await statuses(pool) == truth
    assert await pool.fetchval(twice) == 0
    assert not any("planted-secret" in worker.log.read_text() for worker in workers)


async def test_a_worker_stopped_past_its_lease_and_continued_changes_nothing(
    pool: Pool, database: str, redis_url: str, tmp_path: Path
) -> None:
    twilio = Twilio(words={"SM1": ("queued", None)})
    async with twilio.served() as url:
        text = configuration(url, lease="1s", poll_seconds="1s")
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
        async with Worker(tmp_path / "one", database, redis_url, text) as first:
            await running(first)
            twilio.close()
            await pool.execute(INSERT, "SM1", timedelta(minutes=10))
            await until(_asked(twilio, 1), "the first worker asks")
            first.signal(signal.SIGSTOP)
            term = await pool.fetchval("select term from landed.account")
            async with Worker(tmp_path / "two", database, redis_url, text):
                await until(_asked(twilio, 2), "the second worker has taken over and asks")
                taken = await pool.fetchrow("select holder, term from landed.account")
                first.signal(signal.SIGCONT)

                twilio.words["SM1"] = ("delivered", None)
                before = await pool.fetchrow("select term from landed.account")
                twilio.open()
                await until(settled(pool, 1), "the message is settled")
                await first.stop()
                after = await pool.fetchrow("select failures, trouble from landed.account")

    assert len(first.events("lease_lost")) == 1
    assert taken is not None
    assert before is not None
    assert after is not None
    assert taken["term"] > term
    assert before["term"] == taken["term"]
    assert await statuses(pool) == {"SM1": "delivered"}
    assert await pool.fetchval("select count(*) from landed.events where kind = 'delivered'") == 1
    assert tuple(after) == (0, None)


def _asked(twilio: Twilio, times: int) -> Callable[[], Awaitable[bool]]:
    async def enough() -> bool:
        return twilio.waiting >= times

    return enough


async def test_the_sender_is_never_refused_while_no_worker_runs_or_a_migration_is_under_way(
    pool: Pool, database: str, redis_url: str, tmp_path: Path
) -> None:
    twilio = Twilio(words=dict.fromkeys(("SM1", "SM2", "SM3"), ("delivered", None)))
    sender = await asyncpg.connect(database, command_timeout=5)
    await sender.execute(INSERT, "SM1", timedelta(minutes=10))
    migrating = await asyncpg.connect(database)
    transaction = migrating.transaction()
    await transaction.start()
    await migrating.execute("select pg_advisory_xact_lock($1)", migrations.LOCK)
    await migrating.execute("alter table landed.message add column added_later integer")
    await migrating.execute("alter table landed.watch add column added_later integer")

    await sender.execute(INSERT, "SM2", timedelta(minutes=10))
    async with twilio.served() as url, Worker(tmp_path, database, redis_url, configuration(url)) as worker:
        await until(_reaches_postgres(pool), "the worker is there, and waits for the migration")
        await sender.execute(INSERT, "SM3", timedelta(minutes=10))
        assert worker.events("worker_started") == []
        await transaction.commit()
        await until(settled(pool, 3), "all messages are settled")

    await sender.close()
    await migrating.close()
    assert set((await statuses(pool)).values()) == {"delivered"}


async def test_a_worker_lives_on_when_postgres_and_redis_go_away_and_come_back(
    pool: Pool, database: str, redis_url: str, tmp_path: Path
) -> None:
    twilio = Twilio(words={f"SM{number}": ("delivered", None) for number in range(4)})
    postgres, postgres_url = postgres_gate(database)
    redis, through_redis = redis_gate(redis_url)
    async with twilio.served() as url, postgres, redis:
        worker = Worker(tmp_path, postgres_url(), through_redis(), configuration(url))
        async with worker:
            await running(worker)
            for number, gates in enumerate(((), (postgres,), (redis,), (postgres, redis))):
                for gate in gates:
                    await gate.shut()
                await pool.execute(INSERT, f"SM{number}", timedelta(minutes=10))
                passed = sum(gate.passed for gate in gates)
                await asyncio.sleep(1.2 if gates else 0)  # it notices at its next tick, which nothing tells us of
                for gate in gates:
                    await gate.open()
                await until(settled(pool, number + 1), "the messages are settled")
                assert not gates or sum(gate.passed for gate in gates) > passed
            code, _ = await worker.stop()

    assert code == 0
    assert set((await statuses(pool)).values()) == {"delivered"}


async def test_sigterm_ends_a_worker_within_seconds_cleanly_also_in_the_middle_of_a_slow_request(
    pool: Pool, database: str, redis_url: str, tmp_path: Path
) -> None:
    names = [f"SM{number}" for number in range(20)]
    twilio = Twilio(words=dict.fromkeys(names, ("queued", None)))
    async with twilio.served() as url, Worker(tmp_path, database, redis_url, configuration(url)) as worker:
        await running(worker)
        await pool.executemany(INSERT, [(name, timedelta(minutes=10)) for name in names])
        await until(_looks(pool, 1), "a request is written down")
        twilio.close()
        await until(_asked(twilio, 1), "it asks")

        code, seconds = await worker.stop()

        row = await pool.fetchrow("select lease_until, holder, failures from landed.account")
        looks = await pool.fetchval("select sum(looks) from landed.watch")
        covered = await pool.fetchval("select sum(covered) from landed.look where result = 'ok'")
    assert (code, seconds < 10) == (0, True)
    assert row is not None
    assert tuple(row) == (None, None, 0)
    assert len(worker.events("worker_stopped")) == 1
    # What was asked and answered is written down; what was cut off does not count as a look.
    assert looks == covered


async def test_sigterm_ends_a_worker_that_still_waits_for_its_postgres(
    database: str, redis_url: str, tmp_path: Path
) -> None:
    gate, through = postgres_gate(database)
    await gate.open()
    await gate.shut()
    async with Worker(tmp_path, through(), redis_url, configuration("http://127.0.0.1:9")) as worker:
        await gate.open()
        await until(_came(gate), "it comes to its Postgres")
        await gate.shut()

        code, seconds = await worker.stop()

    assert (code, seconds < 10) == (0, True)
    assert len(worker.events("worker_stopped")) == 1


def _came(gate: Gate) -> Callable[[], Awaitable[bool]]:
    async def has() -> bool:
        return gate.passed > 0

    return has


def _reaches_postgres(pool: Pool) -> Callable[[], Awaitable[bool]]:
    """Whether somebody waits for the lock of a table."""

    async def waits() -> bool:
        query = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        return bool(await pool.fetchval(query))

    return waits


def _looks(pool: Pool, count: int) -> Callable[[], Awaitable[bool]]:
    async def enough() -> bool:
        return bool(await pool.fetchval("select count(*) >= $1 from landed.look", count))

    return enough

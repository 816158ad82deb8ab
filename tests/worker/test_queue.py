"""The queue only triggers: what is in it is plain, may vanish at any time, and is none of the truth."""

import asyncio
import pickle
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis

from tests.worker.gate import redis_gate
from worker.queue import NAME, Queue, health

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

#: For a job to be done, on a machine that does much else.
SECONDS = 20


class Desk:
    """Jobs that remember that they were done."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.ticks = 0
        self._changed = asyncio.Event()

    async def job(self, *arguments: str) -> Mapping[str, int]:
        """Remember what it was called with."""
        self.done.append(",".join(arguments))
        self._changed.set()
        return {}

    async def tick(self) -> Mapping[str, int]:
        """Count."""
        self.ticks += 1
        self._changed.set()
        return {}

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds."""
        async with asyncio.timeout(SECONDS):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def serving(queue: Queue, desk: Desk) -> AsyncIterator[asyncio.Event]:
    """A worker that runs until the end; gives the event that stops it."""
    stop = asyncio.Event()
    jobs = {"job": desk.job}
    task = asyncio.ensure_future(queue.serve(jobs, {"tick": (desk.tick, range(60))}, stop))
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(SECONDS):
            await task


@pytest.fixture
def desk() -> Desk:
    return Desk()


def queue_at(url: str, name: str = "w") -> Queue:
    return Queue(url, name, at_once=5, timeout=30)


async def test_the_clock_starts_jobs_and_they_start_others(redis_url: str, desk: Desk) -> None:
    queue = queue_at(redis_url)
    async with serving(queue, desk):
        await desk.until(lambda: desk.ticks >= 1)
        await queue.start("job", "pretend", job_id="job:1")
        await desk.until(lambda: desk.done == ["pretend"])


async def test_a_job_of_an_id_that_waits_is_not_started_again_and_one_that_is_done_is(
    redis_url: str, desk: Desk
) -> None:
    queue = queue_at(redis_url)
    async with serving(queue, desk):
        await desk.until(lambda: desk.ticks >= 1)
        for _ in range(3):
            await queue.start("job", "same", job_id="job:1")
        await desk.until(lambda: len(desk.done) >= 1)
        ticks = desk.ticks
        await desk.until(lambda: desk.ticks > ticks)
        once = list(desk.done)

        await queue.start("job", "again", job_id="job:1")
        await desk.until(lambda: "again" in desk.done)

    assert once == ["same"]


async def test_a_job_is_json_with_an_accounts_name_and_leaves_nothing_behind(redis_url: str, desk: Desk) -> None:
    queue = queue_at(redis_url)
    async with serving(queue, desk), Redis.from_url(redis_url) as redis:
        await desk.until(lambda: desk.ticks >= 1)
        await queue.start("job", "pretend", job_id="job:1")
        raw = await redis.get("arq:job:job:1")
        await desk.until(lambda: desk.done == ["pretend"])

    async with Redis.from_url(redis_url) as redis:
        keys = {key.decode() for key in await redis.keys("*")}
    said = None if raw is None else msgspec.json.decode(raw)
    assert said is None or (said["f"], said["a"]) == ("job", ["pretend"])
    assert not {key for key in keys if key.startswith(("arq:result", "arq:job:job"))}


def test_jobs_are_written_as_json() -> None:
    from worker.queue import decode, encode  # noqa: PLC0415 - beside what it is about

    job: dict[str, object] = {"t": None, "f": "poll", "a": ("sms",), "k": {}, "et": 1}

    assert msgspec.json.decode(encode(job)) == {**job, "a": ["sms"]}
    assert decode(encode(job))["f"] == "poll"


class Trap:
    """What someone who can write to Redis would put there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


async def test_a_pickled_job_is_refused_and_not_run_and_others_go_on(
    redis_url: str, desk: Desk, tmp_path: Path
) -> None:
    trap = tmp_path / "sprung"
    queue = queue_at(redis_url)
    async with serving(queue, desk), Redis.from_url(redis_url) as redis:
        await desk.until(lambda: desk.ticks >= 1)
        await redis.set("arq:job:evil", pickle.dumps({"t": None, "f": "job", "a": (Trap(trap),), "k": {}, "et": 1}))
        await redis.zadd(NAME, {"evil": 1})
        await queue.start("job", "fine", job_id="job:1")
        await desk.until(lambda: desk.done == ["fine"])
        ticks = desk.ticks
        await desk.until(lambda: desk.ticks > ticks)
        left = await redis.zscore(NAME, "evil")

    assert (trap.exists(), left) == (False, None)


async def test_a_job_nobody_knows_is_dropped_and_others_go_on(redis_url: str, desk: Desk) -> None:
    queue = queue_at(redis_url)
    async with serving(queue, desk):
        await desk.until(lambda: desk.ticks >= 1)
        await queue.start("of another release", job_id="other:1")
        await queue.start("job", "fine", job_id="job:1")
        await desk.until(lambda: desk.done == ["fine"])


async def test_a_job_that_fails_does_not_end_the_worker(redis_url: str, desk: Desk) -> None:
    queue = queue_at(redis_url)
    fine = desk.job

    async def job(*arguments: str) -> Mapping[str, int]:
        await fine(*arguments)
        if arguments == ("bad",):
            msg = "nobody foresaw this"
            raise RuntimeError(msg)
        return {}

    desk.job = job  # type: ignore[method-assign]
    async with serving(queue, desk):
        await desk.until(lambda: desk.ticks >= 1)
        await queue.start("job", "bad", job_id="job:1")
        await desk.until(lambda: desk.done == ["bad"])
        await queue.start("job", "good", job_id="job:2")
        await desk.until(lambda: desk.done == ["bad", "good"])


async def test_flushing_redis_stops_nothing(redis_url: str, desk: Desk) -> None:
    queue = queue_at(redis_url)
    async with serving(queue, desk), Redis.from_url(redis_url) as redis:
        for number in range(3):
            ticks = desk.ticks
            await redis.flushall()
            await desk.until(lambda ticks=ticks: desk.ticks > ticks)  # type: ignore[misc]
            await queue.start("job", str(number), job_id="job:1")
            await desk.until(lambda number=number: str(number) in desk.done)  # type: ignore[misc]


async def test_a_redis_that_goes_away_and_comes_back_is_used_again(redis_url: str, desk: Desk) -> None:
    gate, through = redis_gate(redis_url)
    async with gate, serving(queue_at(through()), desk):
        await desk.until(lambda: desk.ticks >= 1)
        await gate.shut()
        ticks = desk.ticks
        await asyncio.sleep(0)

        await gate.open()

        await desk.until(lambda: desk.ticks > ticks + 1)


async def test_a_worker_without_a_redis_waits_for_it_and_can_be_stopped(redis_url: str, desk: Desk) -> None:
    gate, through = redis_gate(redis_url)
    await gate.open()
    await gate.shut()
    loop = asyncio.get_running_loop()

    async with serving(queue_at(through()), desk):
        pass
    async with serving(queue_at(through()), desk):
        await gate.open()
        await desk.until(lambda: desk.ticks >= 1)
        began = loop.time()
    took = loop.time() - began
    await gate.shut()

    assert took < 5


async def test_a_job_that_runs_when_the_worker_stops_may_end(redis_url: str, desk: Desk) -> None:
    queue = queue_at(redis_url)
    started, go_on = asyncio.Event(), asyncio.Event()
    fine = desk.job

    async def job(*arguments: str) -> Mapping[str, int]:
        started.set()
        await go_on.wait()
        return await fine(*arguments)

    desk.job = job  # type: ignore[method-assign]
    async with serving(queue, desk) as stop:
        await desk.until(lambda: desk.ticks >= 1)
        await queue.start("job", "slow", job_id="job:1")
        await started.wait()
        stop.set()
        asyncio.get_running_loop().call_later(0.2, go_on.set)

    assert desk.done == ["slow"]


async def test_a_job_that_does_not_end_is_cut_off(redis_url: str, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.queue.PATIENCE", 0.1)
    queue = queue_at(redis_url)
    started, for_ever, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def job(*_: str) -> Mapping[str, int]:
        started.set()
        try:
            await for_ever.wait()
        finally:
            ended.set()
        return {}

    desk.job = job  # type: ignore[method-assign]
    async with serving(queue, desk):
        await desk.until(lambda: desk.ticks >= 1)
        await queue.start("job", job_id="job:1")
        await started.wait()

    assert ended.is_set()


async def test_health_tells_which_workers_live_and_a_clean_end_is_seen_at_once(redis_url: str) -> None:
    async with serving(queue_at(redis_url, "one"), Desk()):
        async with serving(queue_at(redis_url, "two"), Desk()):
            both = await _healthy(redis_url, {"one", "two"})
        one = await health(redis_url)
    nobody = await health(redis_url)

    assert (set(one), nobody) == ({"one"}, {})
    assert all("j_complete=" in said for said in both.values())


async def _healthy(redis_url: str, names: set[str]) -> dict[str, str]:
    """What these workers say of themselves, as soon as all do."""
    async with asyncio.timeout(SECONDS):
        while set(said := await health(redis_url)) != names:  # noqa: ASYNC110 - a key in Redis sets no event
            await asyncio.sleep(0.02)
    return said


async def test_two_workers_share_the_clock(redis_url: str, desk: Desk) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with serving(queue_at(redis_url, "one"), desk), serving(queue_at(redis_url, "two"), desk):
        await desk.until(lambda: desk.ticks >= 3)
    seconds = loop.time() - began

    assert desk.ticks <= seconds + 2


@pytest.mark.parametrize("end", ["", "/", "/0"])
async def test_every_usual_way_to_write_the_url_leads_to_the_server(redis_url: str, end: str) -> None:
    gate, through = redis_gate(redis_url)
    async with gate:
        place = through().rpartition("/")[0]

        assert await health(place + end) == {}

"""The queue: arq on Redis or Valkey, which only triggers. Nothing in it is needed again: flush it, and work goes on.

A job carries the name of an account at most, never a message, and keeps no result.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec
import structlog
from arq.connections import ArqRedis
from arq.cron import cron
from arq.worker import Function, Worker, func
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

log = structlog.get_logger()

NAME = "landed"

#: Under this and its name each worker says how it is.
HEALTH = "landed:health:"

#: How often arq looks for work, in seconds.
POLL_DELAY = 0.2

#: How long a server may take to answer at all, in seconds.
CONNECT_SECONDS = 5

#: How often a worker says that it lives, in seconds.
HEALTH_EVERY = 10

#: How long running jobs may take to end when the worker stops, in seconds. They are told to, and end between requests;
#: one that is still waiting for its answer is cut off then, and hands back what it asked about.
PATIENCE = 3

Job = Callable[..., Awaitable[Mapping[str, int]]]

#: The seconds of a minute at which a job is started.
Seconds = Iterable[int]


class Queue:
    """The jobs of one worker process. `jobs` are started by `start`; those with seconds by the clock."""

    def __init__(self, redis_url: str, name: str, *, at_once: int, timeout: float) -> None:
        """Run up to `at_once` jobs at a time, each for at most `timeout` seconds, as the worker called `name`."""
        self._redis_url = redis_url
        self._name = name
        self._at_once = at_once
        self._timeout = timeout
        self._redis: ArqRedis | None = None

    async def start(self, job: str, *arguments: str, job_id: str, after: float = 0.0) -> None:
        """Have a job done soon, `after` so many seconds, unless one of the same id is waiting or running."""
        if self._redis is not None:
            await self._redis.enqueue_job(job, *arguments, _job_id=job_id, _queue_name=NAME, _defer_by=after or None)

    async def serve(
        self,
        jobs: Mapping[str, Job],
        clocked: Mapping[str, tuple[Job, Seconds]],
        stop: asyncio.Event,
    ) -> None:
        """Do jobs until `stop` is set, also over a server that goes away and comes back."""
        pause = 0.5
        while not stop.is_set():
            try:
                await self._serve_once(jobs, clocked, stop)
            except (OSError, RedisError, TimeoutError) as error:
                log.warning("queue_unreachable", problem=type(error).__name__, cure="check LANDED_REDIS_URL")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)
                pause = min(pause * 2, 10)

    async def _serve_once(
        self,
        jobs: Mapping[str, Job],
        clocked: Mapping[str, tuple[Job, Seconds]],
        stop: asyncio.Event,
    ) -> None:
        self._redis = await _connect(self._redis_url)
        worker = self._worker(jobs, clocked)
        running = asyncio.ensure_future(worker.async_run())
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
                return
            await _finish(worker)
        finally:
            stopping.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, RedisError):
                await worker.close()
            await _disconnect(self._redis)
            with contextlib.suppress(asyncio.CancelledError, OSError, RedisError, TimeoutError):
                await running
            self._redis = None

    def _worker(self, jobs: Mapping[str, Job], clocked: Mapping[str, tuple[Job, Seconds]]) -> Worker:
        crons = [cron(_wrap(job), name=name, second=set(at), unique=True) for name, (job, at) in clocked.items()]
        return Worker(
            functions=[_function(name, job) for name, job in jobs.items()],
            cron_jobs=crons,
            redis_pool=self._redis,
            queue_name=NAME,
            handle_signals=False,
            max_jobs=self._at_once,
            job_timeout=self._timeout,
            keep_result=0,
            max_tries=1,
            retry_jobs=False,
            poll_delay=POLL_DELAY,
            health_check_interval=HEALTH_EVERY,
            health_check_key=f"{HEALTH}{self._name}",
            job_serializer=encode,
            job_deserializer=decode,
            log_results=False,
        )


def encode(job: dict[str, Any]) -> bytes:
    """A job as JSON. arq's own pickle would run whatever someone put into the queue."""
    return msgspec.json.encode(job, enc_hook=str)


def decode(text: bytes) -> dict[str, Any]:
    """The job that `encode` wrote."""
    job: dict[str, Any] = msgspec.json.decode(text)
    return job


def _function(name: str, job: Job) -> Function:
    return func(_wrap(job), name=name, keep_result=0, max_tries=1)


def _wrap(job: Job) -> Callable[..., Any]:
    async def run(_context: dict[str, Any], *arguments: str) -> None:
        await job(*arguments)

    return run


async def _finish(worker: Worker) -> None:
    """Let running jobs end; they know that the worker stops."""
    worker.allow_pick_jobs = False
    running = [task for task in worker.tasks.values() if not task.done()]
    if running:
        await asyncio.wait(running, timeout=PATIENCE)


async def _connect(redis_url: str) -> ArqRedis:
    """Connect, or raise. redis-py reads the URL: arq knows no quoted password, and no URL that ends with a slash."""
    pool = ConnectionPool.from_url(redis_url, socket_connect_timeout=CONNECT_SECONDS)
    redis = ArqRedis(pool, job_serializer=encode, job_deserializer=decode, default_queue_name=NAME)
    try:
        await redis.ping()
    except BaseException:
        await _disconnect(redis)
        raise
    return redis


async def _disconnect(redis: ArqRedis) -> None:
    with contextlib.suppress(asyncio.CancelledError, OSError, RedisError):
        await redis.aclose(close_connection_pool=True)


async def health(redis_url: str) -> dict[str, str]:
    """What each worker that lived in the last seconds said of itself, by name. Raises OSError and RedisError."""
    redis = await _connect(redis_url)
    try:
        keys = [key async for key in redis.scan_iter(match=f"{HEALTH}*")]
        said = await redis.mget(keys) if keys else []
    finally:
        await _disconnect(redis)
    pairs = zip(keys, said, strict=True)
    return {key.decode().removeprefix(HEALTH): text.decode() for key, text in pairs if text is not None}

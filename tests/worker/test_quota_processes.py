"""Four worker processes share the quota of one account of four slices, and one of them is stopped and continued."""

import asyncio
import json
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from rules.quota import LATE
from rules.statuses import Channel
from simulator import Faults, Scenario, Simulator
from store.connections import Pool
from tests.rules.playing import most_in_any_window
from tests.worker.process import Worker
from tests.worker.stamping import GIVEN_AT, PROCESS
from tests.worker.test_killed import running, until
from worker.pace import boottime

pytestmark = pytest.mark.once

#: So many requests in any window of so many seconds, and evenly spread not more than so many a second.
MOST, WINDOW, RATE = 200, 5.0, 60

#: So many seconds are slept again and again, to see how busy the machine is; being so late does not matter yet.
TICK, BEARABLE = 0.005, 0.025

#: For so many seconds one process is stopped, and so many from then on are counted.
STOPPED, SECONDS = 2.5, 9.0


@dataclass
class Counting:
    """What the simulated provider saw: when a permit was given for each request, when it arrived, and from whom."""

    seen: list[tuple[float, float, str]] = field(default_factory=list)

    def __call__(self, _name: str, request: web.Request) -> None:
        """Note a request."""
        self.seen.append((float(request.headers[GIVEN_AT]), boottime(), request.headers[PROCESS]))

    def processes(self) -> set[str]:
        """Who has asked."""
        return {process for _, _, process in self.seen}


@dataclass
class Stalls:
    """For how long this process was kept from running: what such a machine also does to the workers."""

    seconds: float = 0.0

    async def watch(self) -> None:
        """Count by how much short sleeps are longer than they should be."""
        before = boottime()
        while True:
            await asyncio.sleep(TICK)
            now = boottime()
            self.seconds += max(0.0, now - before - TICK - BEARABLE)
            before = now


def configuration(base_url: str, settings: dict[str, str]) -> str:
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    return "\n".join(
        [
            'log_format = "json"',
            "[worker]",
            'lease = "2s"',
            'poll_seconds = "60s"',
            "batch = 20",
            "accounts_at_once = 1",
            "[accounts.sms]",
            'adapter = "tests.worker.stamping:Stamped"',
            f'base_url = "{base_url}"',
            *lines,
            f"rate = {RATE}",
            f'requests = ["{MOST}/{WINDOW:g}s"]',
            "concurrency = 40",
            "slices = 4",
            'lag = "0s"',
            'looks = ["100ms"]',
            'then = "1h"',
            'timeout = "5s"',
        ]
    )


async def test_never_over_and_nearly_all_of_it_used(pool: Pool, database: str, redis_url: str, tmp_path: Path) -> None:
    """In no window were more requests sent than its limit, and over all windows 95 % of that, while there was work.

    Nor did more arrive, but for those that were longer on their way than the promise covers. Time in which the machine
    was so busy that nobody could have asked does not count as time when there was work.
    """
    counting, stalls = Counting(), Stalls()
    simulator = Simulator(Scenario(faults=Faults.none()), lambda: datetime.now(UTC), counting)
    async with AsyncExitStack() as stack:
        text = configuration(await simulator.start(), simulator.settings("twilio"))
        stack.push_async_callback(simulator.stop)
        workers = [worker(tmp_path / f"{number}", database, redis_url, text) for number in range(4)]
        for each in workers:
            await stack.enter_async_context(each)
        await running(*workers)
        await record(pool, simulator, 3000)
        watching = asyncio.ensure_future(stalls.watch())
        stack.callback(watching.cancel)
        await until(lambda: begun(counting), "all four ask", 120)

        workers[2].signal(signal.SIGSTOP)
        stopped_at = boottime()
        await until(lambda: passed(STOPPED, stopped_at), "it was stopped for a while")
        workers[2].signal(signal.SIGCONT)
        await until(lambda: passed(SECONDS, stopped_at), "all has been counted that is")
        seen, ended_at = tuple(counting.seen), boottime()
        left = await pool.fetchval("select count(*) from landed.watch where looks = 0")

    given = [(at, 1.0) for at, _, _ in seen]
    in_time = [(arrived, 1.0) for at, arrived, _ in seen if arrived - at <= LATE * WINDOW]
    used = mean_of_windows([arrived for _, arrived, _ in seen], ended_at)
    stalled = stalls.seconds / (ended_at - seen[0][1])
    assert left > 0, "there was work to the end"
    assert most_in_any_window(given, WINDOW) <= MOST
    assert most_in_any_window(given, 1.0) <= RATE
    assert most_in_any_window(in_time, WINDOW) <= MOST
    assert used >= 0.95 * MOST * (1 - stalled)


def mean_of_windows(arrived: list[float], ended_at: float) -> float:
    """How many arrived in a window on average, over all windows between the first request and the end."""
    first, last = min(arrived), ended_at - WINDOW
    return sum(max(0.0, min(at, last) - max(at - WINDOW, first)) for at in arrived) / (last - first)


def worker(folder: Path, database: str, redis_url: str, text: str) -> Worker:
    folder.mkdir()
    return Worker(folder, database, redis_url, text)


async def record(pool: Pool, simulator: Simulator, count: int) -> None:
    """Send messages that never get a receipt, and record them."""
    sent = [simulator.send("twilio", Channel.SMS, ["+447700900001"], fate="no_receipt")[0] for _ in range(count)]
    await pool.execute(
        "insert into landed.inbox (account, channel, recipient, provider_id, sent_at, deadline_at)"
        " select 'sms', 'sms', '+447700900001', id, now(), now() + $2 from unnest($1::text[]) as id",
        [one.provider_id for one in sent],
        timedelta(days=1),
    )


async def begun(counting: Counting) -> bool:
    return len(counting.processes()) == 4


async def passed(seconds: float, since: float) -> bool:
    return boottime() >= since + seconds

"""Four worker processes share the quota of one account of four slices, and one of them is stopped and continued."""

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
from tests.worker.stamping import PROCESS, SENT_AT
from tests.worker.test_killed import running, until
from worker.pace import boottime

pytestmark = pytest.mark.once

#: So many requests in any window of so many seconds, and evenly spread not more than so many a second.
MOST, WINDOW, RATE = 120, 3.0, 60

#: Seconds over which is counted how much of the quota was used: three windows.
SECONDS = 9.0


@dataclass
class Counting:
    """What the simulated provider saw: when each request was sent, when it arrived, and from which process."""

    seen: list[tuple[float, float, str]] = field(default_factory=list)

    def __call__(self, _name: str, request: web.Request) -> None:
        """Note a request."""
        self.seen.append((float(request.headers[SENT_AT]), boottime(), request.headers[PROCESS]))

    def processes(self) -> set[str]:
        """Who has asked."""
        return {process for _, _, process in self.seen}


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
    """In no window were more requests sent than its limit, and of what was allowed, 95 % was used while there was work.

    Nor did more arrive, but for those that were longer on their way than the promise covers.
    """
    counting = Counting()
    simulator = Simulator(Scenario(faults=Faults.none()), lambda: datetime.now(UTC), counting)
    async with AsyncExitStack() as stack:
        text = configuration(await simulator.start(), simulator.settings("twilio"))
        stack.push_async_callback(simulator.stop)
        workers = [worker(tmp_path / f"{number}", database, redis_url, text) for number in range(4)]
        for each in workers:
            await stack.enter_async_context(each)
        await running(*workers)
        await record(pool, simulator, 1500)
        await until(lambda: begun(counting), "all four ask")
        first = counting.seen[0][1]

        stopped = workers[2]
        stopped.signal(signal.SIGSTOP)
        stopped_at = boottime()
        await until(lambda: passed(2.5, stopped_at), "it was stopped for a while")
        stopped.signal(signal.SIGCONT)
        await until(lambda: passed(SECONDS, first), "all has been counted that is")
        left = await pool.fetchval("select count(*) from landed.watch where looks = 0")

    sent = [(at, 1.0) for at, _, _ in counting.seen]
    in_time = [(arrived, 1.0) for at, arrived, _ in counting.seen if arrived - at <= LATE * WINDOW]
    within = [arrived for _, arrived, _ in counting.seen if arrived < first + SECONDS]
    assert left > 0, "there was work to the end"
    assert len(counting.processes()) == 4
    assert most_in_any_window(sent, WINDOW) <= MOST
    assert most_in_any_window(sent, 1.0) <= RATE
    assert most_in_any_window(in_time, WINDOW) <= MOST
    assert len(within) >= 0.95 * MOST * SECONDS / WINDOW


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

"""`demo`: everything at work on this machine, with nothing installed, against simulated providers.

1. Start embedded servers, a simulator of six providers with faults, a worker and the page, as anybody would run them.
2. Send through the providers and record, in waves. In the middle kill the worker with -9 and start it again.
3. Wait until every message is as its provider has it.
4. Print a communication's report in each vocabulary, what it cost, and what differs.
"""

import asyncio
import json
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.progress import Progress

from cli import agreement, report, session
from cli.agreement import Difference
from cli.output import progress
from cli.own_process import OwnProcess, configured
from cli.sending import COMMUNICATIONS, Message, Row, Service, values
from cli.simulate import configuration
from config import Settings, load
from config.words import named
from embedded import Servers
from rules.columns import NAMES
from rules.statuses import Status
from simulator import Faults, Scenario, Simulator
from store.connections import Pool, open_pool
from store.migrations import migrate
from web.server import free_port
from worker.accounts import Account

#: How long messages take on the way, mostly.
TYPICAL = timedelta(seconds=3)

#: Fewer messages than this do not reach every status.
FEWEST = 300

#: In so many waves the messages are sent, this many seconds apart.
WAVES, PAUSE = 20, 0.4

#: How many messages are prepared to addresses that are blocked by then.
BLOCKED = 5

#: How long to wait for everything to agree once the last deadline is over, in seconds.
PATIENCE = 40.0

#: How long an account belongs to a worker that was killed.
LEASE = "5s"

#: Recipients shown in each report, and differences named.
ROWS, NAMED = 4, 10

VOCABULARIES = ("crisis", "history", "log", "engage")


@click.command()
@click.option("--messages", type=click.IntRange(min=FEWEST), default=2400, show_default=True, help="How many to send.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed sends the same messages.")
@click.option("--keep", is_flag=True, help="Leave everything running afterwards, to look around.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON on the last line.")
def demo(messages: int, seed: int, *, keep: bool, as_json: bool) -> None:
    """Show everything at work on this machine, against simulated providers that misbehave.

    It needs no server, no account and no network, and it leaves nothing behind. Exit code 1 if Landed says anything
    else of a message than its provider.
    """
    started = time.monotonic()
    with _place() as place, Servers(place / "home") as urls:
        _tell(f"PostgreSQL and Valkey run in {place / 'home'}")
        outcome = asyncio.run(_show(place, urls.database, messages, seed, started, keep=keep, as_json=as_json))
    if outcome.differences:
        click.get_current_context().exit(1)


@contextmanager
def _place() -> Iterator[Path]:
    """A folder for all that the demo makes, gone afterwards."""
    place = Path(tempfile.mkdtemp(prefix="landed-demo-"))
    place.chmod(0o711)  # root's servers run as someone else
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _tell(what: str) -> None:
    click.echo(what, err=True)


@dataclass
class Outcome:
    """What came of it."""

    messages: int
    differences: list[Difference]
    statuses: dict[str, int]
    requests: int
    seconds: float
    faults: dict[str, int]

    def plain(self) -> dict[str, object]:
        """The same as JSON."""
        return {
            "messages": self.messages,
            "agree": self.messages - len(self.differences),
            "disagree": len(self.differences),
            "statuses": self.statuses,
            "requests": self.requests,
            "requests_per_message": round(self.requests / self.messages, 3),
            "seconds": round(self.seconds, 1),
            "faults": self.faults,
        }


@dataclass
class Show:
    """The demo while it runs."""

    pool: Pool
    accounts: Mapping[str, Account]
    simulator: Simulator
    service: Service
    worker: OwnProcess
    web: OwnProcess
    faults: Counter[str] = field(default_factory=Counter)

    async def record(self, rows: list[Row]) -> None:
        """Record as a sending service does: with COPY, whatever Landed is doing."""
        async with self.pool.acquire() as connection:
            await connection.copy_records_to_table("inbox", schema_name="landed", columns=NAMES, records=values(rows))

    async def differences(self) -> list[Difference]:
        """What is not yet as it must be in the end."""
        async with self.pool.acquire() as connection:
            ours = await agreement.states(connection)
        return agreement.differences(self.service.messages, ours, self.simulator, self.accounts)


async def _show(
    place: Path, database: str, wanted: int, seed: int, started: float, *, keep: bool, as_json: bool
) -> Outcome:
    simulator = Simulator(Scenario(seed=seed, typical=TYPICAL, faults=Faults.usual()))
    base_url = await simulator.start()
    _tell(f"six providers are simulated at {base_url}")
    settings = _configure(place, simulator, base_url)
    accounts = session.accounts(settings)
    environment = configured(place / "landed.toml")
    worker = OwnProcess(["worker"], environment, place / "worker.log")
    port = free_port(settings.web.host, settings.web.port)
    web = OwnProcess(["web", "--port", str(port)], environment, place / "web.log")
    try:
        async with open_pool(database, size=4) as pool:
            async with pool.acquire() as connection:
                await migrate(connection)
            web.start()
            _tell(f"the page is at http://localhost:{port}")
            show = Show(pool, accounts, simulator, Service(simulator, seed), worker, web)
            differences = await _run(show, wanted)
            outcome = await _outcome(show, differences, time.monotonic() - started)
            await _print(show, settings, outcome)
            if as_json:
                click.echo(json.dumps(outcome.plain()))
            if keep:
                await _keep(place, port)
    finally:
        web.stop()
        worker.stop()
        await simulator.stop()
    return outcome


def _configure(place: Path, simulator: Simulator, base_url: str) -> Settings:
    """Write the configuration: ordinary settings, with seconds where others have hours."""
    path = place / "landed.toml"
    # A worker that is killed keeps its accounts until their leases are over.
    ours = f'home = "{place / "home"}"\n\n[worker]\nlease = "{LEASE}"\n\n'
    path.write_text(ours + configuration(simulator, base_url), "utf-8")
    return load({"LANDED_CONFIG": str(path)}, place)


async def _run(show: Show, wanted: int) -> list[Difference]:
    """Send, record, kill, wait; what differs in the end."""
    with progress("Sending", wanted) as bar:
        show.worker.start()
        await _send(show, wanted - BLOCKED, bar)
        await _send_to_blocked(show)
        return await _await_agreement(show, bar)


async def _send(show: Show, wanted: int, bar: Progress) -> None:
    sizes = [wanted * (wave + 1) // WAVES - wanted * wave // WAVES for wave in range(WAVES)]
    for wave, size in enumerate(sizes):
        await show.record(show.service.wave(size, _now()))
        bar.update(bar.task_ids[0], completed=len(show.service.messages))
        if wave == WAVES // 2:
            show.worker.kill()
            show.faults["worker_killed"] += 1
            _tell("the worker is killed with -9")
        elif wave == WAVES // 2 + 2:
            show.worker.start()
            _tell("the worker is started again")
        await asyncio.sleep(PAUSE)
    await show.record(show.service.last())


async def _send_to_blocked(show: Show) -> None:
    """Prepare messages to addresses that are blocked by now, because of a bounce."""
    bounced = [message for message in show.service.messages if _bounced(show.simulator, message)]
    ends_at = time.monotonic() + PATIENCE
    blocked: list[Message] = []
    while len(blocked) < BLOCKED and time.monotonic() < ends_at:
        await asyncio.sleep(PAUSE)
        show.worker.check()
        async with show.pool.acquire() as connection:
            blocked = [
                message
                for message in bounced
                if await connection.fetchval(
                    "select landed.is_blocked($1, $2)", message.channel.word, message.recipient
                )
            ]
    await show.record([show.service.to_blocked(message, _now()) for message in blocked[:BLOCKED]])


def _bounced(simulator: Simulator, message: Message) -> bool:
    return message.sent is not None and simulator.truth(message.sent).status is Status.HARD_BOUNCED


async def _await_agreement(show: Show, bar: Progress) -> list[Difference]:
    """Wait until all is over and everything agrees, or until nothing helps any more."""
    over = agreement.over_at(show.service.messages, show.accounts)
    most = (over - _now()).total_seconds() + PATIENCE
    ends_at = time.monotonic() + most
    bar.update(bar.task_ids[0], description="As their provider has them", completed=0)
    while True:
        show.worker.check()
        show.web.check()
        found = await show.differences()
        bar.update(bar.task_ids[0], completed=len(show.service.messages) - len(found))
        final = all(show.simulator.is_final(message.sent) for message in show.service.messages if message.sent)
        if (final and _now() >= over and not found) or time.monotonic() > ends_at:
            return found
        await asyncio.sleep(PAUSE)


async def _outcome(show: Show, differences: list[Difference], seconds: float) -> Outcome:
    async with show.pool.acquire() as connection:
        counts = Counter(state.status.word for state in (await agreement.states(connection)).values())
    return Outcome(
        len(show.service.messages),
        differences,
        {status.word: counts[status.word] for status in Status},
        sum(show.simulator.requests.values()),
        seconds,
        dict(sorted((show.faults + show.simulator.faulted + Counter(show.service.tricks)).items())),
    )


async def _print(show: Show, settings: Settings, outcome: Outcome) -> None:
    for vocabulary in VOCABULARIES:
        words = named(settings, vocabulary)
        click.echo(f"\n--- in the words of {vocabulary} ---\n")
        await report.write(show.pool, COMMUNICATIONS[0], words, "table", ROWS)
    plain = outcome.plain()
    faults = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in outcome.faults.items())
    click.echo(f"\nfaults: {faults}")
    click.echo(f"{outcome.requests} requests, {plain['requests_per_message']} per message, in {plain['seconds']} s")
    for difference in outcome.differences[:NAMED]:
        click.echo(str(difference))
    click.echo(f"{plain['agree']} of {outcome.messages} messages as their provider has them")


async def _keep(place: Path, port: int) -> None:
    """Run on until Ctrl-C."""
    click.echo(
        f"\nEverything runs on until Ctrl-C. The page is at http://localhost:{port}\n"
        f"Or look around in another terminal:\n"
        f"  export LANDED_CONFIG={place / 'landed.toml'}\n"
        f"  ./landed accounts\n  ./landed report {COMMUNICATIONS[1]!r}\n"
    )
    stopped = asyncio.Event()
    for word in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(word, stopped.set)
    await stopped.wait()


def _now() -> datetime:
    return datetime.now(UTC)

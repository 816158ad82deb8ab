"""`simulate`: six providers to practise on, on loopback, until Ctrl-C."""

import asyncio
import csv
import json
import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any, TextIO

import click

from rules import durations
from rules.columns import NAMES
from rules.statuses import Channel
from rules.times import iso
from simulator import Faults, PortInUse, Scenario, ScenarioError, Sent, Simulator

#: What the messages sent at the start belong to, in turn; so many that each gets messages of every channel.
COMMUNICATIONS = ("Flood warning 7", "November newsletter", "Appointment reminders", "Your parcel")

#: How long messages take at a simulator for people, who need time to look.
TYPICAL = timedelta(seconds=30)

FAULTS = {"usual": Faults.usual, "none": Faults.none}


class Duration(click.ParamType[timedelta]):
    """A duration like `5s`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The duration that the text names."""
        if isinstance(value, timedelta):
            return value
        try:
            duration = durations.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not duration:
            self.fail("must be longer than nothing", param, ctx)
        return duration


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8420, show_default=True, help="0 is any that is free.")
@click.option("--seed", type=int, help="The same seed gives the same messages the same fates.")
@click.option("--messages", "count", type=click.IntRange(min=0), default=0, help="Send so many at the start.")
@click.option("--typical", type=Duration(), help="How long a message mostly takes; 30s if nothing is said.")
@click.option("--scenario", "file", type=click.Path(path_type=Path), help="A scenario; options outdo it.")
@click.option("--faults", type=click.Choice(list(FAULTS)), help="What goes wrong; `usual` if nothing is said.")
@click.option("--record", type=click.Path(path_type=Path), help="Write the messages sent, for `landed record`.")
@click.option("--config", type=click.Path(path_type=Path), help="Write the six accounts, as a landed.toml.")
def simulate(port: int, count: int, file: Path | None, record: Path | None, config: Path | None, **given: Any) -> None:
    """Run six providers to practise on, on this machine, until Ctrl-C.

    They speak the real status APIs of Expo, GOV.UK Notify, Infobip, Mailgun, MessageMedia and Twilio. What a scenario
    may hold, and what goes wrong when, is in `docs/simulator.md`.
    """
    for path in (record, config):
        if path is not None and path.exists():
            raise click.ClickException(f"{path} is there already: name another file, or remove it")
    try:
        simulator = Simulator(_scenario(file, **given))
    except ScenarioError as error:
        raise click.ClickException(str(error)) from error
    asyncio.run(_run(simulator, port, count, record, config))


def _scenario(file: Path | None, seed: int | None, typical: timedelta | None, faults: str | None) -> Scenario:
    """The scenario of the file, or the usual one, with what was said on the line in place."""
    scenario = Scenario(typical=TYPICAL, faults=Faults.usual()) if file is None else Scenario.load(file)
    told = {"seed": seed, "typical": typical, "faults": FAULTS[faults]() if faults else None}
    return replace(scenario, **{name: value for name, value in told.items() if value is not None})  # type: ignore[arg-type]


async def _run(simulator: Simulator, port: int, count: int, record: Path | None, config: Path | None) -> None:
    stop = asyncio.Event()
    for word in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(word, stop.set)
    try:
        base_url = await simulator.start(port)
    except PortInUse as error:
        raise click.ClickException(str(error)) from error
    try:
        _begin(simulator, base_url, count, record, config)
        await stop.wait()
    finally:
        await simulator.stop()


def _begin(simulator: Simulator, base_url: str, count: int, record: Path | None, config: Path | None) -> None:
    """Send what is wanted, write the files, and say what may be done now."""
    sent = send(simulator, count)
    if record is not None:
        with record.open("x", encoding="utf-8", newline="") as out:
            _write(out, sent)
    if config is not None:
        with config.open("x", encoding="utf-8") as out:
            out.write(configuration(simulator, base_url))
    for line in _next(simulator, base_url, sent, record, config):
        click.echo(line)


def send(simulator: Simulator, count: int) -> list[Sent]:
    """Send messages through every channel of every provider in turn."""
    routes = [
        (provider, channel)
        for provider in simulator.providers
        for channel in sorted({one for channels in simulator.fates(provider).values() for one in channels})
    ]
    return [
        sent
        for number, (provider, channel) in enumerate(islice(cycle(routes), count), 1)
        for sent in simulator.send(provider, channel, [_recipient(channel, number)], f"practice-{number}")
    ]


def _recipient(channel: Channel, number: int) -> str:
    match channel:
        case Channel.EMAIL:
            return f"person{number}@example.com"
        case Channel.PUSH:
            return f"ExponentPushToken[practice{number}]"
        case Channel.LETTER:
            return f"{number} Example Street, Exampleton"
        case _:
            return f"+4477009{number:05}"


def _write(out: TextIO, sent: Iterable[Sent]) -> None:
    writer = csv.DictWriter(out, NAMES, restval="")
    writer.writeheader()
    for communication, one in zip(cycle(COMMUNICATIONS), sent, strict=False):
        writer.writerow(
            {
                "account": one.provider,
                "channel": one.channel.word,
                "recipient": one.recipient,
                "provider_id": one.provider_id,
                "part": one.part,
                "reference": one.reference,
                "communication": communication,
                "sent_at": one.sent_at.isoformat(),
            }
        )


def _next(
    simulator: Simulator, base_url: str, sent: Sequence[Sent], record: Path | None, config: Path | None
) -> Iterator[str]:
    """Where it listens, and what may be done now."""
    yield f"six providers listen at {base_url}; Ctrl-C ends them"
    if sent:
        final_at = max(one.sent_at for one in sent) + simulator.scenario.longest
        yield f"{len(sent)} messages are on their way; the last is settled by {iso(final_at)}"
    if config is not None:
        yield f"their accounts are in {config}; in another terminal:"
        yield f"  LANDED_CONFIG={config} ./landed up"
        if record is not None:
            yield f"  LANDED_CONFIG={config} ./landed record {record} --wait"
            yield f"  LANDED_CONFIG={config} ./landed report '{COMMUNICATIONS[0]}'"
        return
    twilio = next((one for one in sent if one.provider == "twilio"), None)
    values = " ".join(f"--set {name}={value}" for name, value in simulator.settings("twilio").items())
    which = f"--id {twilio.provider_id}" if twilio else "--since 1h"
    yield "in another terminal (--config FILE writes the accounts of all six):"
    yield f"  ./landed probe --adapter twilio --base-url {base_url} {values} {which}"


def configuration(simulator: Simulator, base_url: str) -> str:
    """A `landed.toml` with an account of each provider, of the same name, with times that fit the scenario."""
    tables = (_account(simulator, provider, base_url) for provider in simulator.providers)
    return "# Accounts of simulated providers. Times fit their scenario; real providers need none of them.\n\n" + (
        "\n".join(tables)
    )


def _account(simulator: Simulator, provider: str, base_url: str) -> str:
    settings = {"adapter": provider, "base_url": base_url, **simulator.settings(provider)}
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    return (
        "\n".join([f"[accounts.{provider}]", *lines, *_times(simulator.scenario, streams=simulator.streams(provider))])
        + "\n"
    )


def _times(scenario: Scenario, *, streams: bool) -> Iterator[str]:
    """Where real providers need minutes and days, the scenario needs seconds.

    What is in a stream is looked up once, for what the stream did not have.
    """
    typical, second = scenario.typical, timedelta(seconds=1)
    looks = [scenario.longest] if streams else [typical / 2, typical, typical * 1.5, typical * 2.5]
    times = {
        "first_look": typical / 4,
        "lag": max(scenario.moment, second),
        "horizon": scenario.horizon + second,
        "deadline": scenario.longest + scenario.skew + second,
        "read_every": max(typical / 6, second / 2),
        "timeout": min(max(typical / 2, second), scenario.silence / 2),
    }
    yield f"looks = {json.dumps([durations.text(age) for age in looks])}"
    yield from (f"{name} = {json.dumps(durations.text(time))}" for name, time in times.items())
    yield "rate = 100"

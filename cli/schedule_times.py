"""The settling times that a schedule is judged on: those of a file, or those that are recorded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, BinaryIO

import click

from cli import session
from cli.found import no_account
from cli.output import Word, count
from cli.recorded import label, wanted
from cli.settling_file import read
from rules import durations
from rules.ages import about
from rules.checking import Figures
from rules.schedules import DEFAULTS, Schedule
from rules.settling_times import Curve, Observed, curve
from rules.statuses import Channel
from worker.accounts import Account

#: What a file's times are followed to, unless it is said.
HORIZON = timedelta(hours=48)


class Length(click.ParamType[timedelta]):
    """A length of time on the line, longer than nothing."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The length that the text names."""
        if isinstance(value, timedelta):
            return value
        try:
            length = durations.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not length:
            self.fail("it must be longer than 0s", param, ctx)
        return length


@dataclass(frozen=True, slots=True)
class Asked:
    """What was said on the line about the times."""

    times: BinaryIO | None
    horizon: timedelta | None
    account: str | None
    channel: Channel | None
    schedule: str | None
    messages_per_day: float | None


@dataclass(frozen=True)
class Times:
    """Settling times up to a horizon in seconds, and the schedule that is in force for such messages."""

    observed: Sequence[Observed]
    horizon: float
    present: Schedule
    #: Whose schedule that is, for people.
    whose: str
    #: Account, channel and schedule, as far as they are known.
    account: str | None
    channel: Channel
    named: str | None
    messages_per_day: float | None

    @cached_property
    def curve(self) -> Curve:
        """How many messages settle at which age."""
        return curve(self.observed, self.horizon)

    def requests_per_day(self, figures: Figures) -> float | None:
        """What a schedule costs a day; None if nobody said how many messages there are."""
        return None if self.messages_per_day is None else figures.looks_per_message * self.messages_per_day

    def notes(self) -> list[str]:
        """What a person should know of these times before believing figures."""
        times, notes = self.curve, []
        if times.between:
            notes.append(
                f"{_share(times.between / times.total)} of the messages settled at a time that is known only to lie"
                " between two looks; they are taken as spread evenly between them"
            )
        if times.open:
            notes.append(
                f"{count(round(times.open), 'message')} had not settled when last looked at; they count as open up to"
                " that age, and not as never settled"
            )
        if times.known_until < times.horizon:
            notes.append(
                f"nothing is known beyond {about(times.known_until)}; what is open then counts as never settling"
            )
        if self.messages_per_day is None:
            notes.append("requests a day are not known: say how many messages there are with --messages-per-day")
        return notes


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which times. They come as the fields of `Asked`."""
    for option in reversed(
        (
            click.option(
                "--times", type=click.File("rb"), metavar="FILE", help="Times from a file; else the recorded ones."
            ),
            click.option("--horizon", type=Length(), help="The age of the last look; with --times, else 48h."),
            click.option("--account", help="The account whose times and schedule are meant."),
            click.option("--channel", type=Word(Channel), help="The channel that is meant."),
            click.option("--schedule", help="The schedule that is meant, if messages name it."),
            click.option(
                "--messages-per-day",
                type=click.FloatRange(min=0, min_open=True),
                help="How many messages a day; else as recorded.",
            ),
        )
    ):
        command = option(command)
    return command


def chosen(asked: Asked) -> Times:
    """The times that were asked for. Trouble where there are none, or where several could be meant."""
    return _recorded(asked) if asked.times is None else _from_file(asked, asked.times)


def _from_file(asked: Asked, file: BinaryIO) -> Times:
    horizon = (asked.horizon or HORIZON).total_seconds()
    observed = read(file.read(), _called(file), horizon)
    if asked.account is None:
        if asked.schedule is not None:
            raise click.UsageError("--schedule needs --account: an account has it")
        channel = asked.channel or Channel.SMS
        present, whose = DEFAULTS[channel], f"the default of {channel.word}"
    else:
        account = _account(asked.account)
        channel = asked.channel or _only_channel(account)
        if asked.schedule is not None and asked.schedule not in account.named_schedules:
            known = ", ".join(sorted(account.named_schedules)) or "it has none"
            raise click.UsageError(f"{account.name} has no schedule {asked.schedule!r}: {known}")
        present = account.schedule(channel, asked.schedule)
        whose = " ".join(word for word in (account.name, channel.word, asked.schedule) if word)
    return Times(observed, horizon, present, whose, asked.account, channel, asked.schedule, asked.messages_per_day)


def _called(file: BinaryIO) -> str:
    name = str(getattr(file, "name", "<stdin>"))
    return "standard input" if name == "<stdin>" else name


def _account(name: str) -> Account:
    known = session.accounts(session.settings())
    if name not in known:
        raise no_account(name, known)
    return known[name]


def _only_channel(account: Account) -> Channel:
    channels = sorted(account.adapter.channels)
    if len(channels) > 1:
        raise click.UsageError(
            f"{account.name} has several channels: name one with --channel, {', '.join(one.word for one in channels)}"
        )
    return channels[0]


def _recorded(asked: Asked) -> Times:
    found = session.work(lambda pool: wanted(pool, asked.account, asked.channel, asked.schedule))
    horizon = asked.horizon or found.horizon
    if horizon > found.horizon:
        raise click.UsageError(
            f"--horizon {durations.text(horizon)} is beyond the last look of {label(found)} at"
            f" {durations.text(found.horizon)}, and nothing is recorded after it"
        )
    per_day = found.messages_per_day if asked.messages_per_day is None else asked.messages_per_day
    return Times(
        found.observed,
        horizon.total_seconds(),
        found.schedule,
        label(found),
        found.account.name,
        found.channel,
        found.name,
        per_day,
    )


def _share(part: float) -> str:
    return f"{part:.1%}" if part < 1 else "all"

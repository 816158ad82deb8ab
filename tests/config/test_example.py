"""`config/example.toml` has every setting, each with its default and what it means."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import BaseModel

from config import AccountOptions, Settings
from config.accounts import ChannelOptions, ScheduleOptions
from config.settings import RetentionOptions, SoftBounceOptions, SuppressionOptions, WorkerOptions
from config.web import WebOptions
from rules.statuses import Channel
from tests.config.reading import Place
from worker.build import build

LINES = (Path(__file__).parents[2] / "config/example.toml").read_text("utf-8").splitlines()

#: A line of a setting or a table that is switched off. Prose has a space after its #.
OFF = re.compile(r"#(?=[\[a-z_])")

NO_DEFAULT = "# no default"


def example(*, defaults_only: bool) -> str:
    """The example with everything switched on, or everything that shows a default."""
    kept = [line for line in LINES if not (defaults_only and line.endswith(NO_DEFAULT))]
    return "\n".join(OFF.sub("", line) for line in kept)


def settings(place: Place, *, defaults_only: bool) -> Settings:
    place.write("auth_token", "planted")
    place.write("recipient_key", "planted" * 5)
    return place.load(example(defaults_only=defaults_only))


def test_the_example_changes_nothing_as_it_is(place: Place) -> None:
    assert place.load("\n".join(LINES)) == Settings()


def test_what_it_shows_is_the_default(place: Place) -> None:
    shown = settings(place, defaults_only=True)

    assert shown.model_copy(update={"accounts": {}, "suppression": {}}) == Settings()
    assert shown.suppression == {"sms": SuppressionOptions()}
    assert SoftBounceOptions() == settings(place, defaults_only=False).suppression["sms"].soft_bounces


def test_what_it_shows_of_an_account_is_what_the_account_has_anyway(place: Place) -> None:
    """The figures of its adapter, and the schedules and deadlines of every channel."""
    shown = build(settings(place, defaults_only=True))["alerts"]
    bare = build(place.load('[accounts.alerts]\nadapter = "twilio"\naccount_sid = "AC1"\nauth_token = "x"'))["alerts"]

    assert shown.limits == bare.limits
    assert (shown.hard_limit, shown.timeout, shown.paused) == (bare.hard_limit, bare.timeout, bare.paused)
    for channel in Channel:
        assert shown.schedule(channel, None) == bare.schedule(channel, None)
        assert shown.allowance(channel) == bare.allowance(channel)


def test_it_is_right_when_everything_is_switched_on(place: Place) -> None:
    accounts = build(settings(place, defaults_only=False))

    assert list(accounts) == ["alerts"]


def test_it_has_every_setting(place: Place) -> None:
    whole = settings(place, defaults_only=False)
    account = whole.accounts["alerts"].options
    tables: list[tuple[BaseModel | None, type[BaseModel]]] = [
        (whole, Settings),
        (whole.worker, WorkerOptions),
        (whole.retention, RetentionOptions),
        (whole.web, WebOptions),
        (whole.suppression["sms"], SuppressionOptions),
        (whole.suppression["sms"].soft_bounces, SoftBounceOptions),
        (account, AccountOptions),
        (account.channels["sms"], ChannelOptions),
    ]

    for table, kind in tables:
        assert table is not None
        assert set(kind.model_fields) - table.model_fields_set == set()
    assert account.channels.keys() == {channel.word for channel in Channel}
    assert account.schedules["urgent"].model_fields_set <= set(ScheduleOptions.model_fields)


@pytest.mark.parametrize(
    "kind",
    [Settings, WorkerOptions, RetentionOptions, WebOptions, SuppressionOptions, AccountOptions],
    ids=lambda kind: kind.__name__,
)
def test_every_setting_has_a_line_that_says_what_it_means(kind: type[BaseModel]) -> None:
    """Tables of accounts, channels and schedules are told above their heading."""
    explained = {
        match[1]
        for above, line in pairwise(LINES)
        if above.startswith("# ") and (match := re.match(r"#\[?(\w+)", line))
    }
    below_accounts = {"channels", "schedules"}

    assert set(kind.model_fields) - explained - below_accounts == set()
    for name in below_accounts:
        assert any(above.startswith("# ") for above, line in pairwise(LINES) if f".{name}." in line)

"""The kinds of values: durations with a unit, rates, lists, shares."""

from datetime import timedelta
from typing import Any

import pytest

from config import AccountOptions
from tests.config.reading import Place


def option(place: Place, name: str, value: str) -> Any:
    """The option `name` of an account, set in a file as `value`."""
    settings = place.load(f'[accounts.a]\nadapter = "expo"\n{name} = {value}')
    return getattr(settings.accounts["a"].options, name)


def problem(place: Place, name: str, value: str) -> str:
    (said,) = place.problems(f'[accounts.a]\nadapter = "expo"\n{name} = {value}')
    assert said.startswith(f"accounts.a.{name}")
    return said.partition(": ")[2]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"250ms"', timedelta(milliseconds=250)),
        ('"90s"', timedelta(seconds=90)),
        ('"1h30m"', timedelta(minutes=90)),
        ('"1h 30m"', timedelta(minutes=90)),
        ('"0.5d"', timedelta(hours=12)),
        ('"400d"', timedelta(days=400)),
    ],
)
def test_durations_are_written_with_their_unit(place: Place, value: str, expected: timedelta) -> None:
    assert option(place, "retention", value) == expected


@pytest.mark.parametrize(
    "value", ['"10"', "10", "1.5", "inf", "nan", "true", '""', '"soon"', '"5 minutes"', '"-5m"', "[]"]
)
def test_a_duration_without_a_unit_is_refused(place: Place, value: str) -> None:
    """A look-back in the wrong unit misses everything, and nobody notices."""
    assert problem(place, "retention", value).endswith("like 90s, 15m, 48h or 7d")


def test_a_duration_is_longer_than_nothing_where_nothing_makes_no_sense(place: Place) -> None:
    """A lag may be none, a retention may not."""
    assert option(place, "lag", '"0s"') == timedelta()
    assert problem(place, "retention", '"0s"') == "must be longer than nothing"


def test_a_duration_that_no_calendar_holds_is_refused(place: Place) -> None:
    assert "longer than any time that can be kept" in problem(place, "retention", '"99999999999999d"')


@pytest.mark.parametrize(
    ("value", "expected"),
    [("5", 5), ("0.5", 0.5), ('"5"', 5), ('"5/s"', 5), ('"120/m"', 2), ('"1800/h"', 0.5), ('"86400/d"', 1)],
)
def test_rates_are_requests_a_second_or_in_another_time(place: Place, value: str, expected: float) -> None:
    assert option(place, "rate", value) == expected


@pytest.mark.parametrize("value", ['"fast"', '"5/w"', '"/m"', '"5/"', '"5/2s"', "nan", "inf", "true", "[]", '""'])
def test_what_is_no_rate_is_refused(place: Place, value: str) -> None:
    assert problem(place, "rate", value).endswith("write requests a second, or like 120/m or 100/h")


@pytest.mark.parametrize("value", ["0", "-1", '"0/m"'])
def test_a_rate_of_nothing_is_refused_with_the_way_to_stop(place: Place, value: str) -> None:
    assert problem(place, "rate", value) == "must be above 0; to stop asking, set paused = true"


def test_ages_rise(place: Place) -> None:
    assert option(place, "looks", '["15s", "1m"]') == (timedelta(seconds=15), timedelta(minutes=1))
    assert option(place, "looks", "[]") == ()
    assert problem(place, "looks", '["1m", "15s"]') == "ages must rise"
    assert problem(place, "looks", '["1m", "60s"]') == "ages must rise"


@pytest.mark.parametrize(("value", "said"), [('["1m", "soon"]', "'soon' is not a duration"), ("5", "must be a list")])
def test_ages_are_durations(place: Place, value: str, said: str) -> None:
    assert said in problem(place, "looks", value)


@pytest.mark.parametrize("text", ["15s,1m", " 15s , 1m ", "15s,1m,", "15s,,1m"])
def test_a_list_in_the_environment_is_separated_by_commas(place: Place, text: str) -> None:
    settings = place.load(ACCOUNTS__A__ADAPTER="expo", ACCOUNTS__A__LOOKS=text)

    assert settings.accounts["a"].options.looks == (timedelta(seconds=15), timedelta(minutes=1))


@pytest.mark.parametrize("value", ["-0.1", "1.1", "nan", '"much"'])
def test_jitter_is_a_share(place: Place, value: str) -> None:
    assert option(place, "jitter", "0.25") == 0.25
    assert problem(place, "jitter", value)


@pytest.mark.parametrize("value", ["0", "1001", "1.5", '"some"'])
def test_concurrency_is_a_number_of_requests(place: Place, value: str) -> None:
    assert option(place, "concurrency", "8") == 8
    assert problem(place, "concurrency", value)


def test_what_is_not_set_for_an_account_is_left_to_others(place: Place) -> None:
    """To the adapter, or to the channel's default."""
    settings = place.load('[accounts.a]\nadapter = "expo"')
    unset = {"paused": False, "channels": {}, "schedules": {}}

    assert settings.accounts["a"].options.model_dump() == dict.fromkeys(AccountOptions.model_fields) | unset

"""What every adapter promises, over all of them: what it declares and how it asks."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

import adapters
from adapters.base import Ids, Since, Window
from rules.statuses import NEVER_HANDED_OVER, Channel, Reason, Status
from tests.adapters.questions import not_offered, offered
from tests.adapters.recorded import ANSWERS, NOW, Answer, adapter, answers, every_adapter

ROOT = Path(__file__).parents[2]

#: What only we say; a provider's word can never mean it.
OURS = NEVER_HANDED_OVER | {Status.TIMED_OUT, Status.EXPIRED_OURS}


@every_adapter
def test_all_five_things_that_add_a_provider_are_there(name: str) -> None:
    page = ROOT / "docs" / "providers" / f"{name}.md"
    changes = (ROOT / "CHANGELOG.md").read_text()
    title = page.read_text().splitlines()[0].removeprefix("# ")

    assert adapters.find(name).name == name
    assert (ROOT / "adapters" / f"{name}.py").exists()
    assert (ANSWERS / name).is_dir()
    assert f"**{title}**" in changes


@every_adapter
def test_every_word_is_a_providers_word_with_a_status_of_a_providers(name: str) -> None:
    kind = adapters.find(name)

    assert OURS.isdisjoint(map(Status, kind.STATUSES.values()))
    assert Reason.NONE not in map(Reason, kind.REASONS.values())
    assert all(isinstance(word, str) for word in [*kind.STATUSES, *kind.REASONS])
    assert kind.channels
    assert all(isinstance(channel, Channel) for channel in kind.channels)


@every_adapter
def test_the_page_of_a_provider_has_every_word_code_and_setting(name: str) -> None:
    kind = adapters.find(name)
    page = (ROOT / "docs" / "providers" / f"{name}.md").read_text()
    expected = [*kind.STATUSES, *kind.REASONS, *kind.Settings.model_fields]

    assert [word for word in expected if f"`{word}`" not in page] == []


@every_adapter
def test_an_adapter_can_be_asked_something_within_what_it_declares(name: str) -> None:
    """Every shape it declares makes a request to its own account, however much is asked."""
    asks = adapter(name)
    base = httpx.URL(asks.settings.base_url)
    requests = [asks.ask(what) for what in offered(asks)]

    assert requests
    assert {(request.url.scheme, request.url.host) for request in requests} == {(base.scheme, base.host)}


@every_adapter
def test_what_an_adapter_does_not_declare_it_does_not_ask(name: str) -> None:
    asks = adapter(name)

    for what in not_offered(asks):
        with pytest.raises(ValueError, match="cannot be asked"):
            asks.ask(what)


@every_adapter
def test_ids_keep_what_tells_them_apart(name: str) -> None:
    """Zeros in front, and letters' case where the provider does not say that it means nothing."""
    asks = adapter(name)

    assert asks.normal_id(" 000123 ") == "000123"
    assert asks.normal_id("aBcDeF") == "aBcDeF"
    assert asks.normal_id(asks.normal_id("00aB-7")) == asks.normal_id("00aB-7")


@pytest.mark.parametrize("answer", [one for one in answers() if "ids" in one.recorded["what"]], ids=str)
def test_reports_name_messages_as_they_were_asked_about(answer: Answer) -> None:
    """So that an id that comes back in another spelling still finds its message."""
    if "raises" in answer.recorded:
        return
    asks, what = answer.adapter(), answer.what()
    assert isinstance(what, Ids)

    assert {report.provider_id for report in answer.read().reports} <= {asks.normal_id(name) for name in what.ids}


@every_adapter
def test_a_look_back_is_in_the_right_unit(name: str) -> None:
    """Every time in a question is one of the times asked for, not thousands of years or a second away.

    A connector once looked back seconds where it meant hours (airbytehq/airbyte#65936).
    """
    asks = adapter(name)
    since = NOW - timedelta(hours=1)

    for what in offered(asks):
        if isinstance(what, Window | Since) and not asks.limits.newest_first:
            said = [at for _, text in asks.ask(what).url.params.multi_items() if (at := moment(text))]
            assert min(said) <= since
            assert since - min(said) < timedelta(minutes=1)
            assert all(abs(at - since) < timedelta(minutes=1) or NOW <= at < NOW + timedelta(minutes=1) for at in said)


def moment(text: str) -> datetime | None:
    """The time that a parameter names, in ISO 8601 or in seconds since 1970; None if it is not a time."""
    with suppress(ValueError):
        return datetime.fromtimestamp(float(text), UTC) if float(text) > 1e6 else None
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    return None


@every_adapter
def test_an_unknown_code_is_a_failure_whose_code_is_shown(name: str) -> None:
    """A failure with a code that no table has is not dropped and not taken for something else.

    Codes that were not known left messages unsettled for ever (cds-snc/notification-api).
    """
    kind = adapters.find(name)
    found = [report for one in answers(name) if "unknown_code" in one.case for report in one.read().reports]

    assert found or set(kind.REASONS) <= set(kind.STATUSES)
    assert all(report.reason is Reason.UNKNOWN and report.code not in {"", *kind.REASONS} for report in found)


def test_an_unknown_adapter_is_told_with_a_guess() -> None:
    with pytest.raises(ValueError, match="did you mean 'twilio'"):
        adapters.find("Twillio")
    with pytest.raises(ValueError, match="known are expo, govuk_notify"):
        adapters.find("carrier pigeon")


def test_a_third_partys_adapter_is_found_by_its_place() -> None:
    kind = adapters.find("adapters.expo:Expo")

    assert kind is adapters.find("expo")


@pytest.mark.parametrize(
    "place", ["nowhere.sms:Acme", "adapters.expo:Nothing", ":Expo", ".expo:Expo", "adapters.expo:"]
)
def test_a_place_without_an_adapter_is_told(place: str) -> None:
    with pytest.raises(ValueError, match="cannot be loaded"):
        adapters.find(place)


def test_what_is_no_adapter_is_told() -> None:
    with pytest.raises(ValueError, match="is not an adapter"):
        adapters.find("adapters.expo:Settings")

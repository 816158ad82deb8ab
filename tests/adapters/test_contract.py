"""What every adapter promises, over all of them: what it declares, how it asks, and that its secrets stay secret."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

import adapters
from adapters.base import Adapter, AdapterSettings, Ids, References, Since, Take, What, Window
from rules.statuses import NEVER_HANDED_OVER, Channel, Reason, Status
from tests.adapters.recorded import ANSWERS, NOW, Answer, adapter, answers, every_adapter, imagined, planted

ROOT = Path(__file__).parents[2]

#: What only we say; a provider's word can never mean it.
OURS = NEVER_HANDED_OVER | {Status.TIMED_OUT, Status.EXPIRED_OURS}

WINDOW = Window(NOW - timedelta(hours=1), NOW)
SINCE = Since(None, NOW - timedelta(hours=1))


def offered(asks: Adapter[Any]) -> list[What]:
    """One question of every shape that the adapter declares, as large as it may be."""
    limits = asks.limits
    some = ids_of(asks, limits.ids)
    shapes: list[tuple[int, What]] = [
        (limits.ids, Ids(some)),
        (limits.references, References(some[: limits.references] or some[:1])),
        (limits.listing, WINDOW),
        (limits.feed, SINCE),
        (limits.queue + limits.drain, Take()),
    ]
    return [what for limit, what in shapes if limit]


def not_offered(asks: Adapter[Any]) -> list[What]:
    """Every question that the adapter does not declare: too many, none, or another shape."""
    limits = asks.limits
    names = tuple(f"name-{number}" for number in range(max(limits.ids, limits.references) + 1))
    questions: list[What] = [Ids(names[: limits.ids + 1]), References(names[: limits.references + 1])]
    questions += [Ids(()), References(())]
    shapes = ((limits.listing, WINDOW), (limits.feed, SINCE), (limits.queue + limits.drain, Take()))
    return questions + [what for limit, what in shapes if not limit]


def ids_of(asks: Adapter[Any], count: int) -> tuple[str, ...]:
    """As many ids as the provider allows in one lookup, by number and by characters."""
    room = asks.limits.id_characters
    length = 34 if room is None else min(34, room // max(count, 1))
    return tuple(f"{number:0{max(length - 1, 1)}}" for number in range(count))


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
def test_asking_writes_no_secret_into_a_request(name: str) -> None:
    """Secrets come in at each attempt, through `auth`; addresses are seen by proxies and logs."""
    asks = adapter(name)

    for what in offered(asks):
        request = asks.ask(what)
        seen = f"{request.url} {request.headers} {request.content!r}"
        assert not [secret for secret in planted(name) if secret in seen]


@every_adapter
def test_credentials_never_go_into_the_address(name: str) -> None:
    asks = adapter(name)
    request = asks.ask(offered(asks)[0])
    sent = next(asks.auth(NOW, "n" * 32).sync_auth_flow(request))

    assert not [secret for secret in planted(name) if secret in str(sent.url)]


@every_adapter
def test_the_account_proves_who_it_is(name: str) -> None:
    """With a request that has credentials, nothing else of it is changed."""
    asks = adapter(name)
    request = asks.ask(offered(asks)[0])
    before = dict(request.headers)
    sent = next(asks.auth(NOW, "n" * 32).sync_auth_flow(request))

    assert set(sent.headers) - set(before) == {"authorization"}
    assert {key: sent.headers[key] for key in before} == before


@every_adapter
def test_credentials_depend_on_the_time_given_and_not_on_the_clock(name: str) -> None:
    """The same time and nonce give the same credentials, also long ago and far ahead."""
    asks = adapter(name)
    what = offered(asks)[0]

    for now in (NOW, NOW - timedelta(days=9000), NOW + timedelta(days=9000)):
        one, other = (next(asks.auth(now, "n" * 32).sync_auth_flow(asks.ask(what))) for _ in range(2))
        assert one.headers["authorization"] == other.headers["authorization"]


@every_adapter
def test_secrets_are_declared_and_never_shown(name: str) -> None:
    """Not by settings, adapters or credentials, however they are printed, nor by errors about other settings."""
    kind = adapters.find(name)
    settings = kind.Settings(**imagined(name))
    asks = kind(settings)
    shown = [
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        repr(asks),
        str(asks),
        repr(asks.auth(NOW, "n")),
    ]

    assert planted(name)
    assert not [secret for secret in planted(name) for text in shown if secret in text]
    assert not [setting for setting in likely_secret(kind.Settings) if setting not in secrets_of(kind.Settings)]


@every_adapter
def test_a_wrong_setting_is_told_without_its_value(name: str) -> None:
    kind = adapters.find(name)
    wrong = imagined(name) | {"base_url": "ftp://planted-place", "planted_setting": "planted-value"}
    for setting in secrets_of(kind.Settings):
        wrong[setting] = ["planted-list"]

    with pytest.raises(ValidationError) as caught:
        kind.Settings(**wrong)

    assert not [text for text in ("planted-place", "planted-value", "planted-list") if text in str(caught.value)]


def secrets_of(settings: type[AdapterSettings]) -> list[str]:
    """The names of all settings that are declared as secrets."""
    fields = settings.model_fields.items()
    return [
        name for name, field in fields if SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
    ]


def likely_secret(settings: type[AdapterSettings]) -> list[str]:
    """The names of all settings that sound like secrets."""
    return [name for name in settings.model_fields if any(word in name for word in ("token", "secret", "password"))]


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

"""An adapter's credentials: made of what is given and of nothing else, and never shown."""

from datetime import timedelta

import pytest
from pydantic import SecretStr, ValidationError

import adapters
from adapters.base import AdapterSettings
from tests.adapters.questions import offered
from tests.adapters.recorded import NOW, adapter, every_adapter, imagined, planted


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

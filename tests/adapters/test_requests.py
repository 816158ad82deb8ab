"""The requests of single providers, to the letter: what their documentation asks for."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import jwt
import msgspec
import pytest
from pydantic import ValidationError

from adapters.base import Adapter, Ids, References, Since, Take, Window
from tests.adapters.recorded import NOW, adapter, answers, imagined

ACCOUNT = "/2010-04-01/Accounts/AC0a1b2c3d4e5f60718293a4b5c6d7e8f9"


def authorization(asks: Adapter[Any], now: datetime = NOW, nonce: str = "n") -> str:
    """What an attempt at `now` sends to prove who it is."""
    request = next(asks.auth(now, nonce).sync_auth_flow(httpx.Request("GET", "https://example.com")))
    return str(request.headers["authorization"])


def test_twilio_is_asked_for_one_message() -> None:
    request = adapter("twilio").ask(Ids((" SM00aB ",)))

    assert str(request.url) == f"https://api.twilio.com{ACCOUNT}/Messages/SM00aB.json"


def test_twilio_is_asked_for_a_window_in_whole_seconds_of_utc() -> None:
    """No message sent at the very edge is left out."""
    since = datetime(2026, 11, 24, 10, 0, 0, 999_999, tzinfo=UTC)
    until = datetime(2026, 11, 24, 12, 30, 0, 1, tzinfo=timezone(timedelta(hours=1)))
    request = adapter("twilio").ask(Window(since, until))
    expected = {"DateSent>": "2026-11-24T10:00:00Z", "DateSent<": "2026-11-24T11:30:01Z", "PageSize": "1000"}

    assert request.url.path == f"{ACCOUNT}/Messages.json"
    assert dict(request.url.params) == expected
    assert "DateSent%3E=" in str(request.url)


def test_twilio_is_given_the_account_or_its_api_key() -> None:
    account = httpx.BasicAuth(imagined("twilio")["account_sid"], imagined("twilio")["auth_token"])
    key = httpx.BasicAuth("SK1", imagined("twilio")["auth_token"])

    assert authorization(adapter("twilio")) == account._auth_header  # noqa: SLF001  as httpx writes it
    assert authorization(adapter("twilio", api_key="SK1")) == key._auth_header  # noqa: SLF001


def test_a_base_address_may_have_a_path() -> None:
    """As of a proxy, or of the simulator."""
    request = adapter("twilio", base_url="http://127.0.0.1:8080/twilio/").ask(Ids(("SM1",)))

    assert str(request.url) == f"http://127.0.0.1:8080/twilio{ACCOUNT}/Messages/SM1.json"


def test_notify_is_asked_by_id_by_reference_and_for_the_newest() -> None:
    asks = adapter("govuk_notify")
    ours = "740E5834-3A29-46B4-9A6F-16142FDE533A"
    place = "https://api.notifications.service.gov.uk/v2/notifications"

    assert str(asks.ask(Ids((ours,))).url) == f"{place}/{ours.lower()}"
    assert str(asks.ask(References(("order 1&status=x",))).url) == f"{place}?reference=order+1%26status%3Dx"
    assert str(asks.ask(Window(NOW, NOW)).url) == place


def test_notify_is_given_a_new_token_of_the_time_of_each_attempt() -> None:
    """Signed with the secret, in the name of the service; and no older than the attempt."""
    asks = adapter("govuk_notify")
    first, later = (authorization(asks, now).removeprefix("Bearer ") for now in (NOW, NOW + timedelta(seconds=31)))
    secret = imagined("govuk_notify")["api_key"][-36:]
    expected = {"iss": "26785a09-ab16-4eb0-8407-a37497a57506", "iat": int(NOW.timestamp())}

    assert first != later
    assert jwt.decode(first, secret, algorithms=["HS256"], options={"verify_iat": False}) == expected
    assert jwt.get_unverified_header(first) == {"typ": "JWT", "alg": "HS256"}


@pytest.mark.parametrize("key", ["", "planted", "name-26785a09-ab16-4eb0-8407-a37497a57506", "x" * 73])
def test_half_an_api_key_of_notify_is_told_and_not_shown(key: str) -> None:
    with pytest.raises(ValidationError, match="must be the whole API key") as caught:
        adapter("govuk_notify", api_key=key)

    assert not key or key not in str(caught.value)


def test_expo_is_asked_for_receipts() -> None:
    request = adapter("expo").ask(Ids((" 00aB ", "c")))

    assert (request.method, str(request.url)) == ("POST", "https://exp.host/--/api/v2/push/getReceipts")
    assert msgspec.json.decode(request.content) == {"ids": ["00aB", "c"]}
    assert request.headers["content-type"] == "application/json"


def test_expo_needs_no_token() -> None:
    request = httpx.Request("GET", "https://exp.host")
    sent = next(adapter("expo", access_token=None).auth(NOW, "n").sync_auth_flow(request))

    assert "authorization" not in sent.headers


def test_mailgun_is_asked_for_events_from_a_time_on() -> None:
    """In whole seconds and upwards, so that the last page can be asked for again."""
    request = adapter("mailgun").ask(Since(None, NOW + timedelta(milliseconds=999)))
    expected = {"begin": str(int(NOW.timestamp())), "ascending": "yes", "limit": "300"}

    assert request.url.copy_with(query=None) == httpx.URL("https://api.mailgun.net/v3/mg.example.com/events")
    assert dict(request.url.params) == expected


def test_mailgun_is_asked_again_from_the_position_of_a_page() -> None:
    """The same request as for the next page, so that a feed goes on after a restart as if there had been none."""
    asks = adapter("mailgun")
    pages = [one for one in answers("mailgun") if one.recorded.get("position") and "settings" not in one.recorded]
    read = [page for page in (one.read() for one in pages) if page.more]

    assert read
    assert all(asks.ask(Since(page.position, NOW)).url == page.more.url for page in read if page.more)


@pytest.mark.parametrize(
    ("provider_id", "expected"),
    [
        (" <2026.1@mg.example.com> ", "2026.1@mg.example.com"),
        ("a OR b", '"a OR b"'),
        ('a" OR "b', '"a OR b"'),
        ("NOT", '"NOT"'),
    ],
)
def test_mailgun_is_asked_for_one_message_whatever_its_id(provider_id: str, expected: str) -> None:
    """Filters are expressions; an id is none."""
    request = adapter("mailgun").ask(Ids((provider_id,)))

    assert dict(request.url.params) == {"message-id": expected, "limit": "300"}


def test_mailgun_is_given_the_key_of_the_user_api() -> None:
    expected = httpx.BasicAuth("api", imagined("mailgun")["api_key"])

    assert authorization(adapter("mailgun")) == expected._auth_header  # noqa: SLF001  as httpx writes it


@pytest.mark.parametrize("domain", ["", "mg.example.com/x", "../x", "mg.example.com?limit=1"])
def test_a_domain_of_mailgun_that_is_none_is_told(domain: str) -> None:
    with pytest.raises(ValidationError, match="domain"):
        adapter("mailgun", domain=domain)


def test_messagemedia_is_asked_for_its_queue_and_for_one_message() -> None:
    asks = adapter("messagemedia")
    ours = "877C19EF-FA2E-4CEC-827A-E1DF9B5509F7"

    assert str(asks.ask(Take()).url) == "https://api.messagemedia.com/v1/delivery_reports"
    assert str(asks.ask(Ids((f" {ours} ",))).url) == f"https://api.messagemedia.com/v1/messages/{ours.lower()}"


def test_messagemedia_is_given_key_and_secret() -> None:
    account = imagined("messagemedia")
    expected = httpx.BasicAuth(account["api_key"], account["api_secret"])

    assert authorization(adapter("messagemedia")) == expected._auth_header  # noqa: SLF001  as httpx writes it


def test_messagemedia_is_confirmed_as_json() -> None:
    """To the account's own address, without credentials until it is sent."""
    asks = adapter("messagemedia", base_url="https://au.app.api.sinch.com")
    (queued,) = (one for one in answers("messagemedia") if one.case == "delivered")
    confirm = asks.read(Take(), queued.response()).confirm

    assert confirm is not None
    assert str(confirm.url) == "https://au.app.api.sinch.com/v1/delivery_reports/confirmed"
    assert confirm.headers["content-type"] == "application/json"
    assert "authorization" not in confirm.headers

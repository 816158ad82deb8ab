"""GOV.UK Notify and its forks, email, SMS and letters: a lookup by id or by our reference, and a listing.

The listing has no dates: it comes newest first, and is read until it is past the window.
https://docs.notifications.service.gov.uk/rest-api.html and https://github.com/alphagov/notifications-api
`app/v2/notifications/get_notifications.py` (both read November 2026).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never
from urllib.parse import quote
from uuid import UUID

import httpx
import jwt
import msgspec
from pydantic import Field, SecretStr, field_validator

from adapters.base import Adapter, AdapterSettings, Ids, Limits, Page, References, Since, Take, What, Window
from adapters.bearer import Bearer
from adapters.reading import GIVEN_UP, MALFORMED, decode, each, expect, items, next_page, one, utc
from rules.reports import Report
from rules.statuses import Channel, Reason, Status

LIST = "/v2/notifications"

#: Characters of a UUID. An API key ends in two: that of the service, and the secret.
UUID_LENGTH = 36


class Settings(AdapterSettings):
    """What an account at GOV.UK Notify needs. A fork has its own base address."""

    base_url: str = "https://api.notifications.service.gov.uk"
    #: An API key as the page of the service shows it: its name, the service's id and the secret, joined by hyphens.
    api_key: SecretStr = Field(repr=False)

    @field_validator("api_key")
    @classmethod
    def _is_whole(cls, key: SecretStr) -> SecretStr:
        service, secret = _parts(key)
        if not (_is_uuid(service) and _is_uuid(secret)):
            raise ValueError("must be the whole API key: its name, the service's id and the secret, joined by hyphens")
        return key


class Notification(msgspec.Struct):
    """One notification. Times come with a zone or without; then they are UTC."""

    id: str
    status: str
    type: str | None = None
    reference: str | None = None
    created_at: datetime | None = None
    sent_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def word(self) -> str:
        """The status. Only `permanent-failure` means something else for a letter."""
        is_letter = self.type == "letter" and self.status == "permanent-failure"
        return f"letter/{self.status}" if is_letter else self.status


class Created(msgspec.Struct):
    """As much of a notification as is needed to know when the listing is past a window."""

    created_at: datetime


class Links(msgspec.Struct):
    """Where the next page is. A page that is not the last may lack it, and the last may have it."""

    next: str | None = None


class Notifications(msgspec.Struct):
    """A page of notifications, newest first."""

    notifications: list[msgspec.Raw]
    links: Links = msgspec.field(default_factory=Links)


class GovukNotify(Adapter[Settings]):
    """Asks GOV.UK Notify about notifications."""

    name = "govuk_notify"
    channels = (Channel.EMAIL, Channel.SMS, Channel.LETTER)
    plain_ids = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    limits = Limits(
        ids=1,
        references=1,
        listing=250,
        newest_first=True,
        retention=timedelta(days=7),  # unless the service has set another time
    )
    STATUSES = {
        "created": Status.SENT,  # accepted, and in the queue for seconds
        "sending": Status.SENT,  # given to the email or text message provider
        "pending": Status.DEFERRED,  # the phone has not answered yet; the provider tries on
        "sent": Status.UNCONFIRMED,  # to a country that may say no more
        "delivered": Status.DELIVERED,
        "permanent-failure": Status.HARD_BOUNCED,  # no such address or number
        "temporary-failure": Status.EXPIRED,  # phone off or inbox full until it was given up
        "technical-failure": Status.NOT_SENT,  # trouble between Notify and its provider
        "letter/permanent-failure": Status.NOT_SENT,  # could not be printed
        "accepted": Status.SENT,  # letter: to be printed
        "received": Status.UNCONFIRMED,  # letter: printed and posted; no better news will come
        "cancelled": Status.NOT_SENT,  # letter
        "pending-virus-check": Status.PENDING,  # letter: held
        "virus-scan-failed": Status.NOT_SENT,  # letter
        "validation-failed": Status.NOT_SENT,  # letter
        "returned-letter": Status.HARD_BOUNCED,  # letter: came back
    }
    REASONS = {
        "permanent-failure": Reason.INVALID_ADDRESS,
        "temporary-failure": Reason.UNREACHABLE,
        "technical-failure": Reason.UNKNOWN,
        "letter/permanent-failure": Reason.UNKNOWN,
        "cancelled": Reason.CANCELED,
        "virus-scan-failed": Reason.CONTENT_REJECTED,
        "validation-failed": Reason.CONTENT_REJECTED,
        "returned-letter": Reason.INVALID_ADDRESS,
    }
    Settings = Settings

    def ask(self, what: What) -> httpx.Request:
        """One notification, those with our reference, or the newest of all."""
        match what:
            case Ids(ids=(provider_id,)):
                return httpx.Request("GET", self.url(f"{LIST}/{quote(self.normal_id(provider_id), safe='')}"))
            case References(references=(reference,)):
                return httpx.Request("GET", self.url(LIST), params={"reference": reference})
            case Window():
                return httpx.Request("GET", self.url(LIST))
            case Ids() | References() | Since() | Take():
                raise self.cannot(what)
            case _:
                assert_never(what)

    def read(self, what: What, response: httpx.Response) -> Page:
        """A report for each notification, two for one that was given up; none for one that is not found."""
        if isinstance(what, Ids):
            return one(response, Notification, self.name, self._reports)
        expect(response, self.name, 200)
        page = decode(response, Notifications, self.name)
        reports, unreadable = items(page.notifications, Notification, self._reports)
        more = None if page.links.next is None or self._is_last(what, page) else next_page(self, page.links.next)
        return Page(reports, more, unreadable=unreadable)

    def auth(self, now: datetime, nonce: str) -> httpx.Auth:  # noqa: ARG002  the time is all it needs
        """A token that is good for 30 seconds around `now`."""
        service, secret = _parts(self.settings.api_key)
        return Bearer(jwt.encode({"iss": service, "iat": int(now.timestamp())}, secret, algorithm="HS256"))

    def normal_id(self, provider_id: str) -> str:
        """A UUID as Notify writes it; anything else as it is."""
        said = provider_id.strip()
        return str(UUID(said)) if _is_uuid(said) else said

    def _is_last(self, what: What, page: Notifications) -> bool:
        """Whether nothing that was asked for can be on the next page."""
        if not page.notifications:
            return True
        if isinstance(what, Window):
            return any(at < what.since for at in _creations(page.notifications))
        # Our reference names one message or a few. To ask for an empty page each time would double the requests.
        return len(page.notifications) < self.limits.listing

    def _reports(self, said: Notification) -> Iterable[Report]:
        about = Report(provider_id=self.normal_id(said.id), reference=said.reference or "")
        if said.word not in self.STATUSES:
            return (replace(about, unknown=said.word),)
        status = self.STATUSES[said.word]
        about = replace(about, occurred_at=_occurred_at(said, status))
        if reason := self.REASONS.get(said.word):
            about = replace(about, reason=reason, code=said.status)
        return each(about, GIVEN_UP if status is Status.EXPIRED else (status,))


def _occurred_at(said: Notification, status: Status) -> datetime | None:
    """The time of this status. Notify keeps none of its own for `pending`."""
    match status:
        case Status.DEFERRED | Status.PENDING:
            return None
        case Status.SENT:
            return utc(said.sent_at or said.created_at)
        case _:
            return utc(said.completed_at or said.sent_at or said.created_at)


def _creations(raws: Iterable[msgspec.Raw]) -> Iterable[datetime]:
    """When the notifications were created, of which that can be told."""
    for raw in raws:
        try:
            at = utc(msgspec.json.decode(raw, type=Created).created_at)
        except (*MALFORMED, OverflowError):
            continue
        if at is not None:
            yield at


def _parts(key: SecretStr) -> tuple[str, str]:
    """The service's id and the secret in an API key."""
    text = key.get_secret_value().strip()
    return text[-2 * UUID_LENGTH - 1 : -UUID_LENGTH - 1], text[-UUID_LENGTH:]


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True

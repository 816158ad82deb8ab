"""Twilio, SMS and WhatsApp: a lookup of one message, and a listing of those sent in a window.

Twilio gives the time of the last change and no other, and says that its error codes are hints that may change.
https://github.com/twilio/twilio-oai `spec/json/twilio_api_v2010.json`, https://www.twilio.com/docs/api/errors and
https://support.twilio.com/hc/en-us/articles/223134347 (statuses), all read November 2026.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import assert_never
from urllib.parse import quote

import httpx
import msgspec
from pydantic import Field, SecretStr

from adapters.base import Adapter, AdapterSettings, Ids, Limits, Page, References, Since, Take, What, Window
from adapters.reading import GIVEN_UP, decode, expect, items, next_page, one, utc
from rules.reports import Report
from rules.statuses import Channel, Engagement, Reason, Status

#: Words after which a code says why, and often better what became of the message.
FAILURES = frozenset({"failed", "undelivered"})

#: What became of a message that failed for this reason, whichever of the two words came with it.
OUTCOMES: dict[Reason, tuple[Status, ...]] = {
    Reason.INVALID_ADDRESS: (Status.HARD_BOUNCED,),
    Reason.UNREACHABLE: GIVEN_UP,
    Reason.SPAM: (Status.FAILED,),
    Reason.POLICY: (Status.FAILED,),
    Reason.CONTENT_REJECTED: (Status.FAILED,),
    Reason.OPTED_OUT: (Status.NOT_SENT,),
    Reason.TOO_LARGE: (Status.NOT_SENT,),
    Reason.ACCOUNT: (Status.NOT_SENT,),
    Reason.VALIDITY_EXPIRED: (Status.EXPIRED,),
}

#: Temporary trouble at Twilio's end. A message that `failed` with it was dropped before it was tried.
TEMPORARY = frozenset({"20500", "21611", "30001", "63010", "63018", "63038"})


MONTHS = {
    "Jan": "01", "Feb": "02", "Mar": "03", "Apr": "04", "May": "05", "Jun": "06", "Jul": "07", "Aug": "08", "Sep": "09",
    "Oct": "10", "Nov": "11", "Dec": "12",
}  # fmt: skip


class Settings(AdapterSettings):
    """What an account at Twilio needs."""

    base_url: str = "https://api.twilio.com"
    account_sid: str = Field(min_length=1)
    #: The account's token; with `api_key`, that key's secret.
    auth_token: SecretStr = Field(repr=False)
    #: The SID of an API key, where one is used instead of the account's own token.
    api_key: str | None = None


class Message(msgspec.Struct):
    """One message. Times are those of mails (RFC 2822)."""

    sid: str
    status: str
    direction: str | None = None
    error_code: int | str | None = None
    error_message: str | None = None
    date_updated: str | None = None

    @property
    def code(self) -> str:
        """The error code as text; empty where there is none."""
        return "" if self.error_code is None else str(self.error_code)


class Messages(msgspec.Struct):
    """A page of messages."""

    messages: list[msgspec.Raw]
    next_page_uri: str | None = None


class Twilio(Adapter[Settings]):
    """Asks Twilio about messages."""

    name = "twilio"
    channels = (Channel.SMS, Channel.CHAT)
    limits = Limits(
        ids=1,
        listing=1000,
        retention=timedelta(days=400),  # unless the account has set another time
    )
    STATUSES = {
        "accepted": Status.SENT,  # taken, the sender's number is not chosen yet
        "scheduled": Status.PENDING,  # held until a time
        "queued": Status.SENT,
        "sending": Status.SENT,  # being given to the carrier
        "sent": Status.SENT,  # the carrier has it; stays so where no receipt ever comes
        "delivered": Status.DELIVERED,
        "read": Status.DELIVERED,  # WhatsApp; also says when it was read
        "partially_delivered": Status.SENT,  # no meaning is published; what is not wholly delivered is not delivered
        "undelivered": Status.FAILED,  # the code may say better
        "failed": Status.NOT_SENT,  # could not be sent; the code may say better
        "canceled": Status.NOT_SENT,  # while it was scheduled
    }
    REASONS = {
        "canceled": Reason.CANCELED,
        "21211": Reason.INVALID_ADDRESS,  # no such number
        "21614": Reason.INVALID_ADDRESS,  # not a mobile number
        "30005": Reason.INVALID_ADDRESS,  # unknown or inactive number
        "30006": Reason.INVALID_ADDRESS,  # landline, or a carrier out of reach
        "63003": Reason.INVALID_ADDRESS,  # the channel does not know the address
        "63024": Reason.INVALID_ADDRESS,  # no such recipient
        "30003": Reason.UNREACHABLE,  # phone off or without service
        "30017": Reason.UNREACHABLE,  # the carrier's network is congested
        "30410": Reason.UNREACHABLE,  # the carrier did not answer in time
        "21611": Reason.RATE_LIMITED,  # our number's queue is full
        "30001": Reason.RATE_LIMITED,  # the queue is full
        "63018": Reason.RATE_LIMITED,  # the channel's limit
        "63038": Reason.RATE_LIMITED,  # the account's daily limit
        "30004": Reason.POLICY,  # blocked by the carrier or for the recipient
        "30007": Reason.SPAM,  # filtered by Twilio or the carrier
        "30034": Reason.POLICY,  # sender not registered for this country
        "30042": Reason.POLICY,  # sender's name too general
        "30450": Reason.POLICY,  # stopped as SMS pumping
        "30453": Reason.POLICY,  # stopped as fraud
        "63016": Reason.POLICY,  # WhatsApp: outside the 24 hours of an answer
        "63032": Reason.POLICY,  # WhatsApp's own limitation
        "63049": Reason.POLICY,  # WhatsApp chose not to deliver it
        "21610": Reason.OPTED_OUT,  # answered STOP before
        "30011": Reason.CONTENT_REJECTED,  # the number takes no MMS; it may well take SMS
        "30019": Reason.TOO_LARGE,  # for the carrier
        "21408": Reason.ACCOUNT,  # no permission for the country
        "21612": Reason.ACCOUNT,  # our number cannot send to this one
        "30002": Reason.ACCOUNT,  # suspended
        "30010": Reason.ACCOUNT,  # dearer than we allow
        "30012": Reason.ACCOUNT,  # validity too short
        "30013": Reason.ACCOUNT,  # validity too long
        "30036": Reason.VALIDITY_EXPIRED,  # in Twilio's queue for too long
        "20500": Reason.UNKNOWN,  # trouble at Twilio
        "63010": Reason.UNKNOWN,  # trouble at Twilio
        "30008": Reason.UNKNOWN,  # the carrier did not say
    }
    Settings = Settings

    def ask(self, what: What) -> httpx.Request:
        """One message, or those sent in a window."""
        match what:
            case Ids(ids=(provider_id,)):
                return httpx.Request("GET", self._url(f"Messages/{quote(self.normal_id(provider_id), safe='')}.json"))
            case Window(since=since, until=until):
                # Both ends belong to the window, in whole seconds. Inbound messages come too.
                params: dict[str, str | int] = {
                    "DateSent>": _second(since),
                    "DateSent<": _second(until + timedelta(seconds=1)),
                    "PageSize": self.limits.listing,
                }
                return httpx.Request("GET", self._url("Messages.json"), params=params)
            case Ids() | References() | Since() | Take():
                raise self.cannot(what)
            case _:
                assert_never(what)

    def read(self, what: What, response: httpx.Response) -> Page:
        """A report for each message, two for one that was given up; none for one that is not found."""
        if isinstance(what, Ids):
            return one(response, Message, self.name, self._reports)
        expect(response, self.name, 200)
        page = decode(response, Messages, self.name)
        reports, unreadable = items(page.messages, Message, self._reports)
        more = next_page(self, page.next_page_uri) if page.next_page_uri else None
        return Page(reports, more, unreadable=unreadable)

    def auth(self, now: datetime, nonce: str) -> httpx.Auth:  # noqa: ARG002  a token needs neither
        """Basic, as the account or as its API key."""
        settings = self.settings
        return httpx.BasicAuth(settings.api_key or settings.account_sid, settings.auth_token.get_secret_value())

    def _url(self, path: str) -> str:
        return self.url(f"/2010-04-01/Accounts/{quote(self.settings.account_sid, safe='')}/{path}")

    def _reports(self, message: Message) -> Iterable[Report]:
        if (message.direction or "").startswith("inbound"):
            return ()
        sid, at, word = self.normal_id(message.sid), _moment(message.date_updated), message.status
        if word not in self.STATUSES:
            return (Report(sid, occurred_at=at, unknown=word),)
        if word in FAILURES:
            return self._failure(message, sid, at)
        engagement = ((Engagement.READ, at),) if word == "read" and at else ()
        reason = self.REASONS.get(word, Reason.NONE)
        return (Report(sid, status=self.STATUSES[word], reason=reason, occurred_at=at, engagement=engagement),)

    def _failure(self, message: Message, sid: str, at: datetime | None) -> tuple[Report, ...]:
        code, detail = message.code, message.error_message or ""
        reason = self.REASONS.get(code, Reason.UNKNOWN)
        if message.status == "undelivered" and code in TEMPORARY:
            outcome: tuple[Status, ...] = GIVEN_UP
        else:
            outcome = OUTCOMES.get(reason) or (self.STATUSES[message.status],)
        return tuple(Report(sid, "", "", status, reason, code, detail, at) for status in outcome)


def _second(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str | None) -> datetime | None:
    """A time as mails write it. ValueError or OverflowError if it is none."""
    if not text:
        return None
    if text[25:] == " +0000" and text[8:11] in MONTHS:
        # As Twilio writes it. `parsedate_to_datetime` takes three times as long, and a page has a thousand.
        with suppress(ValueError):
            return datetime.fromisoformat(f"{text[12:16]}-{MONTHS[text[8:11]]}-{text[5:7]}T{text[17:25]}+00:00")
    try:
        return utc(parsedate_to_datetime(text))
    except (TypeError, IndexError) as error:  # what the standard library raises on some that are none
        raise ValueError from error

"""Infobip, SMS: a drain of delivery reports, each given once; logs of the last 48 hours, by id or by window.

A status names what became of a message, an error why. All parts of a long SMS have one report between them.
https://github.com/api-evangelist/infobip `openapi/infobip-sms-openapi.json` (Infobip's own, 3.210.0) and
`errors/infobip-error-codes.yml`; https://www.infobip.com/docs/developer-resources/api-fundamentals/message-status-codes,
all read November 2026.
"""

from collections.abc import Generator, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, assert_never

import httpx
import msgspec
from pydantic import Field, SecretStr

from adapters.base import Adapter, AdapterSettings, Ids, Limits, Page, References, Since, Take, What, Window
from adapters.reading import GIVEN_UP, Moment, decode, each, expect, items, utc
from rules.reports import Report
from rules.statuses import Channel, Reason, Status

#: An id that a sender chooses is cut to this many characters.
ID_LENGTH = 200

#: Both ends of a window are left out by Infobip, which counts in milliseconds.
TICK = timedelta(milliseconds=1)

#: Reasons that pass. A message that failed for one was given up; one that waits for one may still get through.
PASSING = frozenset({Reason.UNREACHABLE, Reason.MAILBOX_FULL, Reason.RATE_LIMITED})


class Settings(AdapterSettings):
    """What an account at Infobip needs. Its own base address is on its home page there."""

    base_url: str = "https://api.infobip.com"
    #: A key with the scopes `sms:logs:read` and `sms:message:send`, or `sms:manage`.
    api_key: SecretStr = Field(repr=False)


class ApiKey(httpx.Auth):
    """Sends Infobip's kind of key with a request, and shows it nowhere else."""

    def __init__(self, key: str) -> None:
        """Keep the key."""
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Write the key into the request."""
        request.headers["authorization"] = f"App {self._key}"
        yield request


class Standing(msgspec.Struct):
    """What became of a message."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    description: str | None = None


class Trouble(msgspec.Struct):
    """Why. Its id is 0 where there is none; `permanent` says that the same message would fail again."""

    id: int | str | None = None
    description: str | None = None
    permanent: bool | None = None

    @property
    def code(self) -> str:
        """The id as text; empty where there is no error."""
        return "" if self.id is None or str(self.id) == "0" else str(self.id)


class Entry(msgspec.Struct, rename="camel"):
    """What a delivery report or a log says about one message. Zones are written without a colon."""

    message_id: str
    status: Standing
    error: Trouble | None = None
    sent_at: Moment | None = None
    done_at: Moment | None = None


class Cursor(msgspec.Struct, rename="camel"):
    """Where the next page of logs begins."""

    next_cursor: str | None = None


class Entries(msgspec.Struct):
    """Delivery reports, or a page of logs."""

    results: list[msgspec.Raw]
    cursor: Cursor | None = None


class Infobip(Adapter[Settings]):
    """Asks Infobip for delivery reports that it did not yet give, and for logs."""

    name = "infobip"
    channels = (Channel.SMS,)
    plain_ids = "[!-~]{1,200}"
    limits = Limits(
        ids=90,  # of the shortest that Infobip makes; of longer ones as many as the characters allow
        id_characters=2048,
        listing=1000,
        drain=1000,
        rate=2.0,  # 120 a minute for logs; no figure is published for reports
        retention=timedelta(hours=48),
    )
    STATUSES = {
        "PENDING_ACCEPTED": Status.SENT,  # accepted, waiting to be passed on
        "MESSAGE_ACCEPTED": Status.SENT,  # its older name
        "PENDING_ENROUTE": Status.SENT,  # passed on to the operator
        "PENDING_WAITING_DELIVERY": Status.SENT,  # the operator has it; its report is awaited
        "DELIVERED_TO_OPERATOR": Status.SENT,  # in the group DELIVERED, but not on the handset
        "DELIVERED_TO_HANDSET": Status.DELIVERED,
        "EXPIRED_EXPIRED": Status.EXPIRED,  # its validity ran out at the operator
        "EXPIRED_DLR_UNKNOWN": Status.UNCONFIRMED,  # the operator gave no report that says anything
        "SIGNALS_BLOCKED": Status.FAILED,  # stopped as fraud
        "UNDELIVERABLE_REJECTED_OPERATOR": Status.FAILED,  # the error may say better
        "UNDELIVERABLE_NOT_DELIVERED": Status.FAILED,  # the error may say better
        "UNDELIVERABLE_NOT_SENT": Status.NOT_SENT,
        "UNDELIVERABLE_REJECTED_PLATFORM": Status.NOT_SENT,  # malformed, or Infobip was out of service
        "REJECTED_NETWORK": Status.NOT_SENT,  # a network out of reach of the account
        "REJECTED_PREFIX_MISSING": Status.HARD_BOUNCED,  # no such number: wrong prefix or length
        "REJECTED_DND": Status.NOT_SENT,  # the recipient is on a do-not-disturb list
        "REJECTED_SOURCE": Status.NOT_SENT,  # our sender is not registered
        "REJECTED_NOT_ENOUGH_CREDITS": Status.NOT_SENT,
        "REJECTED_SENDER": Status.NOT_SENT,  # our sender is on the account's blocklist
        "REJECTED_DESTINATION_BLOCKLISTED": Status.NOT_SENT,  # by the account or at the operator's request
        "REJECTED_PREPAID_PACKAGE_EXPIRED": Status.NOT_SENT,
        "REJECTED_DESTINATION_NOT_REGISTERED": Status.NOT_SENT,  # the account may send to a test number only
        "REJECTED_ROUTE_NOT_AVAILABLE": Status.NOT_SENT,  # the account is not set up for sending
        "REJECTED_FLOODING_FILTER": Status.NOT_SENT,  # too many to this number within the hour
        "REJECTED_SYSTEM_ERROR": Status.NOT_SENT,
        "REJECTED_DUPLICATE_MESSAGE_ID": Status.SENT,  # a second send; the message of this id was taken before
        "REJECTED_INVALID_UDH": Status.NOT_SENT,  # malformed
        "REJECTED_MESSAGE_TOO_LONG": Status.NOT_SENT,  # over 25 parts or 4,000 bytes
        "MISSING_TO": Status.NOT_SENT,  # without a recipient
        "REJECTED_DESTINATION": Status.HARD_BOUNCED,  # no such number
    }
    REASONS = {
        "EXPIRED_EXPIRED": Reason.VALIDITY_EXPIRED,
        "SIGNALS_BLOCKED": Reason.POLICY,
        "REJECTED_NETWORK": Reason.ACCOUNT,
        "REJECTED_PREFIX_MISSING": Reason.INVALID_ADDRESS,
        "REJECTED_DND": Reason.OPTED_OUT,
        "REJECTED_SOURCE": Reason.ACCOUNT,
        "REJECTED_NOT_ENOUGH_CREDITS": Reason.ACCOUNT,
        "REJECTED_SENDER": Reason.ACCOUNT,
        "REJECTED_DESTINATION_BLOCKLISTED": Reason.SUPPRESSED,
        "REJECTED_PREPAID_PACKAGE_EXPIRED": Reason.ACCOUNT,
        "REJECTED_DESTINATION_NOT_REGISTERED": Reason.ACCOUNT,
        "REJECTED_ROUTE_NOT_AVAILABLE": Reason.ACCOUNT,
        "REJECTED_FLOODING_FILTER": Reason.RATE_LIMITED,
        "REJECTED_INVALID_UDH": Reason.CONTENT_REJECTED,
        "REJECTED_MESSAGE_TOO_LONG": Reason.TOO_LARGE,
        "MISSING_TO": Reason.INVALID_ADDRESS,
        "REJECTED_DESTINATION": Reason.INVALID_ADDRESS,
        "1": Reason.INVALID_ADDRESS,  # unknown subscriber
        "9": Reason.INVALID_ADDRESS,  # the network does not accept this subscriber
        "11": Reason.INVALID_ADDRESS,  # the subscription has no SMS
        "351": Reason.INVALID_ADDRESS,  # invalid or deactivated number
        "352": Reason.INVALID_ADDRESS,  # no such country
        "568": Reason.INVALID_ADDRESS,  # no SMS at this number
        "569": Reason.INVALID_ADDRESS,  # suspended by the operator
        "629": Reason.INVALID_ADDRESS,  # cannot receive SMS
        "3041": Reason.INVALID_ADDRESS,  # deactivated
        "256": Reason.MAILBOX_FULL,  # no room on the phone
        "5": Reason.UNREACHABLE,  # subscriber not identified, for the time being
        "6": Reason.UNREACHABLE,  # phone off or out of reach
        "8": Reason.UNREACHABLE,  # roaming where it is not allowed
        "13": Reason.UNREACHABLE,  # service suspended, mostly for an unpaid bill
        "27": Reason.UNREACHABLE,  # phone off or out of reach
        "31": Reason.UNREACHABLE,  # busy
        "32": Reason.UNREACHABLE,  # delivery failed at the phone
        "33": Reason.UNREACHABLE,  # too many messages wait for this phone
        "34": Reason.UNREACHABLE,  # the network failed
        "51": Reason.UNREACHABLE,  # the network is congested
        "260": Reason.UNREACHABLE,  # congested
        "502": Reason.UNREACHABLE,  # the operator gave no answer
        "581": Reason.UNREACHABLE,  # the recipient's prepaid credit is used up
        "628": Reason.UNREACHABLE,  # the phone failed for a while
        "630": Reason.UNREACHABLE,  # overloaded
        "631": Reason.UNREACHABLE,  # the network failed
        "1031": Reason.UNREACHABLE,  # the network failed
        "2048": Reason.UNREACHABLE,  # the operator did not answer in time
        "607": Reason.SPAM,  # the operator took it for spam
        "12": Reason.POLICY,  # the phone is on the network's blocklist
        "560": Reason.POLICY,  # our short code is blocked for this recipient
        "564": Reason.POLICY,  # our short code is blocked by the operator
        "565": Reason.POLICY,  # the recipient's operator takes nothing from short codes
        "566": Reason.POLICY,  # the operator lets no short code reach this number
        "574": Reason.POLICY,  # our short code may not reach new subscribers
        "608": Reason.POLICY,  # stopped as fraud
        "632": Reason.POLICY,  # refused by the operator
        "4106": Reason.POLICY,  # blocked by India's registry
        "561": Reason.CONTENT_REJECTED,  # by the operator
        "604": Reason.CONTENT_REJECTED,  # by the campaign's blocklist
        "4096": Reason.CONTENT_REJECTED,  # malformed
        "573": Reason.OPTED_OUT,  # asked the operator to block our short code
        "603": Reason.OPTED_OUT,  # answered STOP before
        "2050": Reason.OPTED_OUT,  # on the operator's do-not-disturb list
        "2052": Reason.SUPPRESSED,  # on the blocklist of the account or the operator
        "355": Reason.TOO_LARGE,
        "4098": Reason.VALIDITY_EXPIRED,
        "4100": Reason.VALIDITY_EXPIRED,  # before it was passed on
        "4101": Reason.VALIDITY_EXPIRED,  # before it was delivered
        "811": Reason.VALIDITY_EXPIRED,  # before it reached the phone
        "541": Reason.RATE_LIMITED,  # the operator's limit for our campaign
        "542": Reason.RATE_LIMITED,  # the operator's daily limit for our brand
        "609": Reason.RATE_LIMITED,  # Infobip's daily limit
        "4103": Reason.RATE_LIMITED,  # over 20 to this number within the hour
        "4104": Reason.RATE_LIMITED,  # over 6 of the same to this number within the hour
        "4202": Reason.RATE_LIMITED,  # the operator's limit for our campaign
        "368": Reason.ACCOUNT,  # our sender is not valid there
        "433": Reason.ACCOUNT,  # access denied
        "488": Reason.ACCOUNT,  # our toll-free number is not verified
        "562": Reason.ACCOUNT,  # our short code is not set up there
        "563": Reason.ACCOUNT,  # our short code has expired there
        "571": Reason.ACCOUNT,  # our campaign is not known there
        "572": Reason.ACCOUNT,  # our campaign is not set up there
        "592": Reason.ACCOUNT,  # a network out of reach of the account
        "594": Reason.ACCOUNT,  # no such campaign
        "597": Reason.ACCOUNT,  # no sender of ours reaches this number
        "2053": Reason.ACCOUNT,  # our sender is on a blocklist
        "4099": Reason.ACCOUNT,  # the account's monthly limit
        "255": Reason.UNKNOWN,  # the operator did not say
        "500": Reason.UNKNOWN,  # the network did not say
        "633": Reason.UNKNOWN,  # the operator did not say
    }
    Settings = Settings

    def ask(self, what: What) -> httpx.Request:
        """The reports not yet given, or the logs of these ids or of this window."""
        match what:
            case Take():
                return self._get("/sms/3/reports", limit=str(self.limits.drain))
            case Ids(ids=ids) if 0 < len(ids) <= self.limits.ids:
                # Without a limit no more than 50 come.
                return self._get("/sms/3/logs", messageId=",".join(map(self.normal_id, ids)), limit="1000")
            case Window():
                return self._window(what, {})
            case Ids() | References() | Since():
                raise self.cannot(what)
            case _:
                assert_never(what)

    def read(self, what: What, response: httpx.Response) -> Page:
        """A report for each message, two for one that was given up. An id that is not found is not in the answer."""
        expect(response, self.name, 200)
        page = decode(response, Entries, self.name)
        reports, unreadable = items(page.results, Entry, self._reports)
        return Page(reports, self._more(what, page), unreadable=unreadable)

    def auth(self, now: datetime, nonce: str) -> httpx.Auth:  # noqa: ARG002  a key needs neither
        """The API key."""
        return ApiKey(self.settings.api_key.get_secret_value())

    def normal_id(self, provider_id: str) -> str:
        """An id as Infobip gives it back."""
        return provider_id.strip()[:ID_LENGTH].rstrip()

    def _get(self, path: str, **params: str) -> httpx.Request:
        # XML would come just as well.
        return httpx.Request("GET", self.url(path), params=params, headers={"accept": "application/json"})

    def _window(self, window: Window, place: dict[str, str]) -> httpx.Request:
        """The page of a window that is at `place`; the first if that is empty."""
        since, until = _moment(window.since - TICK), _moment(window.until + TICK)
        limit = str(self.limits.listing)
        return self._get("/sms/3/logs", sentSince=since, sentUntil=until, limit=limit, useCursor="true", **place)

    def _more(self, what: What, page: Entries) -> httpx.Request | None:
        if isinstance(what, Take):
            return self.ask(what) if len(page.results) >= self.limits.drain else None
        # Nothing says that the last page has no cursor; an empty one has nothing behind it.
        if isinstance(what, Window) and page.results and page.cursor and page.cursor.next_cursor:
            return self._window(what, {"cursor": page.cursor.next_cursor})
        return None

    def _reports(self, entry: Entry) -> Iterable[Report]:
        about = Report(provider_id=self.normal_id(entry.message_id))
        word = entry.status.name
        if word not in self.STATUSES:
            return (replace(about, unknown=word),)
        status, error = self.STATUSES[word], entry.error or Trouble()
        known = self.REASONS.get(error.code, Reason.NONE)
        if status is Status.SENT and known not in PASSING:
            return (replace(about, status=status, occurred_at=utc(entry.sent_at)),)
        about = replace(about, occurred_at=utc(entry.done_at or entry.sent_at))
        if status in {Status.DELIVERED, Status.UNCONFIRMED}:
            return (replace(about, status=status),)
        about = replace(
            about,
            reason=known or self.REASONS.get(word, Reason.UNKNOWN),
            code=error.code or word,
            detail=(error.description if error.code else entry.status.description) or "",
        )
        return each(about, _outcome(status, known, error))


def _outcome(status: Status, known: Reason, error: Trouble) -> tuple[Status, ...]:
    """What became of a message of which its word says `status`, and its error the reason `known`, if any."""
    if status is Status.SENT:
        return (Status.SOFT_BOUNCED,)
    if known is Reason.INVALID_ADDRESS:
        return (Status.HARD_BOUNCED,)
    if status not in {Status.FAILED, Status.EXPIRED}:
        return (status,)
    is_passing = known in PASSING or (known in {Reason.NONE, Reason.UNKNOWN} and error.permanent is False)
    if error.code and is_passing:
        return GIVEN_UP
    return (Status.EXPIRED,) if known is Reason.VALIDITY_EXPIRED else (status,)


def _moment(at: datetime) -> str:
    """A time as Infobip writes it: in milliseconds, its zone without a colon."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")

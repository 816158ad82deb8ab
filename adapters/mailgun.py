"""Mailgun, email: a feed of the events of one domain, and a lookup of one message by its id.

One message id covers several recipients; each event is about one of them. Events are written out of order, so a page
that was read may still gain some: hence `limits.horizon`. https://github.com/mailgun/documentation
`source/api-events.rst`, https://github.com/mailgun/mailgun-mcp-server `src/openapi.yaml` and
https://github.com/mailgun/mailgun-go `events/` (all read November 2026).
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import getaddresses
from string import whitespace
from typing import Annotated, assert_never

import httpx
import msgspec
from pydantic import Field, SecretStr

from adapters.base import Adapter, AdapterSettings, Ids, Limits, Page, References, Since, Take, What, Window
from adapters.errors import Unreadable
from adapters.reading import GIVEN_UP, MALFORMED, decode, each, expect, items
from rules.reports import Report
from rules.statuses import Channel, Engagement, Reason, Status

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: What recipients do. It says that the message was delivered, too.
ENGAGEMENT = {
    "opened": Engagement.READ,
    "clicked": Engagement.CLICKED,
    "unsubscribed": Engagement.OPTED_OUT,  # used the unsubscribe link of this message
    "complained": Engagement.COMPLAINED,  # pressed "spam"; came back through a feedback loop
}

#: Events that are not about a message that was sent.
IGNORED = frozenset({"stored", "list_member_uploaded", "list_member_upload_error", "list_uploaded"})

#: The reason of a message that was tried until it was too old. One came with severity `temporary` for its last attempt
#: too (https://feedback.mailgun.com/forums/914635-general-feedback/suggestions/37219720).
OLD = "old"

#: An enhanced status code (RFC 3463) at the start of an SMTP answer, after its three digits if they are there.
ENHANCED = re.compile(r"(?:smtp; ?)?(?:[245]\d\d[ -])?([245]\.\d{1,3}\.\d{1,3})\b")

#: A message id that a filter takes for one word, and not for an expression.
ONE_WORD = re.compile(r'(?!(?:AND|OR|NOT)$)[^\s"()<>]+')


class Settings(AdapterSettings):
    """What an account at Mailgun needs. The base address is that of the domain's region."""

    base_url: str = "https://api.mailgun.net"
    #: The sending domain whose events are read.
    domain: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")
    #: A private API key. One that may only send cannot read events.
    api_key: SecretStr = Field(repr=False)


class Headers(msgspec.Struct):
    """The headers of the message that an event is about. Not every event has them all."""

    message_id: str | None = msgspec.field(name="message-id", default=None)
    to: str | None = None


class Message(msgspec.Struct):
    """The message that an event is about."""

    headers: Headers = msgspec.field(default_factory=Headers)


class Answer(msgspec.Struct, rename="kebab"):
    """What the receiving server, or Mailgun in its place, said about an attempt."""

    code: int | str | None = None
    message: str | None = None
    description: str | None = None
    enhanced_code: str | None = None
    bounce_type: str | None = None
    #: What the server said last to a message that then grew too old.
    last_code: int | str | None = None
    last_message: str | None = None
    attempt_no: Annotated[int, msgspec.Meta(ge=0, le=32767)] | None = None

    @property
    def text(self) -> str:
        """The words of the answer, where there are any."""
        return self.message or self.description or ""

    @property
    def enhanced(self) -> str:
        """The enhanced status code, such as 5.1.1; empty where there is none."""
        found = ENHANCED.match(self.enhanced_code or self.text)
        return found[1] if found else ""

    @property
    def is_temporary(self) -> bool:
        """Whether it was no final refusal."""
        return self.bounce_type == "soft" or (self.enhanced or str(self.code)).startswith("4")


class Reject(msgspec.Struct):
    """Why Mailgun itself refused a message."""

    reason: str | None = None


class Client(msgspec.Struct, rename="kebab"):
    """What opened a message or followed a link in it. `bot` is empty for a person."""

    bot: str | None = None
    client_type: str | None = None

    @property
    def is_machine(self) -> bool:
        """Whether it was not the recipient."""
        return bool(self.bot) or self.client_type == "robot"


class Flags(msgspec.Struct, rename="kebab"):
    """How a message was sent."""

    #: Forwarded by a rule for what came in; the recipient is not the one that the message was sent to.
    is_routed: bool = False
    #: Marked as delivered and never given to a server.
    is_test_mode: bool = False


class Timed(msgspec.Struct):
    """As much of an event as is needed to know how far the feed was read."""

    timestamp: float

    @property
    def at(self) -> datetime:
        """When it happened. OverflowError if there is no such time."""
        return EPOCH + timedelta(seconds=self.timestamp)


class Event(Timed):
    """One event. Only `event` and `timestamp` (seconds, UTC) are promised to be there."""

    event: str
    recipient: str | None = None
    severity: str | None = None
    reason: str | None = None
    message: Message = msgspec.field(default_factory=Message)
    status: Answer = msgspec.field(name="delivery-status", default_factory=Answer)
    reject: Reject = msgspec.field(default_factory=Reject)
    client: Client = msgspec.field(name="client-info", default_factory=Client)
    flags: Flags = msgspec.field(default_factory=Flags)

    @property
    def word(self) -> str:
        """The event's name, and for failures how severe: `failed/temporary`."""
        return f"{self.event}/{self.severity or ''}" if self.event == "failed" else self.event

    @property
    def whom(self) -> str:
        """The recipient. A refusal names none; then it is the only address that the message has in `To`, if any."""
        if self.recipient:
            return self.recipient
        addresses = [address for _, address in getaddresses([self.message.headers.to or ""]) if address]
        return addresses[0] if len(addresses) == 1 else ""

    @property
    def is_hard(self) -> bool:
        """Whether Mailgun calls it a hard bounce: the server says that there is no such recipient."""
        return self.reason == "bounce" or self.status.bounce_type == "hard"

    @property
    def answer(self) -> Answer:
        """What was said about the attempt; of one that grew too old, what the server said last."""
        said = self.status
        if self.reason != OLD or said.last_code is None:
            return said
        return msgspec.structs.replace(said, code=said.last_code, message=said.last_message, enhanced_code=None)


class Paging(msgspec.Struct):
    """The address of the next page; there is always one."""

    next: str = ""


class Events(msgspec.Struct):
    """A page of events."""

    items: list[msgspec.Raw]
    paging: Paging = msgspec.field(default_factory=Paging)


class Mailgun(Adapter[Settings]):
    """Asks Mailgun for the events of a domain, or for those of one message."""

    name = "mailgun"
    channels = (Channel.EMAIL,)
    plain_ids = "[!-;=?-~]+"
    limits = Limits(
        ids=1,
        feed=300,
        rate=5.0,  # no figure is published
        retention=timedelta(days=3),  # the least that is promised for any plan
        lag=timedelta(minutes=30),  # as long as events may be late
        horizon=timedelta(minutes=30),  # the documented age at which a page can be trusted
        read_every=timedelta(seconds=15),  # the documented least interval
        parts=True,
    )
    STATUSES = {
        "accepted": Status.SENT,  # taken and put in the queue
        "rejected": Status.NOT_SENT,  # refused by Mailgun itself
        "delivered": Status.DELIVERED,  # the receiving server took it; a bounce may follow later
        "failed/temporary": Status.DEFERRED,  # this attempt failed, Mailgun keeps trying; the cause may say better
        "failed/permanent": Status.FAILED,  # given up; the cause may say better
        "dropped": Status.FAILED,  # known to the official client only
    }
    REASONS = {
        "suppress-bounce": Reason.SUPPRESSED,  # bounced before
        "suppress-complaint": Reason.SUPPRESSED,  # complained before
        "suppress-unsubscribe": Reason.OPTED_OUT,  # unsubscribed before
        "605": Reason.SUPPRESSED,  # Mailgun's own code for suppress-bounce
        "606": Reason.OPTED_OUT,  # and for suppress-unsubscribe
        "607": Reason.SUPPRESSED,  # and for suppress-complaint
        "espblock": Reason.POLICY,  # blocked by the recipient's provider
        "blacklisted": Reason.POLICY,  # our sending address is on a block list
        "greylisted": Reason.POLICY,  # asked to come again later
        "x.1": Reason.INVALID_ADDRESS,  # addressing
        "x.1.7": Reason.ACCOUNT,  # the sender's address
        "x.1.8": Reason.ACCOUNT,  # the sender's domain
        "x.2.1": Reason.INVALID_ADDRESS,  # mailbox disabled
        "x.2.2": Reason.MAILBOX_FULL,
        "x.2.3": Reason.TOO_LARGE,  # longer than the mailbox takes
        "x.3": Reason.UNREACHABLE,  # the receiving system
        "x.3.4": Reason.TOO_LARGE,  # larger than the system takes
        "x.4": Reason.UNREACHABLE,  # network and routing
        "x.4.7": Reason.VALIDITY_EXPIRED,  # tried for too long
        "x.6": Reason.CONTENT_REJECTED,  # content or media
        "x.7": Reason.POLICY,  # security or policy
        "421": Reason.UNREACHABLE,  # SMTP (RFC 5321): not available
        "452": Reason.MAILBOX_FULL,  # too little storage
        "498": Reason.UNREACHABLE,  # Mailgun's own: no mail server for the domain
        "499": Reason.UNREACHABLE,  # Mailgun's own: no connection
        "552": Reason.MAILBOX_FULL,  # storage exceeded
    }
    Settings = Settings

    def ask(self, what: What) -> httpx.Request:
        """The events since a position or time, or those of one message."""
        params: dict[str, str | int]
        match what:
            case Ids(ids=(provider_id,)):
                params = {"message-id": _filter(self.normal_id(provider_id)), "limit": self.limits.feed}
                return httpx.Request("GET", self._events(), params=params)
            case Since(position=str(position)):
                return httpx.Request("GET", self._events(position))
            case Since(since=since):
                params = {"begin": int(since.timestamp()), "ascending": "yes", "limit": self.limits.feed}
                return httpx.Request("GET", self._events(), params=params)
            case Ids() | References() | Window() | Take():
                raise self.cannot(what)
            case _:
                assert_never(what)

    def read(self, what: What, response: httpx.Response) -> Page:
        """The events as reports. A feed ends with an empty page, whose position can be read again for what comes later.

        The few events of one message are taken to end with a page that is not full: to ask for the empty one after it
        each time would double the requests.
        """
        expect(response, self.name, 200)
        page = decode(response, Events, self.name)
        reports, unreadable = items(page.items, Event, self._reports)
        if isinstance(what, Since):
            position, following = self._following(page.paging.next)
            more = following if page.items else None
            return Page(reports, more, position, max(_times(page.items), default=None), unreadable=unreadable)
        full = len(page.items) >= self.limits.feed
        return Page(reports, self._following(page.paging.next)[1] if full else None, unreadable=unreadable)

    def auth(self, now: datetime, nonce: str) -> httpx.Auth:  # noqa: ARG002  a key needs neither
        """Basic, as the user `api`."""
        return httpx.BasicAuth("api", self.settings.api_key.get_secret_value())

    def normal_id(self, provider_id: str) -> str:
        """The message id without angle brackets: the answer to sending has them, events do not."""
        return provider_id.strip("<>" + whitespace)

    def _events(self, position: str = "") -> str:
        return self.url(f"/v3/{self.settings.domain}/events{position}")

    def _following(self, address: str) -> tuple[str, httpx.Request]:
        """The position that a next page's address names, and the request for it. Raises Unreadable.

        A position is what comes after `/events`, so that it can never lead to another host or domain.
        """
        try:
            _, events, position = httpx.URL(address).raw_path.decode("ascii").rpartition("/events")
            if not events or position[:1] not in {"/", "?"} or not position[1:]:
                raise ValueError  # noqa: TRY301  told below with the others
            return position, httpx.Request("GET", self._events(position))
        except (httpx.InvalidURL, ValueError) as error:
            msg = f"{self.name}: the next page has no address of events; the answer is kept in the journal"
            raise Unreadable(msg) from error

    def _reports(self, event: Event) -> Iterable[Report]:
        if event.event in IGNORED or event.flags.is_routed:
            return ()
        about = Report(
            provider_id=self.normal_id(event.message.headers.message_id or ""),
            part=self.normal_part(event.whom),
            occurred_at=event.at,
        )
        if event.event not in ENGAGEMENT and event.word not in self.STATUSES:
            return (replace(about, unknown=event.word),)
        if not about.part:
            raise ValueError  # it cannot be told whom this is about
        if event.event in ENGAGEMENT:
            return (replace(about, engagement=((_engagement(event), event.at),)),)
        answer = event.answer
        about = replace(about, code=str(answer.code or ""), detail=answer.text or event.reject.reason or "")
        return self._delivery(event, about)

    def _delivery(self, event: Event, about: Report) -> tuple[Report, ...]:
        status = self.STATUSES[event.word]
        if status is Status.DELIVERED and event.flags.is_test_mode:
            status = Status.UNCONFIRMED
        statuses: tuple[Status, ...] = (status,)
        if status in {Status.DEFERRED, Status.FAILED, Status.NOT_SENT}:
            about = replace(about, reason=self._reason(event))
            statuses = _outcome(event, status, about.reason)
        if event.status.attempt_no and Status.NOT_SENT not in statuses:
            about = replace(about, attempts=event.status.attempt_no, attempt_at=event.at)
        return each(about, statuses)

    def _reason(self, event: Event) -> Reason:
        """Why, from the most telling word to the least."""
        answer = event.answer
        detail = answer.enhanced and f"x{answer.enhanced[1:]}"
        keys = (event.reason or "", detail, detail.rpartition(".")[0], str(answer.code))
        reason = next((self.REASONS[key] for key in keys if key in self.REASONS), Reason.UNKNOWN)
        if event.reason == OLD:
            return Reason.VALIDITY_EXPIRED if reason is Reason.UNKNOWN else reason
        # Some servers say with 5.4.1 that there is no such recipient.
        vague = reason in {Reason.UNKNOWN, Reason.UNREACHABLE}
        return Reason.INVALID_ADDRESS if event.is_hard and vague else reason


def _outcome(event: Event, status: Status, reason: Reason) -> tuple[Status, ...]:
    """What became of a message that failed."""
    if status is Status.NOT_SENT or reason in {Reason.SUPPRESSED, Reason.OPTED_OUT}:
        return (Status.NOT_SENT,)
    if event.reason == OLD:
        return GIVEN_UP
    if status is Status.DEFERRED:
        return (Status.SOFT_BOUNCED if reason is Reason.MAILBOX_FULL else status,)
    if reason is Reason.MAILBOX_FULL or (event.answer.is_temporary and not event.is_hard):
        return GIVEN_UP
    return (Status.HARD_BOUNCED if reason is Reason.INVALID_ADDRESS else status,)


def _engagement(event: Event) -> Engagement:
    """A machine that opens a message or follows its links is not the recipient."""
    kind = ENGAGEMENT[event.event]
    is_machine = event.client.is_machine and kind in {Engagement.READ, Engagement.CLICKED}
    return Engagement.MACHINE_OPENED if is_machine else kind


def _times(raws: Iterable[msgspec.Raw]) -> Iterable[datetime]:
    """When the events happened, of which that can be told."""
    for raw in raws:
        try:
            yield msgspec.json.decode(raw, type=Timed).at
        except (*MALFORMED, ValueError, OverflowError):
            continue  # said of this item by whoever reads it whole


def _filter(provider_id: str) -> str:
    """The id as a filter that matches nothing else; filters are expressions."""
    return provider_id if ONE_WORD.fullmatch(provider_id) else '"{}"'.format(provider_id.replace('"', ""))

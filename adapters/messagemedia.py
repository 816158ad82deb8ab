"""MessageMedia (Sinch Engage), SMS: a queue of reports that is confirmed, and a lookup of one message by its id.

A report stays in the queue until it is confirmed, so every report comes at least once. The message must have been sent
with `delivery_report: true`. https://github.com/messagemedia/sinchengage-developer `docs/api/` and
https://github.com/messagemedia/messages-python-sdk `controllers/` (both read November 2026). Codes are documented for
reports that are pushed; in the queue and in a lookup they may be missing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never
from urllib.parse import quote

import httpx
import msgspec
from pydantic import Field, SecretStr

from adapters.base import Adapter, AdapterSettings, Ids, Limits, Page, References, Since, Take, What, Window
from adapters.reading import GIVEN_UP, MALFORMED, Moment, decode, each, expect, items, one, utc
from rules.reports import Report
from rules.statuses import Channel, Engagement, Reason, Status

#: Words that say that a message failed. A code says better what became of it.
FAILURES = frozenset({"expired", "rejected", "undeliverable", "failed", "cancelled"})

#: What a failure with this code came to, whichever of those words came with it.
OUTCOMES: dict[str, tuple[Status, ...]] = {
    "301": (Status.NOT_SENT,),
    "302": (Status.NOT_SENT,),
    "303": (Status.NOT_SENT,),
    "304": (Status.NOT_SENT,),
    "305": (Status.NOT_SENT,),
    "320": (Status.EXPIRED,),
    "330": (Status.NOT_SENT,),
    "331": (Status.NOT_SENT,),
    "332": (Status.NOT_SENT,),
    "333": (Status.NOT_SENT,),
    "400": (Status.FAILED,),
    "401": (Status.EXPIRED,),
    "402": (Status.FAILED,),
    "403": (Status.NOT_SENT,),
    "405": (Status.NOT_SENT,),
    "410": (Status.NOT_SENT,),
    "411": (Status.HARD_BOUNCED,),
    "412": (Status.FAILED,),
    "413": (Status.HARD_BOUNCED,),
    "414": GIVEN_UP,
}

#: What a message on its way is waiting for, where a code says so.
WAITS = {
    "102": Status.DEFERRED,  # failed at one provider, on its way to another
    "151": Status.PENDING,  # held for screening
}

UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class Settings(AdapterSettings):
    """What an account at MessageMedia needs: an API key of the kind "basic authentication"."""

    base_url: str = "https://api.messagemedia.com"
    api_key: SecretStr = Field(repr=False)
    api_secret: SecretStr = Field(repr=False)


class Message(msgspec.Struct):
    """A message as it is looked up. The code may be missing, a number or text."""

    message_id: str
    status: str
    error_code: int | str | None = None
    status_code: int | str | None = None

    @property
    def code(self) -> str:
        """The detailed status code as text; empty where there is none."""
        return next((str(code) for code in (self.error_code, self.status_code) if code is not None), "")


class Receipt(Message):
    """A change of a message's status, which happened at `submitted_date`."""

    submitted_date: Moment | None = None


class Numbered(msgspec.Struct):
    """As much of a report as is needed to confirm it."""

    delivery_report_id: str


class Queue(msgspec.Struct):
    """The oldest reports that were not yet confirmed."""

    delivery_reports: list[msgspec.Raw]


class MessageMedia(Adapter[Settings]):
    """Asks MessageMedia for reports that were not yet confirmed, or for the status of one message."""

    name = "messagemedia"
    channels = (Channel.SMS,)
    plain_ids = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    limits = Limits(
        ids=1,
        queue=100,
        rate=5.0,  # no figure is published
        retention=timedelta(days=45),
    )
    STATUSES = {
        "queued": Status.SENT,  # in the gateway
        "processing": Status.SENT,  # in the gateway
        "processed": Status.SENT,  # in the gateway
        "scheduled": Status.PENDING,  # for a later time
        "held": Status.PENDING,  # for screening
        "enroute": Status.SENT,  # the gateway works on it
        "submitted": Status.SENT,  # given to the next provider or carrier
        "delivered": Status.DELIVERED,
        "read": Status.DELIVERED,  # also says when it was read
        "expired": Status.EXPIRED,
        "rejected": Status.NOT_SENT,  # refused: limit, credit, a blocked number, the content; the code may say better
        "cancelled": Status.NOT_SENT,  # while it was scheduled
        "undeliverable": Status.FAILED,  # of older accounts; the code may say better
        "failed": Status.FAILED,  # no route, or refused on its way; the code may say better
    }
    REASONS = {
        "expired": Reason.VALIDITY_EXPIRED,
        "cancelled": Reason.CANCELED,
        "301": Reason.ACCOUNT,  # usage threshold
        "302": Reason.SUPPRESSED,  # number on the account's block list
        "303": Reason.ACCOUNT,  # source blocked
        "304": Reason.UNKNOWN,  # dropped; the support knows why
        "305": Reason.ACCOUNT,  # taken for a duplicate
        "320": Reason.VALIDITY_EXPIRED,  # before it was submitted
        "330": Reason.UNKNOWN,  # trouble at MessageMedia
        "331": Reason.UNKNOWN,  # discarded
        "332": Reason.ACCOUNT,  # no route
        "333": Reason.ACCOUNT,  # source not supported there
        "400": Reason.UNKNOWN,  # undeliverable
        "401": Reason.VALIDITY_EXPIRED,  # before it was delivered
        "402": Reason.POLICY,  # rejected by the next provider
        "403": Reason.UNKNOWN,  # skipped by the next provider
        "405": Reason.CANCELED,  # cancelled or deleted by the next provider
        "410": Reason.ACCOUNT,  # invalid source
        "411": Reason.INVALID_ADDRESS,  # invalid destination
        "412": Reason.SUPPRESSED,  # destination blocked by the next provider
        "413": Reason.INVALID_ADDRESS,  # no SMS at this destination
        "414": Reason.UNREACHABLE,
    }
    Settings = Settings

    def ask(self, what: What) -> httpx.Request:
        """The oldest unconfirmed reports, or one message."""
        match what:
            case Take():
                return httpx.Request("GET", self.url("/v1/delivery_reports"))
            case Ids(ids=(provider_id,)):
                return httpx.Request("GET", self.url(f"/v1/messages/{quote(self.normal_id(provider_id), safe='')}"))
            case Ids() | References() | Window() | Since():
                raise self.cannot(what)
            case _:
                assert_never(what)

    def read(self, what: What, response: httpx.Response) -> Page:
        """The reports of the queue with what confirms them, or those of one message; none for one not found."""
        if isinstance(what, Ids):
            return one(response, Message, self.name, self._reports)
        expect(response, self.name, 200)
        raws = decode(response, Queue, self.name).delivery_reports
        reports, unreadable = items(raws, Receipt, self._changes)
        confirm = self._confirm(raws)
        # Without anything to confirm the same page would come again for ever.
        more = self.ask(what) if confirm and len(raws) >= self.limits.queue else None
        return Page(reports, more, confirm=confirm, unreadable=unreadable)

    def auth(self, now: datetime, nonce: str) -> httpx.Auth:  # noqa: ARG002  a key needs neither
        """Basic, with key and secret."""
        settings = self.settings
        return httpx.BasicAuth(settings.api_key.get_secret_value(), settings.api_secret.get_secret_value())

    def normal_id(self, provider_id: str) -> str:
        """A UUID as MessageMedia writes it; anything else as it is."""
        said = provider_id.strip()
        return said.lower() if UUID.fullmatch(said) else said

    def _confirm(self, raws: Iterable[msgspec.Raw]) -> httpx.Request | None:
        """One that cannot be read is confirmed too: it is in the journal, and it would block the queue."""
        numbers = list(dict.fromkeys(_numbers(raws)))[: self.limits.queue]
        body = {"delivery_report_ids": numbers}
        return httpx.Request("POST", self.url("/v1/delivery_reports/confirmed"), json=body) if numbers else None

    def _changes(self, receipt: Receipt) -> Iterable[Report]:
        return self._reports(receipt, utc(receipt.submitted_date))

    def _reports(self, message: Message, at: datetime | None = None) -> Iterable[Report]:
        word, code = message.status, message.code
        about = Report(provider_id=self.normal_id(message.message_id), code=code, occurred_at=at)
        if word not in self.STATUSES:
            return (replace(about, unknown=word),)
        status = self.STATUSES[word]
        if word in FAILURES:
            reason = self.REASONS.get(code) or self.REASONS.get(word, Reason.UNKNOWN)
            return each(replace(about, reason=reason), OUTCOMES.get(code, (status,)))
        if word == "read" and at:
            about = replace(about, engagement=((Engagement.READ, at),))
        return (replace(about, status=WAITS.get(code, status) if status.is_open else status),)


def _numbers(raws: Iterable[msgspec.Raw]) -> Iterator[str]:
    """The ids of all reports that have one."""
    for raw in raws:
        try:
            number = msgspec.json.decode(raw, type=Numbered).delivery_report_id
        except MALFORMED:
            continue  # said of this item by whoever reads it whole
        if number:
            yield number

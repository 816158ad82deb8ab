"""MessageMedia (Sinch Engage): a queue of delivery reports until they are confirmed, and a lookup of one message.

https://github.com/messagemedia/messages-python-sdk `controllers/` (July 2025) and the article on delivery status
notifications, https://support.messagemedia.com (4413658199311, November 2026).
"""

import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from aiohttp import web

from rules.statuses import Channel, Reason, Status
from simulator.account import Account, Route, World
from simulator.exchange import basic, body, json
from simulator.fates import GIVEN_UP, Fate, Meaning, means
from simulator.made_up import token, uuid
from simulator.message import Message
from simulator.stream import Report, Stream
from simulator.timeline import Ways

SMS = (Channel.SMS,)

#: Reports in an answer, and ids in a confirmation.
MOST = 100

#: Words that a lookup has and no report.
LOOKUP_ONLY = frozenset({"queued", "processed", "scheduled", "cancelled"})

START = ((0.0, "queued"), (0.05, "processed"), (0.1, "enroute 101"))

SUBMITTED = (*START, (0.2, "submitted 200"))


class MessageMedia(Account):
    """An account at MessageMedia."""

    name = "messagemedia"
    ways = Ways(streams=True)
    MEANINGS: ClassVar[Mapping[str, Meaning]] = {
        "queued": means(Status.SENT),
        "processed": means(Status.SENT),
        "scheduled": means(Status.PENDING),
        "enroute 101": means(Status.SENT),
        "submitted 200": means(Status.SENT),
        "submitted 210": means(Status.SENT),
        "delivered 220": means(Status.DELIVERED),
        "delivered 221": means(Status.DELIVERED),
        "cancelled 405": means(Status.NOT_SENT, why=Reason.CANCELED),
        "expired 320": means(Status.EXPIRED, why=Reason.VALIDITY_EXPIRED),
        "expired 401": means(Status.EXPIRED, why=Reason.VALIDITY_EXPIRED),
        "rejected 302": means(Status.NOT_SENT, why=Reason.SUPPRESSED),
        "rejected 332": means(Status.NOT_SENT, why=Reason.ACCOUNT),
        "rejected 402": means(Status.FAILED, why=Reason.POLICY),
        "undeliverable": means(Status.FAILED, why=Reason.UNKNOWN),
        "undeliverable 411": means(Status.HARD_BOUNCED, why=Reason.INVALID_ADDRESS),
        "undeliverable 413": means(Status.HARD_BOUNCED, why=Reason.INVALID_ADDRESS),
        "undeliverable 414": means(*GIVEN_UP, why=Reason.UNREACHABLE),
        "failed 400": means(Status.FAILED, why=Reason.UNKNOWN),
    }
    FATES = (
        Fate("delivered", SMS, 50, (*SUBMITTED, (1, "delivered 220"))),
        Fate("on_handset", SMS, 10, (*SUBMITTED, (0.3, "submitted 210"), (0.8, "delivered 221"))),
        Fate("invalid", SMS, 3, (*SUBMITTED, (0.5, "undeliverable 411"))),
        Fate("no_sms", SMS, 2, (*SUBMITTED, (0.5, "undeliverable 413"))),
        Fate("unreachable", SMS, 3, (*SUBMITTED, (1, "undeliverable 414"))),
        Fate("undeliverable", SMS, 1, (*SUBMITTED, (0.7, "undeliverable"))),
        Fate("failed", SMS, 2, (*SUBMITTED, (0.6, "failed 400"))),
        Fate("refused", SMS, 1, (*SUBMITTED, (0.4, "rejected 402"))),
        Fate("blocked", SMS, 1, (*START, (0.2, "rejected 302"))),
        Fate("no_route", SMS, 1, (*START, (0.2, "rejected 332"))),
        Fate("expired", SMS, 2, (*SUBMITTED, (1, "expired 401"))),
        Fate("expired_before", SMS, 1, (*START, (1, "expired 320"))),
        Fate("cancelled", SMS, 1, ((0, "scheduled"), (0.5, "cancelled 405"))),
        Fate("scheduled_for_ever", SMS, 1, ((0, "scheduled"),)),
        Fate("no_receipt", SMS, 2, (*SUBMITTED, (0.3, "submitted 210"))),
    )

    def __init__(self, world: World, skew: timedelta) -> None:
        super().__init__(world, skew)
        self._queue = Stream()
        self._taken: dict[str, Report] = {}

    def new_settings(self, chance: random.Random) -> dict[str, str]:
        """A key for basic authentication."""
        return {"api_key": token(chance, 20), "api_secret": token(chance, 30)}

    def routes(self) -> Iterable[Route]:
        """The queue, its confirmation, and one message."""
        return (
            Route("GET", "/v1/delivery_reports", self._waiting),
            Route("POST", "/v1/delivery_reports/confirmed", self._confirm),
            Route("GET", "/v1/messages/{id}", self._look_up),
        )

    def refusal(self, request: web.Request) -> web.Response | None:
        """Key and secret must be right."""
        right = (self.settings["api_key"], self.settings["api_secret"])
        return None if basic(request) == right else json({"message": "Invalid authentication credentials"}, 401)

    def error(self, status: int) -> web.Response:
        """Its shape of an error."""
        return json({"message": ERRORS[status]}, status)

    def new_id(self, chance: random.Random) -> str:
        """The id of a message."""
        return uuid(chance)

    def add(self, message: Message) -> None:
        """Put the reports about it into the queue, from where they are given out when their time has come."""
        super().add(message)
        chance = self.chance.of(f"reports {message.provider_id}")
        for said in message.says:
            number = uuid(chance)
            if said.word not in LOOKUP_ONLY:
                self._queue.add(message, said, number)

    async def _waiting(self, request: web.Request) -> web.Response:
        del request
        page = self._oldest()
        if len(page) > 1 and self.chance.happens("out_of_order"):
            self.chance.shuffle(page)
        for report in page:
            self._taken[report.id] = report
            self.told(report.message, report.said)
        return json({"delivery_reports": [self._report(report) for report in page]})

    def _oldest(self) -> list[Report]:
        """The oldest reports; those that never come are dropped on the way."""
        ready = self._queue.ready(self.now)
        missing = [report for report in ready if report.said.is_missing]
        for report in missing:
            self.miss(report.said)
        self._queue.drop(missing)
        return [report for report in ready if not report.said.is_missing][:MOST]

    async def _confirm(self, request: web.Request) -> web.Response:
        ids = (await body(request)).get("delivery_report_ids")
        if not isinstance(ids, list) or not ids or len(ids) > MOST or not all(isinstance(one, str) for one in ids):
            text = f"delivery_report_ids must have between 1 and {MOST} ids"
            return json({"message": "Validation failed", "details": [text]}, 400)
        known = [self._taken.pop(number) for number in dict.fromkeys(ids) if number in self._taken]
        # A confirmation may be lost: the report comes again, and has to be confirmed again.
        self._queue.drop([report for report in known if not self.chance.happens("repeated")])
        return json({}, 202)

    async def _look_up(self, request: web.Request) -> web.Response:
        found = self.by_id.get(request.match_info["id"])
        said = self.present(found[0]) if found else None
        if not found or said is None:
            return self.error(404)
        message = found[0]
        plain: dict[str, object] = {
            "message_id": message.provider_id,
            "status": said.word,
            "content": "A message to practise on",
            "destination_number": message.recipient,
            "source_number": None,
            "delivery_report": True,
            "format": "SMS",
            "scheduled": None,
            "message_expiry_timestamp": None,
            "callback_url": None,
            "metadata": {"reference": message.reference} if message.reference else {},
        }
        return json(plain | ({"status_code": said.code} if said.code else {}))

    def _report(self, report: Report) -> dict[str, object]:
        message, said = report.message, report.said
        plain: dict[str, object] = {
            "delivery_report_id": report.id,
            "message_id": message.provider_id,
            "status": said.word,
            "delay": 0,
            "source_number": message.recipient,  # the two numbers are the wrong way round
            "submitted_date": _iso(self.theirs(said.at)),
            "date_received": _iso(self.theirs(said.shown_at)),
            "original_text": "A message to practise on",
            "callback_url": None,
            "vendor_account_id": {"vendor_id": "MessageMedia", "account_id": "Practice"},
            "metadata": {"reference": message.reference} if message.reference else {},
        }
        return plain | ({"status_code": said.code} if said.code else {})


ERRORS = {
    404: "Message not found",
    429: "Too many requests",
    500: "Internal server error",
    502: "Bad gateway",
    503: "Service unavailable",
}


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

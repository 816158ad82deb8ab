"""Infobip SMS: reports that are given once, and logs that can be read again, by id or by the time of sending.

The OpenAPI specification 3.210.0, https://www.infobip.com/docs/api/channels/sms, and
https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes (both read November 2026).
"""

import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from aiohttp import web

from rules.statuses import Channel, Reason, Status
from simulator.account import Account, Route, World
from simulator.exchange import json
from simulator.fates import GIVEN_UP, Fate, Meaning, means
from simulator.made_up import token
from simulator.message import Message, Said
from simulator.stream import Report, Stream
from simulator.timeline import UNKNOWN, Ways

SMS = (Channel.SMS,)

#: Reports or log entries in an answer: most, and unless the client says otherwise.
MOST, PAGE = 1000, 50

#: How long everything can be read.
KEPT = timedelta(hours=48)

#: Characters of all ids in a request.
LONGEST = 2048

#: Words of which there is no report.
LOGS_ONLY = frozenset({"PENDING_ACCEPTED"})

START = ((0.0, "PENDING_ACCEPTED"), (0.1, "PENDING_ENROUTE"))

#: Status names: group, name of the group, id, description.
STATUSES: dict[str, tuple[int, str, int, str]] = {
    "PENDING_WAITING_DELIVERY": (1, "PENDING", 3, "Message sent, waiting for delivery report"),
    "PENDING_ENROUTE": (1, "PENDING", 7, "Message sent to next instance"),
    "PENDING_ACCEPTED": (1, "PENDING", 26, "Message accepted, pending for delivery"),
    "UNDELIVERABLE_REJECTED_OPERATOR": (2, "UNDELIVERABLE", 4, "Message rejected by operator"),
    "UNDELIVERABLE_NOT_DELIVERED": (2, "UNDELIVERABLE", 9, "Message sent not delivered"),
    "DELIVERED_TO_OPERATOR": (3, "DELIVERED", 2, "Message delivered to operator"),
    "DELIVERED_TO_HANDSET": (3, "DELIVERED", 5, "Message delivered to handset"),
    "EXPIRED_EXPIRED": (4, "EXPIRED", 15, "Message expired"),
    "EXPIRED_DLR_UNKNOWN": (4, "EXPIRED", 29, "DLR not received on our side"),
    "REJECTED_DND": (5, "REJECTED", 10, "Destination on DND list"),
    "REJECTED_NOT_ENOUGH_CREDITS": (5, "REJECTED", 12, "Not enough credits"),
    "REJECTED_DESTINATION_BLOCKLISTED": (5, "REJECTED", 14, "Destination is on blocklist"),
    "REJECTED_ROUTE_NOT_AVAILABLE": (5, "REJECTED", 19, "Unable to route to destination"),
    UNKNOWN: (77, "PONDERING", 777, "Message is being thought about"),
}

#: Errors by id: group, name of the group, name, whether it is permanent.
ERRORS: dict[str, tuple[int, str, str, bool]] = {
    "": (0, "OK", "NO_ERROR", False),
    "1": (1, "HANDSET_ERRORS", "EC_UNKNOWN_SUBSCRIBER", True),
    "27": (1, "HANDSET_ERRORS", "EC_ABSENT_SUBSCRIBER", False),
    "351": (2, "USER_ERRORS", "EC_INVALID_DESTINATION", True),
    "500": (3, "OPERATOR_ERRORS", "EC_PROVIDER_GENERAL_ERROR", True),
    "573": (3, "OPERATOR_ERRORS", "EC_SC_BLOCKED_BY_END_USER", True),
    "607": (3, "OPERATOR_ERRORS", "EC_SPAM_CONTENT", True),
    "2048": (3, "OPERATOR_ERRORS", "EC_TIME_OUT", False),
    "4101": (2, "USER_ERRORS", "EC_VALIDITY_EXPIRED", True),
}

REFUSALS = {
    400: ("BAD_REQUEST", "Bad request"),
    401: ("UNAUTHORIZED", "Invalid login details"),
    429: ("TOO_MANY_REQUESTS", "Too many requests"),
    500: ("GENERAL_ERROR", "Something went wrong. Please contact support."),
    502: ("GENERAL_ERROR", "Bad gateway"),
    503: ("GENERAL_ERROR", "Service unavailable"),
}


class Infobip(Account):
    """An account at Infobip."""

    name = "infobip"
    ways = Ways(streams=True, words_are_codes=True)
    #: The name of the status, and the id of the error.
    MEANINGS: ClassVar[Mapping[str, Meaning]] = {
        "PENDING_ACCEPTED": means(Status.SENT),
        "PENDING_ENROUTE": means(Status.SENT),
        "PENDING_WAITING_DELIVERY": means(Status.SENT),
        "DELIVERED_TO_OPERATOR": means(Status.SENT),
        "DELIVERED_TO_HANDSET": means(Status.DELIVERED),
        "EXPIRED_EXPIRED 4101": means(Status.EXPIRED, why=Reason.VALIDITY_EXPIRED),
        "EXPIRED_DLR_UNKNOWN": means(Status.UNCONFIRMED),
        "UNDELIVERABLE_NOT_DELIVERED 1": means(Status.HARD_BOUNCED, why=Reason.INVALID_ADDRESS),
        "UNDELIVERABLE_NOT_DELIVERED 27": means(*GIVEN_UP, why=Reason.UNREACHABLE),
        "UNDELIVERABLE_NOT_DELIVERED 351": means(Status.HARD_BOUNCED, why=Reason.INVALID_ADDRESS),
        "UNDELIVERABLE_NOT_DELIVERED 2048": means(*GIVEN_UP, why=Reason.UNREACHABLE),
        "UNDELIVERABLE_REJECTED_OPERATOR 573": means(Status.FAILED, why=Reason.OPTED_OUT),
        "UNDELIVERABLE_REJECTED_OPERATOR 607": means(Status.FAILED, why=Reason.SPAM),
        "REJECTED_DND": means(Status.NOT_SENT, why=Reason.OPTED_OUT),
        "REJECTED_NOT_ENOUGH_CREDITS": means(Status.NOT_SENT, why=Reason.ACCOUNT),
        "REJECTED_DESTINATION_BLOCKLISTED": means(Status.NOT_SENT, why=Reason.SUPPRESSED),
        "REJECTED_ROUTE_NOT_AVAILABLE": means(Status.NOT_SENT, why=Reason.ACCOUNT),
    }
    FATES = (
        Fate("delivered", SMS, 50, (*START, (0.2, "PENDING_WAITING_DELIVERY"), (1, "DELIVERED_TO_HANDSET"))),
        Fate("by_operator", SMS, 10, (*START, (0.4, "DELIVERED_TO_OPERATOR"), (1, "DELIVERED_TO_HANDSET"))),
        Fate("at_operator_for_ever", SMS, 2, (*START, (0.4, "DELIVERED_TO_OPERATOR"))),
        Fate("no_receipt", SMS, 2, (*START, (0.3, "PENDING_WAITING_DELIVERY"))),
        Fate("receipt_unknown", SMS, 3, (*START, (1, "EXPIRED_DLR_UNKNOWN"))),
        Fate("expired", SMS, 2, (*START, (1, "EXPIRED_EXPIRED 4101"))),
        Fate("unknown_subscriber", SMS, 3, (*START, (0.5, "UNDELIVERABLE_NOT_DELIVERED 1"))),
        Fate("invalid", SMS, 2, (*START, (0.3, "UNDELIVERABLE_NOT_DELIVERED 351"))),
        Fate("absent", SMS, 3, (*START, (1, "UNDELIVERABLE_NOT_DELIVERED 27"))),
        Fate("operator_silent", SMS, 1, (*START, (0.9, "UNDELIVERABLE_NOT_DELIVERED 2048"))),
        Fate("stopped_by_user", SMS, 1, (*START, (0.4, "UNDELIVERABLE_REJECTED_OPERATOR 573"))),
        Fate("spam", SMS, 1, (*START, (0.4, "UNDELIVERABLE_REJECTED_OPERATOR 607"))),
        Fate("do_not_disturb", SMS, 1, ((0, "PENDING_ACCEPTED"), (0.1, "REJECTED_DND"))),
        Fate("no_credit", SMS, 1, ((0, "PENDING_ACCEPTED"), (0.1, "REJECTED_NOT_ENOUGH_CREDITS"))),
        Fate("blocklisted", SMS, 1, ((0, "PENDING_ACCEPTED"), (0.1, "REJECTED_DESTINATION_BLOCKLISTED"))),
        Fate("no_route", SMS, 1, ((0, "PENDING_ACCEPTED"), (0.2, "REJECTED_ROUTE_NOT_AVAILABLE"))),
    )

    def __init__(self, world: World, skew: timedelta) -> None:
        super().__init__(world, skew)
        self._unread = Stream()

    def new_settings(self, chance: random.Random) -> dict[str, str]:
        """An API key."""
        return {"api_key": f"{token(chance, 32)}-{token(chance, 8)}-{token(chance, 4)}"}

    def routes(self) -> Iterable[Route]:
        """Reports and logs."""
        return (
            Route("GET", "/sms/3/reports", self._reports, empty=b'{"results":[]}'),
            Route("GET", "/sms/3/logs", self._logs),
        )

    def refusal(self, request: web.Request) -> web.Response | None:
        """The API key must be right."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return None if scheme.lower() == "app" and key == self.settings["api_key"] else self.error(401)

    def error(self, status: int) -> web.Response:
        """Infobip's shape of an error."""
        return _error(status)

    def new_id(self, chance: random.Random) -> str:
        """The id of a message."""
        return token(chance, 22, "0123456789")

    def add(self, message: Message) -> None:
        """Make the reports about it ready, to be given when their time has come."""
        super().add(message)
        for said in message.says:
            if said.word not in LOGS_ONLY:
                self._unread.add(message, said)

    async def _reports(self, request: web.Request) -> web.Response:
        limit, names = _limit(request.query), _names(request.query)
        if limit is None:
            return _error(400, "limit must be between 1 and 1000")
        page = self._take(limit, names)
        if len(page) > 1 and self.chance.happens("out_of_order"):
            self.chance.shuffle(page)
        for report in page:
            self.told(report.message, report.said)
        return json({"results": [self._report(report) for report in page]})

    def _take(self, limit: int, names: frozenset[str]) -> list[Report]:
        """The newest unread reports, which are read now; those that never come are dropped on the way."""
        now = self.now
        ready = self._unread.ready(now)
        over = [report for report in ready if report.said.is_missing or report.shown_at <= now - KEPT]
        for report in over:
            self.miss(report.said)
        self._unread.drop(over)
        gone = {report.number for report in over}
        wanted = [
            report
            for report in ready
            if report.number not in gone and (not names or report.message.provider_id in names)
        ]
        page = wanted[-limit:][::-1]
        again = [report for report in page if report.may_come_again and self.chance.happens("repeated")]
        for report in again:
            report.may_come_again = False
        kept = {report.number for report in again}
        self._unread.drop(report for report in page if report.number not in kept)
        return page

    async def _logs(self, request: web.Request) -> web.Response:
        query = request.query
        limit, names = _limit(query), _names(query)
        if limit is None:
            return _error(400, "limit must be between 1 and 1000")
        if len(query.get("messageId", "")) > LONGEST:
            return _error(400, "messageId is too long")
        try:
            since, until = _moment(query.get("sentSince")), _moment(query.get("sentUntil"))
            start = _place(query.get("cursor"))
        except ValueError:
            return _error(400, "sentSince, sentUntil or cursor has the wrong form")
        found: list[tuple[Message, Said]] = []
        for message in self._logged(names, start):
            said = self.present(message)
            if said is not None and self._is_logged(message, said, since, until, query):
                found.append((message, said))
                if len(found) > limit:
                    break
        page = found[:limit]
        plain: dict[str, object] = {"results": [self._entry(*one) | {"destination": one[0].recipient} for one in page]}
        if query.get("useCursor", "").lower() == "true":
            following = _cursor(page[-1][0].number) if len(found) > limit else None
            plain["cursor"] = {"limit": limit, "nextCursor": following}
        return json(plain)

    def _logged(self, names: frozenset[str], start: int | None) -> Iterator[Message]:
        """Messages, the newest first."""
        if names:
            known = [message for name in names for message in self.by_id.get(name, ())]
            yield from sorted(known, key=lambda message: message.number, reverse=True)
        else:
            yield from reversed(self.messages[:start] if start is not None else self.messages)

    def _is_logged(
        self, message: Message, said: Said, since: datetime | None, until: datetime | None, query: Mapping[str, str]
    ) -> bool:
        sent_at = self.theirs(message.sent_at)
        return (
            message.sent_at > self.now - KEPT
            and (since is None or sent_at >= since)
            and (until is None or sent_at <= until)
            and query.get("destination", message.recipient) == message.recipient
            and query.get("generalStatus", STATUSES[said.word][1]) == STATUSES[said.word][1]
        )

    def _report(self, report: Report) -> dict[str, object]:
        return self._entry(report.message, report.said) | {"to": report.message.recipient, "callbackData": None}

    def _entry(self, message: Message, said: Said) -> dict[str, object]:
        group, group_name, number, description = STATUSES[said.word]
        error_group, error_group_name, name, permanent = ERRORS[said.code]
        return {
            "bulkId": f"B{message.provider_id}",
            "messageId": message.provider_id,
            "sender": "Practice",
            "sentAt": _iso(self.theirs(message.sent_at)),
            "doneAt": _iso(self.theirs(said.at)),
            "messageCount": 1,
            "mccMnc": "null",
            "price": {"pricePerMessage": 0.01, "currency": "EUR"},
            "status": {
                "groupId": group,
                "groupName": group_name,
                "id": number,
                "name": said.word.upper(),
                "description": description,
            },
            "error": {
                "groupId": error_group,
                "groupName": error_group_name,
                "id": int(said.code or 0),
                "name": name,
                "description": name,
                "permanent": permanent,
            },
        }


def _limit(query: Mapping[str, str]) -> int | None:
    text = query.get("limit", str(PAGE))
    return int(text) if text.isdecimal() and 0 < int(text) <= MOST else None


def _names(query: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name.strip() for name in query.get("messageId", "").split(",") if name.strip())


def _moment(text: str | None) -> datetime | None:
    """A time with its zone. ValueError if it is none."""
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError
    return at


def _cursor(number: int) -> str:
    return urlsafe_b64encode(f"before:{number}".encode()).decode()


def _place(cursor: str | None) -> int | None:
    """Where a page begins. ValueError if the cursor is none of ours."""
    return None if not cursor else int(urlsafe_b64decode(cursor).decode().removeprefix("before:"))


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def _error(status: int, text: str = "") -> web.Response:
    number, usual = REFUSALS[status]
    return json({"requestError": {"serviceException": {"messageId": number, "text": text or usual}}}, status)

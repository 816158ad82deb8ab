"""Twilio: a lookup of one message, and a listing by the time of sending, newest first.

https://github.com/twilio/twilio-oai `spec/json/twilio_api_v2010.json` and https://www.twilio.com/docs/api/errors
(both read November 2026).
"""

import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import ClassVar

from aiohttp import web

from rules.statuses import Channel, Engagement, Reason, Status
from simulator.account import Account, Route
from simulator.exchange import basic, json
from simulator.fates import GIVEN_UP, Fate, Meaning, means
from simulator.made_up import hexadecimal
from simulator.message import Message, Said

SMS, CHAT = (Channel.SMS,), (Channel.CHAT,)

#: Words of a message that was sent. Before the first of them it has no `date_sent`.
SENT = frozenset({"sent", "delivered", "read", "undelivered"})

#: Messages on a page: most, and unless the client says otherwise.
MOST, PAGE = 1000, 50

ERRORS = {
    400: (20001, "The request is invalid"),
    401: (20003, "Authenticate"),
    404: (20404, "The requested resource {path} was not found"),
    429: (20429, "Too Many Requests"),
    500: (20500, "Internal Server Error"),
    502: (20500, "Bad Gateway"),
    503: (20503, "Service Unavailable"),
}


class Twilio(Account):
    """An account at Twilio."""

    name = "twilio"
    MEANINGS: ClassVar[Mapping[str, Meaning]] = {
        "accepted": means(Status.SENT),
        "scheduled": means(Status.PENDING),
        "queued": means(Status.SENT),
        "sending": means(Status.SENT),
        "sent": means(Status.SENT),
        "delivered": means(Status.DELIVERED),
        "read": means(Status.DELIVERED, did=Engagement.READ),
        "canceled": means(Status.NOT_SENT, why=Reason.CANCELED),
        "undelivered 30003": means(*GIVEN_UP, why=Reason.UNREACHABLE, text="Unreachable destination handset"),
        "undelivered 30004": means(Status.FAILED, why=Reason.POLICY, text="Message blocked"),
        "undelivered 30005": means(Status.HARD_BOUNCED, why=Reason.INVALID_ADDRESS, text="Unknown destination handset"),
        "undelivered 30006": means(
            Status.HARD_BOUNCED, why=Reason.INVALID_ADDRESS, text="Landline or unreachable carrier"
        ),
        "undelivered 30007": means(Status.FAILED, why=Reason.SPAM, text="Message filtered"),
        "undelivered 30008": means(Status.FAILED, why=Reason.UNKNOWN, text="Unknown error"),
        "undelivered 63003": means(Status.HARD_BOUNCED, why=Reason.INVALID_ADDRESS, text="Channel could not find To"),
        "undelivered 63016": means(Status.FAILED, why=Reason.POLICY, text="Outside the allowed window"),
        "undelivered 63018": means(*GIVEN_UP, why=Reason.RATE_LIMITED, text="Rate limit exceeded for channel"),
        "failed 21610": means(Status.NOT_SENT, why=Reason.OPTED_OUT, text="Attempt to send to unsubscribed recipient"),
        "failed 30001": means(Status.NOT_SENT, why=Reason.RATE_LIMITED, text="Queue overflow"),
        "failed 30002": means(Status.NOT_SENT, why=Reason.ACCOUNT, text="Account suspended"),
        "failed 30036": means(Status.EXPIRED, why=Reason.VALIDITY_EXPIRED, text="Validity period expired"),
    }
    FATES = (
        Fate("delivered", SMS, 60, ((0, "queued"), (0.1, "sending"), (0.15, "sent"), (1, "delivered"))),
        Fate("by_service", SMS, 10, ((0, "accepted"), (0.1, "queued"), (0.2, "sent"), (0.8, "delivered"))),
        Fate("phone_off", SMS, 3, ((0, "queued"), (0.1, "sent"), (1, "undelivered 30003"))),
        Fate("unknown_number", SMS, 3, ((0, "queued"), (0.1, "sent"), (0.5, "undelivered 30005"))),
        Fate("landline", SMS, 1, ((0, "queued"), (0.1, "sent"), (0.3, "undelivered 30006"))),
        Fate("filtered", SMS, 1, ((0, "queued"), (0.1, "sent"), (0.4, "undelivered 30007"))),
        Fate("blocked", SMS, 1, ((0, "queued"), (0.1, "sent"), (0.4, "undelivered 30004"))),
        Fate("unknown_error", SMS, 1, ((0, "queued"), (0.1, "sent"), (0.7, "undelivered 30008"))),
        Fate("opted_out", SMS, 1, ((0, "queued"), (0.2, "failed 21610"))),
        Fate("queue_full", SMS, 1, ((0, "queued"), (0.3, "failed 30001"))),
        Fate("suspended", SMS, 1, ((0, "accepted"), (0.2, "failed 30002"))),
        Fate("expired", SMS, 1, ((0, "queued"), (1, "failed 30036"))),
        Fate("canceled", SMS, 1, ((0, "scheduled"), (0.6, "canceled"))),
        Fate("scheduled_for_ever", SMS, 1, ((0, "scheduled"),)),
        Fate("no_receipt", SMS, 3, ((0, "queued"), (0.1, "sending"), (0.2, "sent"))),
        Fate("chat_delivered", CHAT, 20, ((0, "queued"), (0.2, "sent"), (0.6, "delivered"))),
        Fate("chat_read", CHAT, 40, ((0, "queued"), (0.2, "sent"), (1, "read"))),
        Fate("chat_no_address", CHAT, 3, ((0, "queued"), (0.2, "sent"), (0.4, "undelivered 63003"))),
        Fate("chat_too_late", CHAT, 2, ((0, "queued"), (0.2, "sent"), (0.3, "undelivered 63016"))),
        Fate("chat_too_many", CHAT, 2, ((0, "queued"), (0.2, "sent"), (0.5, "undelivered 63018"))),
        Fate("chat_no_receipt", CHAT, 2, ((0, "queued"), (0.2, "sent"))),
    )

    def new_settings(self, chance: random.Random) -> dict[str, str]:
        """The account and its token."""
        return {"account_sid": "AC" + hexadecimal(chance, 32), "auth_token": hexadecimal(chance, 32)}

    def routes(self) -> Iterable[Route]:
        """Messages, and one of them."""
        root = "/2010-04-01/Accounts/{account}/Messages"
        return (
            Route("GET", f"{root}.json", self._list),
            Route("GET", f"{root}/{{sid}}.json", self._look_up),
        )

    def refusal(self, request: web.Request) -> web.Response | None:
        """Account and token must be right, and the account in the path the same."""
        settings = self.settings
        right = (settings["account_sid"], settings["auth_token"])
        if basic(request) == right and request.match_info["account"] == right[0]:
            return None
        return _error(401)

    def error(self, status: int) -> web.Response:
        """Twilio's shape of an error."""
        return _error(status)

    def new_id(self, chance: random.Random) -> str:
        """The SID of a message."""
        return "SM" + hexadecimal(chance, 32)

    def accept_other(self, channel: Channel, chance: random.Random) -> None:
        """Also what comes in is listed."""
        super().accept_other(channel, chance)
        if chance.random() < INBOUND:
            self.messages[-1].known["inbound"] = True

    async def _look_up(self, request: web.Request) -> web.Response:
        found = self.by_id.get(request.match_info["sid"])
        said = self.present(found[0]) if found else None
        if not found or said is None:
            return _error(404, request.path)
        return json(self.plain(found[0], said))

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        try:
            window = _Window(query.get("DateSent>"), query.get("DateSent<"), query.get("DateSent"))
            size = min(max(int(query.get("PageSize", PAGE)), 1), MOST)
            number = int(query.get("Page", 0))
        except ValueError:
            return _error(400)
        start = self._place(query.get("PageToken"))
        found: list[tuple[Message, Said]] = []
        for message in self._newest(start):
            said = message.present(self.now)
            if said is not None and self._is_listed(message, said, window, query):
                found.append((message, said))
                if len(found) > size:
                    break
        return json(self._page(request, found, size, number))

    def _place(self, token: str | None) -> int | None:
        """Where a page begins: after the message that its token names."""
        last = self.by_id.get((token or "").removeprefix("PA"))
        if not last:
            return None
        return last[0].number + (1 if self.chance.happens_once(last[0], "repeated") else 0)

    def _newest(self, start: int | None) -> Iterator[Message]:
        yield from reversed(self.messages[:start] if start is not None else self.messages)

    def _is_listed(self, message: Message, said: Said, window: "_Window", query: Mapping[str, str]) -> bool:
        if query.get("To", _address(message)) != _address(message) or query.get("From", SENDER) != SENDER:
            return False
        sent_at = self._sent_at(message, said)
        if sent_at is None and window and self.chance.happens_always(message, "unlisted"):
            return False
        return window.has(sent_at or self.theirs(message.sent_at))

    def _page(
        self, request: web.Request, found: list[tuple[Message, Said]], size: int, number: int
    ) -> dict[str, object]:
        page = found[:size]
        plain = [self.plain(message, self.present(message) or said) for message, said in page]
        query = {name: value for name, value in request.query.items() if name not in {"Page", "PageToken"}}
        here = request.rel_url.with_query(query)
        following = here.update_query(Page=number + 1, PageToken=f"PA{page[-1][0].provider_id}") if page else here
        return {
            "messages": plain,
            "start": number * size,
            "end": number * size + max(len(plain) - 1, 0),
            "page": number,
            "page_size": size,
            "uri": str(request.rel_url),
            "first_page_uri": str(here.update_query(Page=0)),
            "next_page_uri": str(following) if len(found) > size else None,
            "previous_page_uri": None,
        }

    def _sent_at(self, message: Message, present: Said) -> datetime | None:
        first = next((said.at for said in message.says[: present.number + 1] if said.word in SENT), None)
        return None if first is None else self.theirs(first)

    def plain(self, message: Message, said: Said) -> dict[str, object]:
        """A message as it is shown with what is said of it."""
        account, sent_at = self.settings["account_sid"], self._sent_at(message, said)
        is_inbound = bool(message.known.get("inbound"))
        return {
            "sid": message.provider_id,
            "account_sid": account,
            "messaging_service_sid": None,
            "to": SENDER if is_inbound else _address(message),
            "from": _address(message) if is_inbound else SENDER,
            "body": "A message to practise on",
            "direction": "inbound" if is_inbound else "outbound-api",
            "status": "received" if is_inbound else said.word,
            "error_code": int(said.code) if said.code and not is_inbound else None,
            "error_message": said.meaning.text or None,
            "date_created": _mail_time(self.theirs(message.sent_at)),
            "date_sent": _mail_time(sent_at) if sent_at else None,
            "date_updated": _mail_time(self.theirs(said.at)),
            "num_segments": "1",
            "num_media": "0",
            "price": None,
            "price_unit": "USD",
            "api_version": "2010-04-01",
            "uri": f"/2010-04-01/Accounts/{account}/Messages/{message.provider_id}.json",
        }


#: Our own number.
SENDER = "+15550100000"

#: The share of other messages that came in.
INBOUND = 0.3


class _Window:
    """The times of sending that a listing asks for. Both ends belong to it; a day means all of it."""

    def __init__(self, after: str | None, before: str | None, on: str | None) -> None:
        """ValueError if one of them is no time."""
        self._since = _moment(after or on) if after or on else None
        until = before or on
        self._until = _moment(until) + (_DAY if len(until) == _DATE else _SECOND) if until else None

    def __bool__(self) -> bool:
        return self._since is not None or self._until is not None

    def has(self, at: datetime) -> bool:
        return (self._since is None or at >= self._since) and (self._until is None or at < self._until)


_DAY, _SECOND, _DATE = timedelta(days=1), timedelta(seconds=1), len("2026-01-31")


def _moment(text: str | None) -> datetime:
    at = datetime.fromisoformat(text or "")
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _address(message: Message) -> str:
    return f"whatsapp:{message.recipient}" if message.channel is Channel.CHAT else message.recipient


def _mail_time(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC))


def _error(status: int, path: str = "") -> web.Response:
    code, text = ERRORS[status]
    more = f"https://www.twilio.com/docs/errors/{code}"
    plain = {"code": code, "message": text.format(path=path), "more_info": more, "status": status}
    headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if status == web.HTTPUnauthorized.status_code else None
    return json(plain, status, headers)

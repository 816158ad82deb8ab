"""GOV.UK Notify: a lookup by id or by reference, and a listing, newest first.

https://docs.notifications.service.gov.uk/rest-api.html and https://github.com/alphagov/notifications-api
`app/v2/notifications/get_notifications.py` (both read November 2026).
"""

import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

import jwt
from aiohttp import web

from rules.statuses import Channel, Reason, Status
from simulator.account import Account, Route, World
from simulator.exchange import json
from simulator.fates import GIVEN_UP, Fate, Meaning, means
from simulator.made_up import uuid
from simulator.message import Message, Said
from simulator.timeline import Ways

EMAIL, SMS, LETTER = (Channel.EMAIL,), (Channel.SMS,), (Channel.LETTER,)

#: Notifications on a page.
PAGE = 250

#: How old a token may be, or how far ahead, in seconds.
FRESH = 30

STATUSES = frozenset({
    "created", "sending", "sent", "delivered", "pending", "failed", "technical-failure", "temporary-failure",
    "permanent-failure", "pending-virus-check", "validation-failed", "virus-scan-failed", "returned-letter",
    "accepted", "received", "cancelled",
})  # fmt: skip

#: A word of the filter that stands for several.
FAILED = frozenset({"technical-failure", "temporary-failure", "permanent-failure"})

ERRORS = {
    404: ("NoResultFound", "No result found"),
    429: ("RateLimitError", "Exceeded rate limit for key type LIVE of 3000 requests per 60 seconds"),
    500: ("Exception", "Internal server error"),
    502: ("Exception", "Bad gateway"),
    503: ("Exception", "Service unavailable"),
}


class GovukNotify(Account):
    """A service at GOV.UK Notify."""

    name = "govuk_notify"
    ways = Ways(words_are_codes=True)
    MEANINGS: ClassVar[Mapping[str, Meaning]] = {
        "created": means(Status.SENT),
        "sending": means(Status.SENT),
        "pending": means(Status.DEFERRED),
        "sent": means(Status.UNCONFIRMED),
        "delivered": means(Status.DELIVERED),
        "permanent-failure": means(Status.HARD_BOUNCED, why=Reason.INVALID_ADDRESS),
        "temporary-failure": means(*GIVEN_UP, why=Reason.UNREACHABLE),
        "technical-failure": means(Status.NOT_SENT, why=Reason.UNKNOWN),
        "pending-virus-check": means(Status.PENDING),
        "accepted": means(Status.SENT),
        "received": means(Status.UNCONFIRMED),
        "cancelled": means(Status.NOT_SENT, why=Reason.CANCELED),
        "virus-scan-failed": means(Status.NOT_SENT, why=Reason.CONTENT_REJECTED),
        "validation-failed": means(Status.NOT_SENT, why=Reason.CONTENT_REJECTED),
    }
    FATES = (
        Fate("email_delivered", EMAIL, 60, ((0, "created"), (0.1, "sending"), (1, "delivered"))),
        Fate("email_no_such_address", EMAIL, 3, ((0, "created"), (0.1, "sending"), (0.5, "permanent-failure"))),
        Fate("email_inbox_full", EMAIL, 3, ((0, "created"), (0.1, "sending"), (1, "temporary-failure"))),
        Fate("email_trouble", EMAIL, 1, ((0, "created"), (0.6, "technical-failure"))),
        Fate("email_sending_for_ever", EMAIL, 2, ((0, "created"), (0.1, "sending"))),
        Fate("sms_delivered", SMS, 60, ((0, "created"), (0.1, "sending"), (0.8, "delivered"))),
        Fate("sms_delivered_late", SMS, 5, ((0, "created"), (0.1, "sending"), (0.4, "pending"), (1, "delivered"))),
        Fate("sms_phone_off", SMS, 3, ((0, "created"), (0.1, "sending"), (0.5, "pending"), (1, "temporary-failure"))),
        Fate("sms_wrong_number", SMS, 3, ((0, "created"), (0.1, "sending"), (0.4, "permanent-failure"))),
        Fate("sms_trouble", SMS, 1, ((0, "created"), (0.5, "technical-failure"))),
        Fate("sms_abroad", SMS, 3, ((0, "created"), (0.1, "sending"), (0.6, "sent"))),
        Fate("sms_pending_for_ever", SMS, 2, ((0, "created"), (0.1, "sending"), (0.4, "pending"))),
        Fate("sms_created_for_ever", SMS, 1, ((0, "created"),)),
        Fate("letter_posted", LETTER, 20, ((0, "pending-virus-check"), (0.2, "accepted"), (1, "received"))),
        Fate("letter_held_for_ever", LETTER, 1, ((0, "pending-virus-check"),)),
        Fate("letter_virus", LETTER, 1, ((0, "pending-virus-check"), (0.3, "virus-scan-failed"))),
        Fate("letter_not_valid", LETTER, 1, ((0, "pending-virus-check"), (0.4, "validation-failed"))),
        Fate("letter_cancelled", LETTER, 1, ((0, "accepted"), (0.5, "cancelled"))),
        Fate("letter_trouble", LETTER, 1, ((0, "accepted"), (0.7, "technical-failure"))),
    )

    def __init__(self, world: World, skew: timedelta) -> None:
        super().__init__(world, skew)
        self._by_reference: dict[str, list[Message]] = {}

    def add(self, message: Message) -> None:
        """Take it in, under its reference too."""
        super().add(message)
        self._by_reference.setdefault(message.reference, []).append(message)

    def new_settings(self, chance: random.Random) -> dict[str, str]:
        """An API key: its name, the service's id and the secret."""
        return {"api_key": f"practice-{uuid(chance)}-{uuid(chance)}"}

    def routes(self) -> Iterable[Route]:
        """Notifications, and one of them."""
        return (
            Route("GET", "/v2/notifications", self._list),
            Route("GET", "/v2/notifications/{id}", self._look_up),
        )

    def refusal(self, request: web.Request) -> web.Response | None:
        """A token must be signed with the secret, and be fresh."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return refused(401, "AuthError", "Unauthorized: authentication token must be provided")
        key = self.settings["api_key"]
        service, secret = key[-73:-37], key[-36:]
        try:
            claims = jwt.decode(token, secret, ["HS256"], options={"verify_iat": False, "require": ["iss", "iat"]})
        except jwt.PyJWTError:
            return refused(403, "AuthError", "Invalid token: API key not found")
        if claims["iss"] != service or not isinstance(claims["iat"], int | float):
            return refused(403, "AuthError", "Invalid token: service not found")
        if abs(self.theirs(self.now).timestamp() - claims["iat"]) > FRESH:
            text = "Error: Your system clock must be accurate to within 30 seconds"
            return refused(403, "AuthError", text)
        return None

    def error(self, status: int) -> web.Response:
        """Notify's shape of an error."""
        return refused(status, *ERRORS[status])

    def new_id(self, chance: random.Random) -> str:
        """The id of a notification."""
        return uuid(chance)

    async def _look_up(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        if not _is_uuid(name):
            return refused(400, "ValidationError", "id is not a valid UUID")
        found = self.by_id.get(name.lower())
        said = self.present(found[0]) if found else None
        if not found or said is None:
            return self.error(404)
        return json(self._plain(found[0], said))

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        wanted = set(query.getall("status", []))
        older_than = query.get("older_than")
        if unknown := wanted - STATUSES:
            text = f"status {min(unknown)} is not one of [{', '.join(sorted(STATUSES))}]"
            return refused(400, "ValidationError", text)
        if older_than is not None and not _is_uuid(older_than):
            return refused(400, "ValidationError", "older_than is not a valid UUID")
        wanted |= FAILED if "failed" in wanted else set()
        page: list[tuple[Message, Said]] = []
        for message, said in self._newest(older_than, query.get("reference")):
            if _fits(message, said, query.get("template_type"), wanted):
                page.append((message, said))
                if len(page) == PAGE:
                    break
        return json(self._page(request, page))

    def _newest(self, older_than: str | None, reference: str | None) -> Iterator[tuple[Message, Said]]:
        """What is shown of every notification that is older than that; nothing if that is not there any more."""
        last = self.by_id.get(older_than.lower()) if older_than is not None else None
        end = len(self.messages) if older_than is None else last[0].number if last else 0
        if last and self.chance.happens_once(last[0], "repeated"):
            end += 1
        known = self.messages[:end] if reference is None else self._by_reference.get(reference, [])
        for message in reversed(known):
            said = self.present(message) if message.number < end else None
            if said is not None:
                yield message, said

    def _page(self, request: web.Request, page: list[tuple[Message, Said]]) -> dict[str, object]:
        links = {"current": str(request.url)}
        if page:  # the last page has a next one too, which is empty
            links["next"] = str(request.url.update_query(older_than=page[-1][0].provider_id))
        return {"notifications": [self._plain(message, said) for message, said in page], "links": links}

    def _plain(self, message: Message, said: Said) -> dict[str, object]:
        times = {name: self._time(message, said, words) for name, words in TIMES.items()}
        is_letter = message.channel is Channel.LETTER
        return {
            "id": message.provider_id,
            "reference": message.reference or None,
            "email_address": message.recipient if message.channel is Channel.EMAIL else None,
            "phone_number": message.recipient if message.channel is Channel.SMS else None,
            "line_1": message.recipient if is_letter else None,
            "postage": "second" if is_letter else None,
            "type": message.channel.word,
            "status": said.word,
            "template": {"id": TEMPLATE, "version": 1, "uri": f"/v2/template/{TEMPLATE}"},
            "body": "A message to practise on",
            "subject": None if message.channel is Channel.SMS else "Practice",
            "created_at": _iso(self.theirs(message.sent_at)),
            "created_by_name": None,
            "scheduled_for": None,
            **times,
        }

    def _time(self, message: Message, said: Said, words: frozenset[str]) -> str | None:
        """When the first of `words` was reached, as far as is shown."""
        reached = (one.at for one in message.says[: said.number + 1] if one.word in words)
        first = next(reached, None)
        return None if first is None else _iso(self.theirs(first))


TEMPLATE = "f33517ff-2a88-4f6e-b855-c550268ce08a"

TIMES = {
    "sent_at": frozenset({"sending", "accepted"}),
    "completed_at": frozenset({"delivered", "sent", "received", "cancelled", *FAILED}),
}


def _fits(message: Message, said: Said, kind: str | None, statuses: set[str]) -> bool:
    return (kind is None or kind == message.channel.word) and (not statuses or said.word in statuses)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def refused(status: int, error: str, text: str) -> web.Response:
    """An answer that says no."""
    return json({"status_code": status, "errors": [{"error": error, "message": text}]}, status)

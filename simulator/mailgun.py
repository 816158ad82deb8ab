"""Mailgun: a feed of events in pages, with a filter by message. Late events are inserted where their time puts them.

https://github.com/mailgun/documentation `source/api-events.rst` and https://github.com/mailgun/mailgun-go `events/`
(both read November 2026).
"""

import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import ClassVar

import msgspec
from aiohttp import web

from rules.statuses import Channel, Engagement, Reason, Status
from simulator.account import Account, Route, World
from simulator.exchange import basic, json
from simulator.fates import Fate, Meaning, means
from simulator.made_up import token
from simulator.mailgun_feed import Event, Feed, Query, first_query
from simulator.message import Message, Said
from simulator.timeline import Ways

EMAIL = (Channel.EMAIL,)

ACCEPTED = (0.0, "accepted")

FULL = "4.2.2 The email account that you tried to reach is over quota"

UNKNOWN_USER = "5.1.1 The email account that you tried to reach does not exist"


class Mailgun(Account):
    """A domain at Mailgun."""

    name = "mailgun"
    ways = Ways(feed=True, streams=True)
    has_parts = True
    #: Event, severity, reason and more, joined by full stops; then the code.
    MEANINGS: ClassVar[Mapping[str, Meaning]] = {
        "accepted": means(Status.SENT),
        "delivered 250": means(Status.DELIVERED, text="OK", is_attempt=True),
        "rejected": means(Status.NOT_SENT, why=Reason.UNKNOWN, text="Incorrect attachment"),
        "failed.temporary.greylisted 451": means(
            Status.DEFERRED, why=Reason.POLICY, text="4.7.1 Greylisted, try again later", is_attempt=True
        ),
        "failed.temporary.generic 452": means(Status.SOFT_BOUNCED, why=Reason.MAILBOX_FULL, text=FULL, is_attempt=True),
        "failed.permanent.bounce 550": means(
            Status.HARD_BOUNCED, why=Reason.INVALID_ADDRESS, text=UNKNOWN_USER, is_attempt=True
        ),
        "failed.permanent.bounce.delayed 550": means(
            Status.HARD_BOUNCED, why=Reason.INVALID_ADDRESS, text=UNKNOWN_USER
        ),
        "failed.permanent.old 602": means(Status.EXPIRED, why=Reason.VALIDITY_EXPIRED, text="Too old"),
        "failed.permanent.espblock 554": means(
            Status.FAILED, why=Reason.POLICY, text="5.7.1 Refused by local policy", is_attempt=True
        ),
        "failed.permanent.suppress-bounce 605": means(
            Status.NOT_SENT, why=Reason.SUPPRESSED, text="Not delivering to previously bounced address"
        ),
        "failed.permanent.suppress-complaint 607": means(
            Status.NOT_SENT, why=Reason.SUPPRESSED, text="Not delivering to a user who marked your messages as spam"
        ),
        "failed.permanent.suppress-unsubscribe 606": means(
            Status.NOT_SENT, why=Reason.OPTED_OUT, text="Not delivering to unsubscribed address"
        ),
        "opened": means(did=Engagement.READ),
        "opened.machine": means(did=Engagement.MACHINE_OPENED),
        "clicked": means(did=Engagement.CLICKED),
        "complained": means(did=Engagement.COMPLAINED),
        "unsubscribed": means(did=Engagement.OPTED_OUT),
    }
    FATES = (
        Fate("delivered", EMAIL, 40, (ACCEPTED, (0.6, "delivered 250"))),
        Fate("opened", EMAIL, 15, (ACCEPTED, (0.3, "delivered 250"), (1, "opened"))),
        Fate("machine_opened", EMAIL, 10, (ACCEPTED, (0.4, "delivered 250"), (0.5, "opened.machine"))),
        Fate("clicked", EMAIL, 8, (ACCEPTED, (0.3, "delivered 250"), (0.8, "opened"), (1, "clicked"))),
        Fate("complained", EMAIL, 2, (ACCEPTED, (0.3, "delivered 250"), (1, "complained"))),
        Fate("unsubscribed", EMAIL, 2, (ACCEPTED, (0.3, "delivered 250"), (0.7, "opened"), (1, "unsubscribed"))),
        Fate("greylisted", EMAIL, 5, (ACCEPTED, (0.2, "failed.temporary.greylisted 451"), (1, "delivered 250"))),
        Fate("full_for_a_while", EMAIL, 3, (ACCEPTED, (0.2, "failed.temporary.generic 452"), (1, "delivered 250"))),
        Fate(
            "full_until_given_up",
            EMAIL,
            3,
            (
                ACCEPTED,
                (0.2, "failed.temporary.generic 452"),
                (0.5, "failed.temporary.generic 452"),
                (1, "failed.permanent.old 602"),
            ),
        ),
        Fate("unknown_user", EMAIL, 4, (ACCEPTED, (0.3, "failed.permanent.bounce 550"))),
        Fate(
            "bounced_after_delivered",
            EMAIL,
            2,
            (ACCEPTED, (0.3, "delivered 250"), (1, "failed.permanent.bounce.delayed 550")),
        ),
        Fate("blocked", EMAIL, 2, (ACCEPTED, (0.4, "failed.permanent.espblock 554"))),
        Fate("bounced_before", EMAIL, 2, (ACCEPTED, (0.1, "failed.permanent.suppress-bounce 605"))),
        Fate("complained_before", EMAIL, 1, (ACCEPTED, (0.1, "failed.permanent.suppress-complaint 607"))),
        Fate("unsubscribed_before", EMAIL, 1, (ACCEPTED, (0.1, "failed.permanent.suppress-unsubscribe 606"))),
        Fate("rejected", EMAIL, 1, ((0.1, "rejected"),)),
        Fate("greylisted_for_ever", EMAIL, 2, (ACCEPTED, (0.3, "failed.temporary.greylisted 451"))),
        Fate("full_for_ever", EMAIL, 2, (ACCEPTED, (0.3, "failed.temporary.generic 452"))),
        Fate("silent", EMAIL, 1, (ACCEPTED,)),
    )

    def __init__(self, world: World, skew: timedelta) -> None:
        super().__init__(world, skew)
        self._feed = Feed()

    def new_settings(self, chance: random.Random) -> dict[str, str]:
        """The private key, and the domain."""
        return {"api_key": f"key-{token(chance, 32)}", "domain": f"mg{chance.randrange(100)}.example.org"}

    def routes(self) -> Iterable[Route]:
        """Events, and their further pages."""
        return (
            Route("GET", "/v3/{domain}/events", self._first),
            Route("GET", "/v3/{domain}/events/{page}", self._next),
        )

    def refusal(self, request: web.Request) -> web.Response | None:
        """User `api` with the private key; the domain must be the account's."""
        settings = self.settings
        if basic(request) != ("api", settings["api_key"]):
            return web.Response(status=401, text="Forbidden", headers={"WWW-Authenticate": 'Basic realm="MG API"'})
        domain = request.match_info["domain"]
        return None if domain == settings["domain"] else json({"message": f"Domain not found: {domain}"}, 404)

    def error(self, status: int) -> web.Response:
        """Mailgun's shape of an error."""
        return json({"message": "Too many requests" if status == 429 else "Internal Server Error"}, status)  # noqa: PLR2004

    def new_id(self, chance: random.Random) -> str:
        """The message's id without its angle brackets."""
        return f"{chance.randrange(10**14):014}.{token(chance, 16).lower()}@{self.settings['domain']}"

    def add(self, message: Message) -> None:
        """Put its events into the feed, from where they show when their time has come."""
        super().add(message)
        chance = self.chance.of(f"events {message.provider_id} {message.part}")
        for said in message.says:
            self._feed.add(Event(self.theirs(said.at).timestamp(), token(chance, 22), message, said))

    async def _first(self, request: web.Request) -> web.Response:
        try:
            query = first_query(request.query)
        except ValueError as error:
            return json({"message": str(error)}, 400)
        return self._page(request, query)

    async def _next(self, request: web.Request) -> web.Response:
        try:
            query = msgspec.json.decode(urlsafe_b64decode(request.match_info["page"]), type=Query)
        except (ValueError, msgspec.DecodeError):
            return json({"message": "Invalid page"}, 400)
        return self._page(request, query)

    def _page(self, request: web.Request, query: Query) -> web.Response:
        page = self._feed.page(query, self._is_shown)
        for event in page:
            self.told(event.message, event.said)
        items = [self._plain(event) for event in page]
        if self.chance.happens("repeated", on=0 < len(items) < query.limit):
            place = self.chance.pick(len(items))
            items.insert(place, items[place])
        first, last = (page[0].key, page[-1].key) if page else (query.after, query.after)
        plain = {
            "first": msgspec.structs.replace(query, after=None, before=None),
            "last": msgspec.structs.replace(query, ascending=not query.ascending, after=None, before=None),
            "next": msgspec.structs.replace(query, after=last, before=None),
            "previous": msgspec.structs.replace(query, after=None, before=first),
        }
        paging = {name: self._address(request, one) for name, one in plain.items()}
        return json({"items": items, "paging": paging})

    def _address(self, request: web.Request, query: Query) -> str:
        page = urlsafe_b64encode(msgspec.json.encode(query)).decode()
        return f"{request.url.origin()}/v3/{self.settings['domain']}/events/{page}"

    def _is_shown(self, event: Event, query: Query) -> bool:
        said = event.said
        if said.shown_at > self.now:
            return False
        if said.is_missing and not query.names_message:
            self.miss(said)
            return False
        return True

    def _plain(self, event: Event) -> dict[str, object]:
        message, said = event.message, event.said
        name, severity, reason, rest = (*said.word.split("."), "", "", "")[:4]
        plain: dict[str, object] = {
            "event": name,
            "id": event.id,
            "timestamp": event.timestamp,
            "log-level": "info",
            "recipient": message.recipient,
            "recipient-domain": message.recipient.rpartition("@")[2],
            "message": {"headers": {"message-id": message.provider_id, "to": message.recipient, "subject": "Practice"}},
            "flags": {"is-test-mode": False, "is-authenticated": True},
            "tags": [],
            "user-variables": {"reference": message.reference} if message.reference else {},
        }
        if name in {"opened", "clicked"}:
            plain["client-info"] = {"client-type": "browser", "bot": "apple" if severity else ""}
        if name == "rejected":
            plain["reject"] = {"reason": said.meaning.text, "description": ""}
        if name in {"delivered", "failed"}:
            plain["delivery-status"] = _delivery(said)
        if name == "failed":
            plain |= {"severity": severity, "reason": reason, "log-level": "error" if said.meaning.settles else "warn"}
        if rest:
            plain["flags"] = {"is-delayed-bounce": True}
        return plain


def _delivery(said: Said) -> dict[str, object]:
    enhanced, _, _ = said.meaning.text.partition(" ")
    plain: dict[str, object] = {
        "code": int(said.code),
        "message": said.meaning.text,
        "description": "",
        "session-seconds": 0.4,
    }
    if said.attempt:
        plain |= {"attempt-no": said.attempt, "mx-host": "mx.example.com"}
    if enhanced[:1].isdecimal():
        plain["enhanced-code"] = enhanced
    if said.word.startswith("failed.temporary"):
        plain["retry-seconds"] = 600
    return plain

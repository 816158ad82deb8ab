"""Mailgun: a feed of events in pages, with a filter by message. Late events are inserted where their time puts them.

https://github.com/mailgun/documentation `source/api-events.rst` and https://github.com/mailgun/mailgun-go `events/`
(both read November 2026).
"""

import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import ClassVar

import msgspec
from aiohttp import web

from rules.statuses import Channel, Engagement, Reason, Status
from simulator.account import Account, Route, World, basic, json, token
from simulator.fates import Fate, Meaning, means
from simulator.message import Message, Said
from simulator.timeline import Ways

EMAIL = (Channel.EMAIL,)

#: Events on a page: most, and unless the client says otherwise.
MOST, PAGE = 300, 100

ACCEPTED = (0.0, "accepted")

FULL = "4.2.2 The email account that you tried to reach is over quota"

UNKNOWN_USER = "5.1.1 The email account that you tried to reach does not exist"


@dataclass(frozen=True, order=True, slots=True)
class Event:
    """One event in the feed, in its order: by time, then by id."""

    timestamp: float
    id: str
    message: Message = field(compare=False)
    said: Said = field(compare=False)

    @property
    def key(self) -> tuple[float, str]:
        """Its place."""
        return self.timestamp, self.id


class Query(msgspec.Struct, frozen=True):
    """What a page shows: a range of time, a direction, filters, and the place where it begins."""

    ascending: bool
    begin: float | None = None
    end: float | None = None
    limit: int = PAGE
    filters: tuple[tuple[str, str], ...] = ()
    after: tuple[float, str] | None = None
    before: tuple[float, str] | None = None


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
        self._events: list[Event] = []
        self._events_of: dict[str, list[Event]] = {}

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
        chance = self.random(f"events {message.provider_id} {message.part}")
        for said in message.says:
            event = Event(self.theirs(said.at).timestamp(), token(chance, 22), message, said)
            insort(self._events, event)
            insort(self._events_of.setdefault(message.provider_id, []), event)

    async def _first(self, request: web.Request) -> web.Response:
        try:
            query = _query(request.query)
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
        page = self._select(query)
        for event in page:
            self.told(event.message, event.said)
        items = [self._plain(event) for event in page]
        if self.happens("repeated", on=0 < len(items) < query.limit):
            place = self.pick(len(items))
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

    def _select(self, query: Query) -> list[Event]:
        """The events of a page, in its order."""
        back = query.before is not None
        page: list[Event] = []
        for event in self._from(query, ascending=query.ascending != back):
            if not _is_within(event, query):
                break
            if self._is_shown(event, dict(query.filters)):
                page.append(event)
                if len(page) == query.limit:
                    break
        return page[::-1] if back else page

    def _from(self, query: Query, *, ascending: bool) -> Iterator[Event]:
        """The events from where a page begins, in one direction."""
        wanted = dict(query.filters).get("message-id")
        is_one = wanted is not None and " " not in wanted
        events = self._events_of.get((wanted or "").strip('"'), []) if is_one else self._events
        place = query.before or query.after
        if ascending:
            begin = query.begin if query.ascending else query.end
            start = (
                bisect_left(events, begin or 0.0, key=_time) if place is None else bisect_right(events, place, key=_key)
            )
            yield from events[start:]
        else:
            end = query.begin if not query.ascending else query.end
            stop = bisect_left(events, place, key=_key) if place else len(events)
            stop = min(stop, bisect_right(events, end, key=_time)) if end is not None else stop
            yield from reversed(events[:stop])

    def _is_shown(self, event: Event, filters: Mapping[str, str]) -> bool:
        said = event.said
        if said.shown_at > self.now or not _fits(event, filters):
            return False
        if said.is_missing and "message-id" not in filters:
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


#: What an event's own field is called that a filter names.
FILTERS = ("event", "message-id", "recipient", "severity", "to")


def _query(given: Mapping[str, str]) -> Query:
    """The query of a first page. ValueError says what is wrong with it."""
    begin, end = _moment(given.get("begin")), _moment(given.get("end"))
    direction = given.get("ascending")
    if direction not in {None, "yes", "no", "true", "false"}:
        raise ValueError("ascending must be yes or no")
    if begin is not None and end is None and direction is None:
        raise ValueError("ascending is required where there is no end")
    up = direction in {"yes", "true"} if direction else begin is not None and end is not None and begin < end
    if begin is not None and end is not None and (begin < end) != up and begin != end:
        raise ValueError("begin, end and ascending contradict each other")
    limit = given.get("limit", str(PAGE))
    if not limit.isdecimal() or not 0 < int(limit) <= MOST:
        raise ValueError(f"limit must be between 1 and {MOST}")
    filters = tuple((name, given[name]) for name in FILTERS if given.get(name))
    return Query(up, begin, end, int(limit), filters)


def _moment(text: str | None) -> float | None:
    """Seconds since 1970, or a time as mails write it. ValueError if it is neither."""
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return parsedate_to_datetime(text).timestamp()


def _is_within(event: Event, query: Query) -> bool:
    """Whether an event lies in the range of time, of which the two ends may come in either order."""
    ends = (query.begin, query.end) if query.ascending else (query.end, query.begin)
    return (ends[0] is None or event.timestamp >= ends[0]) and (ends[1] is None or event.timestamp <= ends[1])


def _fits(event: Event, filters: Mapping[str, str]) -> bool:
    if not filters:
        return True
    name, severity = (*event.said.word.split("."), "")[:2]
    recipient = event.message.recipient.lower()
    fields = {
        "event": name,
        "message-id": event.message.provider_id,
        "recipient": recipient,
        "severity": severity if name == "failed" else "",
        "to": recipient,
    }
    return all(_matches(fields[name], wanted) for name, wanted in filters.items())


def _matches(value: str, wanted: str) -> bool:
    """Whether a filter allows a value: a word, or several joined by OR, quoted or not."""
    words = (word.strip().strip('"').lower() for word in wanted.strip("()").split(" OR "))
    return value.lower() in words


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


def _time(event: Event) -> float:
    return event.timestamp


def _key(event: Event) -> tuple[float, str]:
    return event.key

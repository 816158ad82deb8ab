"""Mailgun's feed: every event in its place, and the pages that a query cuts out of it."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import msgspec

from simulator.message import Message, Said

#: Events on a page: most, and unless the client says otherwise.
MOST, PAGE = 300, 100

#: What an event's own field is called that a filter names.
FILTERS = ("event", "message-id", "recipient", "severity", "to")


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

    @property
    def names_message(self) -> bool:
        """Whether it asks for the events of a message."""
        return any(name == "message-id" for name, _ in self.filters)


class Feed:
    """All events, the oldest first; and those of each message."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._of: dict[str, list[Event]] = {}

    def add(self, event: Event) -> None:
        """Put an event where its time belongs."""
        insort(self._events, event)
        insort(self._of.setdefault(event.message.provider_id, []), event)

    def page(self, query: Query, is_shown: Callable[[Event, Query], bool]) -> list[Event]:
        """The events of a page, in its order, of those that are shown."""
        back = query.before is not None
        page, filters = list[Event](), dict(query.filters)
        for event in self._from(query, ascending=query.ascending != back):
            if not _is_within(event, query):
                break
            if _fits(event, filters) and is_shown(event, query):
                page.append(event)
                if len(page) == query.limit:
                    break
        return page[::-1] if back else page

    def _from(self, query: Query, *, ascending: bool) -> Iterator[Event]:
        """The events from where a page begins, in one direction."""
        wanted = dict(query.filters).get("message-id")
        is_one = wanted is not None and " " not in wanted
        events = self._of.get((wanted or "").strip('"'), []) if is_one else self._events
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


def first_query(given: Mapping[str, str]) -> Query:
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


def _time(event: Event) -> float:
    return event.timestamp


def _key(event: Event) -> tuple[float, str]:
    return event.key

"""Reading JSON answers: typed, bounded by what the provider documents, and one bad item never spoils a page."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import httpx
import msgspec

from adapters.base import Adapter, Page
from adapters.errors import Refused, Unreadable
from rules.reports import Report
from rules.statuses import Status

T = TypeVar("T")

OK, NOT_FOUND = 200, 404

#: What decoding raises on a body that is not the JSON that was promised. The last is for arrays nested too deeply.
MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

#: An ISO 8601 time with its zone, as JSON carries it. One without a zone is unreadable.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

#: A temporary refusal on which the provider has given up.
GIVEN_UP = (Status.SOFT_BOUNCED, Status.EXPIRED)


def decode(response: httpx.Response, shape: type[T], provider: str) -> T:
    """The body of `response` as `shape`. Raises Unreadable, naming the place but never the content."""
    try:
        return msgspec.json.decode(response.content, type=shape)
    except MALFORMED as error:
        msg = f"{provider}: the answer could not be read: {place(error)}; it is kept in the journal"
        raise Unreadable(msg) from error


def items(
    raws: Iterable[msgspec.Raw], shape: type[T], report: Callable[[T], Iterable[Report]]
) -> tuple[tuple[Report, ...], tuple[str, ...]]:
    """The reports of every item of a page, and for each item that could not be read what was wrong with it."""
    decoder = msgspec.json.Decoder(shape)
    reports: list[Report] = []
    unreadable: list[str] = []
    for number, raw in enumerate(raws, 1):
        try:
            reports.extend(_usable(report(decoder.decode(raw))))
        except (*MALFORMED, ValueError, OverflowError) as error:
            unreadable.append(f"item {number}: {place(error)}")
    return tuple(reports), tuple(unreadable)


def one(response: httpx.Response, shape: type[T], provider: str, report: Callable[[T], Iterable[Report]]) -> Page:
    """The answer about one message, without reports where it is not found. Raises Unreadable and Refused."""
    expect(response, provider, OK, NOT_FOUND)
    if response.status_code == NOT_FOUND:
        return Page()
    found = decode(response, shape, provider)
    try:
        return Page(_usable(report(found)))
    except (ValueError, OverflowError) as error:
        msg = f"{provider}: the answer could not be read: {place(error)}; it is kept in the journal"
        raise Unreadable(msg) from error


def next_page(asks: Adapter[Any], address: str) -> httpx.Request:
    """The request for the page at `address`, whole or from the root. Whether it may be sent, the sender decides.

    Raises Unreadable if it is no address.
    """
    try:
        if not address.startswith(("/", "http://", "https://")):
            raise ValueError  # noqa: TRY301  told below with the others
        return httpx.Request("GET", asks.url(address))
    except (httpx.InvalidURL, ValueError) as error:
        raise Unreadable(f"{asks.name}: the next page has no address; the answer is kept in the journal") from error


def utc(at: datetime | None) -> datetime | None:
    """`at` in UTC, in which it is if it has no zone. OverflowError if there is no such time."""
    if at is None:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _usable(reports: Iterable[Report]) -> tuple[Report, ...]:
    """The reports. ValueError if one names no message, or holds a zero character, which Postgres does not take."""
    made = tuple(reports)
    for said in made:
        if not (said.provider_id or said.reference):
            raise ValueError
        texts = (said.provider_id, said.part, said.reference, said.code, said.detail, said.response, said.unknown)
        if "\0" in "".join(texts):
            raise ValueError
    return made


def each(report: Report, statuses: Iterable[Status]) -> tuple[Report, ...]:
    """`report` once with each of `statuses`."""
    return tuple(replace(report, status=status) for status in statuses)


def place(error: Exception) -> str:
    """What was wrong and where, without what the answer said there."""
    if isinstance(error, msgspec.ValidationError):
        _, _, where = str(error).partition(" - at ")
        return f"wrong type at {where or 'the top'}"
    if isinstance(error, msgspec.DecodeError):
        return "it is not JSON"
    return "a value has the wrong form"


def expect(response: httpx.Response, provider: str, *statuses: int) -> None:
    """Raise Refused unless `response` has one of `statuses`."""
    if response.status_code not in statuses:
        msg = f"{provider} refused the request with status {response.status_code}; check the account's settings"
        raise Refused(msg)

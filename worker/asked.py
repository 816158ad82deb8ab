"""What was asked, as it is written down: in the looks, and in the journal so that an answer can be read again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx
import msgspec

from adapters.base import Ids, Limits, References, Since, Take, What, Window
from store.journal import Answer, Look
from worker.plan import Batch

#: Headers of an answer that are kept; others could hold a session or a key.
KEPT_HEADERS = ("content-type", "date", "retry-after")


def how(what: What, limits: Limits) -> str:
    """The word for the shape of a question."""
    match what:
        case Ids():
            return "lookup"
        case References():
            return "references"
        case Window():
            return "listing"
        case Since():
            return "feed"
        case Take():
            return "queue" if limits.queue else "drain"


def plain(what: What) -> dict[str, object]:
    """`what` as JSON values."""
    values = msgspec.to_builtins({name: getattr(what, name) for name in what.__dataclass_fields__})
    return {"shape": type(what).__name__.lower(), **values}


SHAPES: Mapping[str, type[What]] = {
    "ids": Ids,
    "references": References,
    "window": Window,
    "since": Since,
    "take": Take,
}


def parse(values: Mapping[str, object]) -> What:
    """The question that `plain` wrote down. Raises msgspec.ValidationError and KeyError."""
    fields = {name: value for name, value in values.items() if name != "shape"}
    return msgspec.convert(fields, SHAPES[str(values["shape"])], strict=False)


def answer(what: What, response: httpx.Response) -> Answer:
    """An answer in the form in which it is kept."""
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return Answer(plain(what), response.status_code, headers, response.content)


def span(what: What) -> tuple[datetime | None, datetime | None]:
    """The window of messages that a question covers, where it has one."""
    return (what.since, what.until) if isinstance(what, Window) else (None, None)


@dataclass(frozen=True, slots=True)
class Came:
    """What came of one request: a word for it, the HTTP status, how many reports, and the trouble if there was any."""

    result: str = "ok"
    status: int | None = None
    said: int = 0
    detail: str | None = None


def look(batch: Batch, limits: Limits, at: datetime, ended_at: datetime, messages: Sequence[int], came: Came) -> Look:
    """A request about `messages` as it is written down, sent `at`. Windows name their times, others their messages."""
    what = batch.what
    since, until = span(what)
    milliseconds = round((ended_at - at).total_seconds() * 1000)
    ids = tuple(messages) if since is None and messages else None
    covered = len(messages)
    how_asked = how(what, limits)
    return Look(
        at,
        how_asked,
        came.result,
        came.status,
        milliseconds,
        covered,
        came.said,
        since,
        until,
        ids,
        came.detail,
        batch.why,
        batch.pages,
        batch.instead,
    )

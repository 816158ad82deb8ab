"""The stream of what happened, in order, for a sending service to follow: in pages, or as server-sent events."""

import asyncio
import re
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Any, Self

import asyncpg
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse

from rules.statuses import Channel, Engagement, Mark, Reason, Source, Status
from rules.viewers import Viewer
from store import following, totals
from store.connections import LOST
from store.events import Position
from web.api.routing import router as new_router
from web.cursors import Limit
from web.lasting import lasting
from web.masking import seen_fields
from web.problem import Problem
from web.site import PATIENCE, Here, Live
from web.who import Reader

router: APIRouter = new_router("events")

#: Seconds between two looks for what is new while somebody follows, and between two signs of life.
PAUSE, ALIVE = 1.0, 15.0

#: Events read at once, and usually listed.
AT_ONCE, USUAL = 500, 500

#: What ends a line of the stream.
LINE = "\n"

_PLACE = re.compile(r"([0-9]{1,20})-([0-9]{1,19})")

#: The words of what can be heard.
WORDS = {kind.value: kind.word for family in (Status, Engagement, Mark) for kind in family}


class Event(BaseModel):
    """Something that was said of a message, and what it changed."""

    place: str = Field(description="Where it stands in the stream; to go on after it.", examples=["81247-5523"])
    seen_at: datetime
    occurred_at: datetime
    account: str = Field(examples=["alerts"])
    message: int = Field(description="The number of the message.", examples=[4711])
    channel: str | None = Field(examples=["sms"])
    provider_id: str | None = Field(examples=["SM0123456789abcdef"])
    part: str | None = Field(examples=[""])
    reference: str | None = Field(examples=["order-1042"])
    communication: str | None = Field(examples=["Flood warning 7"])
    source: str = Field(description="Who said it.", examples=["poll"])
    said: str = Field(description="A status, what the recipient did, or a mark of the sweep.", examples=["delivered"])
    was: str | None = Field(description="The status before.", examples=["sent"])
    changed: bool = Field(description="Whether it changed anything; nothing that is known better does.")
    reason: str | None = Field(examples=[None])
    code: str | None = Field(examples=[None])
    detail: str | None = Field(description="The provider's words.", examples=["delivered"])

    @classmethod
    def of(cls, viewer: Viewer, row: asyncpg.Record) -> Self:
        """An event as this viewer may see it."""
        fields: dict[str, Any] = {
            "provider_id": row["provider_id"],
            "part": row["part"],
            "reference": row["reference"],
            "code": row["code"] or None,
            "detail": row["detail"] or None,
        }
        given = ("seen_at", "occurred_at", "account", "message", "communication")
        return cls(
            **{name: row[name] for name in given},
            **seen_fields(viewer, fields, row["recipient"] or ""),
            place=_written(Position(row["xact"], row["position"])),
            channel=None if row["channel"] is None else Channel(row["channel"]).word,
            source=Source(row["source"]).word,
            said=WORDS[row["kind"]],
            was=None if row["from_status"] is None else Status(row["from_status"]).word,
            changed=row["applied"],
            reason=Reason(row["reason"]).word or None,
        )


class Events(BaseModel):
    """Some of the stream."""

    items: list[Event]
    next: str = Field(description="What to give as `after` next time.", examples=["81247-5523"])
    more: bool = Field(description="Whether there is more already.")


After = Annotated[
    str | None,
    Query(description="The place to go on after. Without it from the beginning of what is kept; `now` is the end."),
]
Everything = Annotated[bool, Query(alias="all", description="Also what changed nothing, because it was known better.")]
LastId = Annotated[str | None, Header(alias="last-event-id", description="As `after`; browsers send it.")]

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page, or with `Accept: text/event-stream` a stream that does not end: each event has its"
        " place as `id`, `change` as `event`, and its JSON as `data`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get("/events", response_model=Events, responses=_STREAM)
async def events(
    request: Request,
    live: Here,
    viewer: Reader,
    after: After = None,
    everything: Everything = False,
    limit: Limit = USUAL,
    last_event_id: LastId = None,
) -> Response | Events:
    """Follow what happens to messages. Each event comes once and in order, and none is passed over."""
    place = await _start(live, last_event_id or after)
    if "text/event-stream" in request.headers.get("accept", ""):
        stream = lasting(request, live, viewer, _stream(live, viewer, place, changes_only=not everything))
        return EventSourceResponse(stream, ping=ALIVE, sep=LINE, send_timeout=ALIVE * 2)
    async with live.pool.acquire(timeout=PATIENCE) as store:
        rows, following_place = await following.since(store, place, limit, changes_only=not everything)
    items = [Event.of(viewer, row) for row in rows]
    return Events(items=items, next=_written(following_place), more=len(rows) == limit)


async def _start(live: Live, written: str | None) -> Position:
    if written is None:
        return Position()
    if written == "now":
        async with live.pool.acquire(timeout=PATIENCE) as store:
            return await totals.place(store)
    found = _PLACE.fullmatch(written)
    if found is None or int(found[1]) >= 1 << 64 or int(found[2]) >= 1 << 63:
        raise Problem(400, "this is no place in the stream; take it from `next`, or begin without one", "bad-cursor")
    return Position(found[1], int(found[2]))


def _written(at: Position) -> str:
    return f"{at.xact}-{at.position}"


async def _stream(
    live: Live, viewer: Viewer, place: Position, *, changes_only: bool
) -> AsyncGenerator[ServerSentEvent, None]:
    """Every event after a place, and those that come."""
    while True:
        try:
            async with live.pool.acquire(timeout=PATIENCE) as store:
                rows, place = await following.since(store, place, AT_ONCE, changes_only=changes_only)
        except LOST:
            return  # the reader comes again with the last place
        for row in rows:
            event = Event.of(viewer, row)
            yield ServerSentEvent(event.model_dump_json(), event="change", id=event.place, sep=LINE)
        if len(rows) < AT_ONCE:
            await asyncio.sleep(PAUSE)

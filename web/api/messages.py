"""Messages: over all communications, one by its number or its names, and its story."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from rules.hashing import Hashing
from rules.recipients import normal
from rules.statuses import Channel
from store import everywhere, hashing, listing, messages
from store.connections import Connection, clock
from store.everywhere import Sought
from store.listing import Filter, Span
from store.story import tell
from web import etags
from web.api import shapes
from web.api.routing import router as new_router
from web.api.shapes import Message
from web.api.wanted import (
    AccountName,
    ChannelWord,
    StatusWords,
    VocabularyName,
    account_of,
    among,
    aware,
    channel_of,
    invalid,
    only_unmasked,
    statuses_of,
    vocabulary_of,
)
from web.cursors import USUAL, Cursor, Limit, Page, next_page, place_of
from web.masking import seen_story
from web.problem import Problem
from web.site import Here, Store
from web.who import Reader

router: APIRouter = new_router("messages")

#: Messages of one name: those of one provider id that covers many recipients.
NAMESAKES = 1000

NOT_HERE = "no message has that number; is it recorded? A worker takes rows in, and settled messages may leave by age"


class Story(BaseModel):
    """Everything about a message: what it is, what was heard and asked and when, and what is next."""

    message: dict[str, Any] = Field(examples=[{"number": 4711, "status": "sent"}])
    story: list[dict[str, Any]] = Field(
        description="Each report (`kind` is `report`) and each look that covered it (`look`), oldest first.",
        examples=[[{"kind": "report", "said": "sent", "applied": True}]],
    )
    next: dict[str, Any] = Field(description="What is asked next and when, if it is open.", examples=[{"open": False}])


@router.get("/messages")
async def list_messages(
    request: Request,
    response: Response,
    live: Here,
    store: Store,
    viewer: Reader,
    account: AccountName = None,
    channel: ChannelWord = None,
    status: StatusWords = None,
    recipient: Annotated[
        str | None, Query(max_length=500, description="Everything sent to one recipient; goes with `channel` only.")
    ] = None,
    since: Annotated[datetime | None, Query(description="Only those recorded from then on.")] = None,
    until: Annotated[datetime | None, Query(description="Only those recorded before.")] = None,
    vocabulary: VocabularyName = None,
    limit: Limit = USUAL,
    cursor: Cursor = "",
) -> Page[Message]:
    """List messages over all communications, the newest first. A page of a rare status may be empty and have a next."""
    _, words = vocabulary_of(live, vocabulary)
    place = place_of(live, "messages", cursor)
    before = int(place[0]) if place else listing.LAST
    wanted = Filter(await account_of(store, account), channel_of(channel))
    if only_unmasked(viewer, recipient):
        if account or status or since or until:
            raise invalid("query.recipient", "goes with channel only")
        hashes = await hashing.agreed(store, live.site.hashing)
        rows, on = await _to(store, str(recipient), hashes, wanted.channel, limit, before)
    else:
        span = Span(aware(since, "query.since"), aware(until, "query.until"))
        statuses = statuses_of(status)
        chosen = None if statuses is None else partial(among, statuses=statuses)
        part = await everywhere.older(store, Sought(wanted, span, chosen), limit, before)
        rows, on = part.rows, part.on
    following = next_page(request, response, live, "messages", None if on is None else [on])
    return Page(items=[shapes.message(viewer, words, row) for row in rows], next=following)


async def _to(
    store: Connection, recipient: str, hashes: Hashing, channel: Channel | None, limit: int, before: int
) -> tuple[list[asyncpg.Record], int | None]:
    """Messages to one recipient, and the id before which to go on."""
    spelled = normal(recipient)
    hashed = None if hashes.key is None else hashes.hash(spelled)
    rows = await listing.to_recipient(store, spelled, hashed, channel, limit + 1, before)
    return rows[:limit], rows[limit - 1]["id"] if len(rows) > limit else None


@router.get("/messages/by-name")
async def by_name(
    live: Here,
    store: Store,
    viewer: Reader,
    reference: Annotated[str | None, Query(max_length=500, description="What the sending service calls it.")] = None,
    provider_id: Annotated[str | None, Query(max_length=500, description="What the provider calls it.")] = None,
    account: AccountName = None,
    part: Annotated[str | None, Query(max_length=500, description="The recipient, where an id covers several.")] = None,
    vocabulary: VocabularyName = None,
) -> Page[Message]:
    """Find messages by the sender's reference or by the provider's id. Of different accounts several may have it."""
    if (reference is None) == (provider_id is None):
        raise invalid("query", "give reference or provider_id")
    only_unmasked(viewer, part)
    _, words = vocabulary_of(live, vocabulary)
    number = await account_of(store, account)
    name = str(reference or provider_id)
    field = "provider_id" if reference is None else "reference"
    rows = [
        row
        for row in await listing.named(store, name, None, None, NAMESAKES)
        if row[field] == name and number in (None, row["account_number"]) and part in (None, row["part"])
    ]
    return Page(items=[shapes.message(viewer, words, row) for row in rows], next=None)


@router.get("/messages/{number}", response_model=Message, responses={304: {"description": "It is the same."}})
async def message(
    request: Request, live: Here, store: Store, viewer: Reader, number: int, vocabulary: VocabularyName = None
) -> Response:
    """Tell how a message stands."""
    _, words = vocabulary_of(live, vocabulary)
    return etags.answer(request, shapes.message(viewer, words, await numbered(store, number)))


async def numbered(store: Connection, number: int) -> asyncpg.Record:
    """The row of a message. Raises Problem."""
    rows = await listing.named(store, str(number), None, None, NAMESAKES)
    row = next((row for row in rows if row["id"] == number), None)
    if row is None:
        raise Problem(404, NOT_HERE)
    return row


@router.get("/messages/{number}/story")
async def story(live: Here, store: Store, viewer: Reader, number: int) -> Story:
    """Tell everything about a message: every report, applied or not, every look, and what is next."""
    rows = [row for row in await messages.find(store, str(number)) if row["id"] == number]
    if not rows:
        raise Problem(404, NOT_HERE)
    told = await tell(store, rows[0], await clock(store), live.named_schedules)
    return Story.model_validate(seen_story(viewer, told.plain()))

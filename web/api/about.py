"""What the API says of itself: its description, the vocabularies, and what people changed."""

import json
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

from store import changes
from web import openapi
from web.api.routing import router as new_router
from web.cursors import USUAL, Cursor, Limit, Page, next_page, place_of
from web.site import Here, Store
from web.templating import render
from web.who import Anybody, Operator, Reader

router: APIRouter = new_router("about")

#: The description as a page.
page: APIRouter = APIRouter(include_in_schema=False)

#: More than any number of a change.
NEWEST = (1 << 63) - 1


class Vocabulary(BaseModel):
    """A product's words."""

    name: str = Field(examples=["crisis"])
    title: str = Field(examples=["Emergency communications"])
    is_usual: bool = Field(description="Whether it is used unless another is named.", examples=[True])


class Vocabularies(BaseModel):
    """All vocabularies."""

    items: list[Vocabulary]


class Change(BaseModel):
    """Something that a person or a program changed."""

    at: datetime
    by: str = Field(examples=["ada"])
    way: str = Field(description="`cli`, or how we know who it was.", examples=["session"])
    what: str = Field(examples=["account_paused"])
    subject: str = Field(examples=["alerts"])
    detail: dict[str, Any] = Field(examples=[{"channel": "sms", "addresses": 3}])


@router.get("/openapi.json", include_in_schema=False)
async def description(request: Request, viewer: Anybody) -> JSONResponse:
    """The API as OpenAPI describes it."""
    del viewer
    return JSONResponse(openapi.schema(request.app))


@page.get("/api-docs")
async def as_page(request: Request, viewer: Anybody) -> HTMLResponse:
    """The same for people."""
    del viewer
    return render(request, "api.html", api=openapi.sections(request.app))


@router.get("/vocabularies")
async def vocabularies(live: Here, viewer: Reader) -> Vocabularies:
    """List the vocabularies in whose words reports can be read."""
    del viewer
    known = live.site.vocabularies
    items = [
        Vocabulary(name=name, title=words.title, is_usual=name == live.site.vocabulary) for name, words in known.items()
    ]
    return Vocabularies(items=items)


@router.get("/changes")
async def list_changes(
    request: Request,
    response: Response,
    live: Here,
    store: Store,
    viewer: Operator,
    limit: Limit = USUAL,
    cursor: Cursor = "",
) -> Page[Change]:
    """List what people changed, the newest first."""
    del viewer
    place = place_of(live, "changes", cursor)
    rows = await changes.page(store, int(place[0]) if place else NEWEST, limit + 1)
    more, rows = len(rows) > limit, rows[:limit]
    names = ("at", "by", "way", "what", "subject")
    items = [Change(**{name: row[name] for name in names}, detail=json.loads(row["detail"])) for row in rows]
    return Page(items=items, next=next_page(request, response, live, "changes", [rows[-1]["id"]] if more else None))

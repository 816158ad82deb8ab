"""Places in lists, as programs give them back: sealed, as one may hold an address, and nobody may make one up."""

import json
from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from rules.sealing import Unsealed
from web.problem import Problem
from web.site import Live

T = TypeVar("T")

#: How many are in a page, at most and usually.
MOST, USUAL = 1000, 100

#: For a route: how many are wanted, and from which place on.
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many to list at most.")]
Cursor = Annotated[
    str, Query(max_length=4096, description="The place to go on from; it is in `next` of the page before.")
]

Place = Sequence[str | int]


class Page(BaseModel, Generic[T]):
    """Some of a list. There is more while `next` is there, also after a page without items."""

    items: list[T]
    next: str | None = Field(
        description="The address of the next page; null after the last one.",
        examples=["/api/v1/messages?limit=100&cursor=Zm9v"],
    )


def place_of(live: Live, kind: str, cursor: str) -> list[str | int]:
    """The place that a cursor of a kind of list means; empty for the beginning. Raises Problem."""
    if not cursor:
        return []
    try:
        found: list[str | int] = json.loads(live.seal.open(f"place in {kind}", cursor))
    except Unsealed:
        raise Problem(400, "this cursor is none of this list; begin without one", "bad-cursor") from None
    return found


def next_page(request: Request, response: Response, live: Live, kind: str, place: Place | None) -> str | None:
    """The address of the page after a place, also as a header; None if there is none."""
    if place is None:
        return None
    cursor = live.seal.close(f"place in {kind}", json.dumps(list(place)))
    url = request.url.include_query_params(cursor=cursor)
    address = f"{url.path}?{url.query}"
    response.headers["link"] = f'<{address}>; rel="next"'
    return address

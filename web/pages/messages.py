"""All messages over communications, the newest first: by time, account, channel and status, and by their names."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import Field
from starlette.responses import Response

from rules.labels import Vocabulary
from rules.statuses import Channel
from rules.viewers import Viewer
from store import everywhere, exports_everywhere, listing, reporting
from store import exports as files
from store.connections import Connection
from store.everywhere import Search, Sought
from store.listing import LAST, Filter, Span
from web.addresses import Typed, close_search, hashes, open_search
from web.files import file as written
from web.masking import seen
from web.problem import Problem
from web.site import Here, Live, Store
from web.templating import render
from web.vocabulary import choose, remember
from web.who import Reader
from web.wishes import BLANK, Asking, account_and_channel, chosen

router = APIRouter(include_in_schema=False)

#: Messages of a page.
SIZE = 100


class Wish(Asking):
    """Which messages are wanted."""

    since: Typed = ""
    until: Typed = ""

    @property
    def is_filtered(self) -> bool:
        """Whether not everything is wanted."""
        return super().is_filtered or bool(self.since or self.until)

    def given(self) -> dict[str, object]:
        """All but the labels by name, as it stands in an address."""
        return super().given() | {"since": self.since, "until": self.until}


class Asked(Wish):
    """What the address of the page says: after which message the page is, or before which."""

    after: int | None = Field(None, ge=0, le=LAST)
    before: int | None = Field(None, ge=0, le=LAST)


class Submitted(Wish):
    """What the form says: the name as it was typed."""

    text: Typed = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A page, and the places of the others. `back_to` is how far was searched where the page is not full."""

    rows: list[asyncpg.Record]
    after: int | None
    before: int | None
    is_first: bool
    back_to: datetime | None = None


@router.get("/messages")
async def messages(
    request: Request, live: Here, store: Store, viewer: Reader, wish: Annotated[Asked, Query()]
) -> HTMLResponse:
    """The page."""
    name, words = choose(request, live)
    accounts = await listing.accounts(store)
    sought = await _sought(live, store, viewer, wish, words)
    found = await _found(store, sought, wish)
    answer = render(
        request,
        "messages.html",
        wish=wish,
        text=open_search(live, viewer, wish.sought),
        since=_local(sought.span.since),
        until=_local(sought.span.until),
        columns=words.columns,
        chosen=name,
        vocabularies=live.site.vocabularies,
        channels=[channel.word for channel in Channel],
        labels=sorted(_labels(words)),
        accounts=sorted(accounts),
        lines=[(row, seen(viewer, reporting.line(words, row))) for row in found.rows],
        shown=reporting.shown,
        found=found,
        may_see=not viewer.masked,
    )
    remember(request, answer)
    return answer


@router.post("/messages")
async def search(live: Here, viewer: Reader, form: Annotated[Submitted, Form()]) -> RedirectResponse:
    """Where the page is of what somebody filters and searches for."""
    return RedirectResponse(f"/messages{form.query(sought=close_search(live, viewer, form.text))}", 303)


@router.get("/messages/files/{form}")
async def file(
    request: Request, live: Here, store: Store, viewer: Reader, form: files.Form, wish: Annotated[Wish, Query()]
) -> Response:
    """All that is filtered, as a file."""
    _, words = choose(request, live)
    sought = await _sought(live, store, viewer, wish, words)
    shown = partial(seen, viewer) if viewer.masked else None
    return written(
        live, "messages", form, lambda store: exports_everywhere.export(store, sought, words, form, shown=shown)
    )


async def _sought(live: Live, store: Connection, viewer: Viewer, wish: Wish, words: Vocabulary) -> Sought:
    account, channel = account_and_channel(wish, await listing.accounts(store))
    text = open_search(live, viewer, wish.sought)
    return Sought(
        Filter(account, channel),
        Span(_time("from", wish.since), _time("before", wish.until)),
        chosen(wish, words) if wish.statuses else None,
        Search.of(text, None if viewer.masked else await hashes(store, live)) if text else None,
    )


async def _found(store: Connection, sought: Sought, asked: Asked) -> Found:
    if asked.before is not None and sought.search is None:
        part = await everywhere.newer(store, sought, SIZE, asked.before)
        rows = part.rows
        older = rows[-1]["id"] if rows else min(asked.before + 1, LAST)
        newer = None if part.on is None else (rows[0]["id"] if len(rows) == SIZE else part.on)
        return Found(rows, older, newer, part.on is None)
    part = await everywhere.older(store, sought, SIZE, LAST if asked.after is None else asked.after)
    newer = None
    if asked.after is not None and sought.search is None:
        newer = part.rows[0]["id"] if part.rows else max(asked.after - 1, 0)
    back_to = None
    if part.on is not None and len(part.rows) < SIZE:
        back_to = await listing.recorded_at(store, sought.wanted.account, part.on)
    return Found(part.rows, part.on, newer, asked.after is None, back_to)


def _labels(words: Vocabulary) -> set[str]:
    """Everything that a message may be called."""
    return {row.label.text for row in words.rows} | ({BLANK} if words.blank else set())


def _time(name: str, text: str) -> datetime | None:
    """A time as a browser or a person writes it; UTC unless it says its zone. Raises Problem."""
    if not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Problem(422, f"recorded {name}: write a time like 2026-03-01T09:30, in UTC") from None


def _local(at: datetime | None) -> str:
    """A time as a field of a form has it."""
    return "" if at is None else at.replace(tzinfo=None).isoformat(timespec="seconds")

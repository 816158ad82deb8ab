"""A recipient: everything ever sent to one address, and what blocked it, with the proof."""

from dataclasses import dataclass, replace
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from rules.hashing import is_hash
from rules.statuses import Channel
from rules.viewers import Scope, Viewer
from store import blocking, listing, messages, reporting
from store.blocking import Block
from store.connections import Connection
from web import addresses
from web.addresses import Sealed, Typed, hashes
from web.masking import seen, seen_fields, seen_recipient
from web.pages.message import NOT_HERE
from web.problem import Problem
from web.site import Here, Live, Store
from web.templating import render
from web.vocabulary import choose, remember
from web.who import Reader

router = APIRouter(include_in_schema=False)

#: Messages of a page.
SIZE = 100

#: What was done a moment ago, and how it is told.
DONE = {
    "blocked": "The address is blocked.",
    "unblocked": "The address is unblocked. A message that is sent later can block it again.",
    "nothing": "Nothing has changed: it was so already.",
}


class Asked(BaseModel):
    """What the address of a page says: whose messages, before which, and what was done a moment ago."""

    who: Sealed = ""
    before: int = Field(listing.LAST, ge=1, le=listing.LAST)
    done: str = ""


@dataclass(frozen=True)
class Address:
    """The address of a page, as the switch of vocabularies takes it along."""

    path: str
    who: str = ""

    def fields(self) -> list[tuple[str, str]]:
        """What a form must send again."""
        return [("who", self.who)] if self.who else []

    def query(self, **more: object) -> str:
        """The address with something more."""
        given = [f"{name}={value}" for name, value in (("who", self.who), *more.items()) if value]
        return f"{self.path}?{'&'.join(given)}"


@router.get("/recipients")
async def recipients(
    request: Request, live: Here, store: Store, viewer: Reader, asked: Annotated[Asked, Query()]
) -> HTMLResponse:
    """The form, and what was found if somebody was searched for."""
    address = Address("/recipients", asked.who)
    if not asked.who:
        return render(request, "recipient.html", recipient="", address=address, viewer_may_see=not viewer.masked)
    found = await _found(live, store, viewer, addresses.open_(live, asked.who), asked.before)
    return _page(request, live, viewer, found, address, DONE.get(asked.done, ""))


@router.post("/recipients")
async def search(live: Here, viewer: Reader, recipient: Annotated[Typed, Form()] = "") -> RedirectResponse:
    """Where the recipient is that somebody searches for."""
    return RedirectResponse(f"/recipients?who={addresses.close(live, addresses.typed(viewer, recipient))}", 303)


@router.get("/messages/{number}/recipient")
async def of_message(
    request: Request, live: Here, store: Store, viewer: Reader, number: int, asked: Annotated[Asked, Query()]
) -> HTMLResponse:
    """Whom a message is for."""
    row = await messages.numbered(store, number)
    if row is None:
        raise Problem(404, NOT_HERE)
    if not row["recipient"]:
        raise Problem(404, "no recipient is recorded for this message")
    found = await _found(live, store, viewer, row["recipient"], asked.before)
    return _page(request, live, viewer, found, Address(f"/messages/{number}/recipient"))


@dataclass(frozen=True, slots=True)
class Found:
    """A recipient, what ever blocked it, and some of what was sent to it: that before an id."""

    recipient: str
    blocks: list[Block]
    rows: list[asyncpg.Record]
    is_first: bool
    more: bool


async def _found(live: Live, store: Connection, viewer: Viewer, recipient: str, before: int) -> Found:
    kept = await hashes(store, live)
    hashed = None if kept.key is None or is_hash(recipient) else kept.hash(recipient)
    rows = await listing.to_recipient(store, recipient, hashed, None, SIZE + 1, before)
    blocks = [_seen(viewer, block, recipient) for block in await blocking.history(store, kept, recipient)]
    return Found(recipient, blocks, rows[:SIZE], before == listing.LAST, len(rows) > SIZE)


def _page(request: Request, live: Live, viewer: Viewer, found: Found, address: Address, done: str = "") -> HTMLResponse:
    chosen, words = choose(request, live)
    rows = found.rows
    answer = render(
        request,
        "recipient.html",
        recipient=seen_recipient(viewer, found.recipient),
        sealed=addresses.close(live, found.recipient),
        address=address,
        viewer_may_see=not viewer.masked,
        may_change=viewer.may(Scope.OPERATE),
        blocks=found.blocks,
        blocked=[block.channel for block in found.blocks if block.since],
        channels=[channel.word for channel in Channel],
        used=Channel(rows[0]["channel"]).word if rows else "",
        columns=words.columns,
        chosen=chosen,
        vocabularies=live.site.vocabularies,
        lines=[(row, seen(viewer, reporting.line(words, row))) for row in rows],
        shown=reporting.shown,
        is_first=found.is_first,
        after=rows[-1]["id"] if found.more else None,
        done=done,
    )
    remember(request, answer)
    return answer


def _seen(viewer: Viewer, block: Block, recipient: str) -> Block:
    return replace(block, proofs=[seen_fields(viewer, one, recipient) for one in block.proofs])

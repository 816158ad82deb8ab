"""The suppression list: the addresses that are blocked, why, and what a person changes about that."""

import json
from collections.abc import AsyncGenerator
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel

from rules import cells
from rules.columns import CHANNELS
from rules.recipients import normal
from rules.sealing import Unsealed
from rules.statuses import Channel
from rules.viewers import Scope, Viewer
from store import blocking, suppression
from store.blocking import COLUMNS
from web import addresses
from web.addresses import Sealed, Typed, hashes
from web.by import by
from web.masking import seen_recipient, seen_text
from web.pages.recipient import DONE, SIZE
from web.problem import Problem
from web.site import Here, Live, Store
from web.streaming import Streamed
from web.templating import render
from web.who import Operator, Reader

router = APIRouter(include_in_schema=False)

PLACE = "place in the page of blocked addresses"

#: Addresses read at once for a file.
AT_ONCE = 2000


class Asked(BaseModel):
    """What the address of the page says: which addresses, after which, and what was done a moment ago."""

    channel: str = ""
    who: Sealed = ""
    after: Sealed = ""
    done: str = ""


class Change(BaseModel):
    """What a form says: which address on which channel, why, and from which page. An address is typed or sealed."""

    channel: Typed = ""
    recipient: Typed = ""
    address: Sealed = ""
    why: Typed = ""
    note: Typed = ""
    back: Typed = ""


@router.get("/suppression")
async def blocked(
    request: Request, live: Here, store: Store, viewer: Reader, asked: Annotated[Asked, Query()]
) -> HTMLResponse:
    """The page."""
    only = _channel(asked.channel) if asked.channel else None
    whom = addresses.open_(live, asked.who) if asked.who else ""
    if whom:
        rows = await blocking.one(store, await hashes(store, live), whom)
        rows = [row for row in rows if only in {None, row["channel"]}]
    else:
        rows = await suppression.page(store, only, _place(live, asked.after), SIZE + 1)
    more, rows = len(rows) > SIZE, rows[:SIZE]
    return render(
        request,
        "suppression.html",
        rows=[_shown(live, viewer, row) for row in rows],
        channel=asked.channel,
        channels=[one.word for one in Channel],
        searched=seen_recipient(viewer, whom),
        is_first=not asked.after,
        after=_written(live, rows[-1]) if more else None,
        viewer_may_see=not viewer.masked,
        may_change=viewer.may(Scope.OPERATE),
        done=DONE.get(asked.done, ""),
    )


def _shown(live: Live, viewer: Viewer, row: asyncpg.Record) -> dict[str, Any]:
    """An address of the list, and sealed for its links and forms."""
    return {
        **blocking.plain(row),
        "recipient": seen_recipient(viewer, row["recipient"]),
        "sealed": addresses.close(live, row["recipient"]),
        "code": seen_text(viewer, row["code"]),
    }


@router.post("/suppression")
async def search(live: Here, viewer: Reader, recipient: Annotated[Typed, Form()] = "") -> RedirectResponse:
    """Where the address is that somebody searches for."""
    return RedirectResponse(f"/suppression?who={addresses.close(live, addresses.typed(viewer, recipient))}", 303)


@router.get("/suppression/files/csv")
async def file(live: Here, viewer: Reader, channel: str = "") -> Streamed:
    """All of them, as `landed suppression list --csv` writes them."""
    only = _channel(channel) if channel else None
    headers = {"content-disposition": "attachment; filename=blocked.csv"}
    return Streamed(_pieces(live, viewer, only), "text/csv; charset=utf-8", headers)


async def _pieces(live: Live, viewer: Viewer, only: Channel | None) -> AsyncGenerator[bytes, None]:
    yield cells.row(COLUMNS).encode()
    place = ("", 0)
    while True:
        # A connection for each piece: a slow reader holds none.
        async with live.pool.acquire() as connection:
            rows = await suppression.page(connection, only, place, AT_ONCE)
        if not rows:
            return
        place = rows[-1]["recipient"], rows[-1]["channel"]
        found = [blocking.plain(row) | {"recipient": seen_recipient(viewer, row["recipient"])} for row in rows]
        yield "".join(cells.row([one[name] for name in COLUMNS]) for one in found).encode()


@router.post("/suppression/add")
async def add(live: Here, store: Store, viewer: Operator, change: Annotated[Change, Form()]) -> RedirectResponse:
    """Block an address by hand. Who did it stays on record."""
    channel = _channel(change.channel)
    whom = addresses.open_(live, change.address) if change.address else normal(change.recipient)
    if not whom:
        raise Problem(422, "no address was given; go back and type one")
    why = seen_text(viewer, change.why.strip())
    who = await by(store, viewer)
    done = await blocking.block(store, await hashes(store, live), channel, [whom], why, who)
    return _back(live, change.back, whom, "blocked" if done else "nothing")


@router.post("/suppression/unblock")
async def unblock(live: Here, store: Store, viewer: Operator, change: Annotated[Change, Form()]) -> RedirectResponse:
    """Unblock an address, with a note for whoever wonders later. Who did it stays on record."""
    channel, whom, note = _channel(change.channel), addresses.open_(live, change.address), change.note.strip()
    if not note:
        raise Problem(422, "no note was given; go back and say why it is unblocked, for whoever wonders later")
    who = await by(store, viewer)
    done = await blocking.unblock(store, await hashes(store, live), channel, whom, note, who)
    return _back(live, change.back, whom, "unblocked" if done else "nothing")


def _back(live: Live, back: str, recipient: str, done: str) -> RedirectResponse:
    """To the page from which it was done: that of the recipient, or the list."""
    path = "/recipients" if back == "recipient" else "/suppression"
    return RedirectResponse(f"{path}?who={addresses.close(live, recipient)}&done={done}", 303)


def _channel(word: str) -> Channel:
    if word not in CHANNELS:
        raise Problem(404, f"there is no such channel; there are {', '.join(CHANNELS)}")
    return CHANNELS[word]


def _written(live: Live, row: asyncpg.Record) -> str:
    return live.seal.close(PLACE, json.dumps([row["recipient"], row["channel"]]))


def _place(live: Live, after: str) -> tuple[str, int]:
    if not after:
        return "", 0
    try:
        recipient, channel = json.loads(live.seal.open(PLACE, after))
    except Unsealed:
        raise Problem(404, "there is no such page; begin at the first one") from None
    return str(recipient), int(channel)

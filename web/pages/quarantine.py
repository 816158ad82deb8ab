"""Quarantine: words that no adapter knows, answers that could not be read, and rows that could not be taken in."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from rules.masking import mask_name
from rules.viewers import Scope, Viewer
from store import changes, inbox, journal
from web.by import by
from web.masking import seen_text
from web.site import Here, Store
from web.templating import render
from web.who import Operator, Reader

router = APIRouter(include_in_schema=False)

#: Rows that could not be taken in, of which so many are shown.
NEWEST = 100

#: What is shown of such a row. Whom it is for is not.
NAMES = ("account", "channel", "provider_id", "reference")


@router.get("/operations/quarantine")
async def quarantine(
    request: Request,
    store: Store,
    viewer: Reader,
    *,
    everything: Annotated[bool, Query(alias="all")] = False,
    again: Annotated[int | None, Query(ge=0)] = None,
) -> HTMLResponse:
    """The page. `all`: with words that are known by now; `again`: so many rows were just put back."""
    words = await journal.unknown_words(store)
    shown = [row for row in words if everything or row["mended_at"] is None]
    return render(
        request,
        "quarantine.html",
        words=[_word(viewer, row) for row in shown],
        mended=sum(row["mended_at"] is not None for row in words),
        everything=everything,
        kept=[dict(row) | {"problem": seen_text(viewer, row["problem"] or "")} for row in await journal.kept(store)],
        problems=[
            dict(row) | {"problem": seen_text(viewer, row["problem"])} for row in await inbox.count_strays(store)
        ],
        strays=[_stray(viewer, row) for row in await inbox.strays(store, NEWEST)],
        again=again,
        may_change=viewer.may(Scope.OPERATE),
        may_see_changes=viewer.may(Scope.OPERATE),
    )


def _word(viewer: Viewer, row: asyncpg.Record) -> dict[str, Any]:
    told = dict(row)
    if viewer.masked:
        told |= {"word": seen_text(viewer, row["word"]), "provider_id": mask_name(row["provider_id"] or "", "")}
    return told


def _stray(viewer: Viewer, row: asyncpg.Record) -> dict[str, Any]:
    said: Mapping[str, Any] = json.loads(row["said"])
    recipient = str(said.get("recipient") or "")
    told = {name: str(said.get(name) or "") for name in NAMES}
    if viewer.masked:
        told = {name: mask_name(seen_text(viewer, text), recipient) for name, text in told.items()}
    return {**told, "problem": seen_text(viewer, row["problem"]), "received_at": row["received_at"]}


@router.post("/operations/quarantine/strays/retry")
async def retry(live: Here, store: Store, viewer: Operator) -> RedirectResponse:
    """Put all rows that could not be taken in back into the inbox. Who did it stays on record."""
    del live
    async with store.transaction():
        rows = await inbox.retry_strays(store)
        await changes.add(store, await by(store, viewer), "strays_retried", rows=rows)
    return RedirectResponse(f"/operations/quarantine?again={rows}", 303)

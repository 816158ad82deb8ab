"""Changes: what people and programs changed, who, when and how."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from store import changes, listing
from web.masking import seen_text
from web.site import Store
from web.templating import render
from web.who import Operator

router = APIRouter(include_in_schema=False)

#: Changes of a page.
SIZE = 100

#: By which way we know who it was.
WAYS = {
    "cli": "the command line",
    "local": "on this machine",
    "token": "a token",
    "session": "a log-in with a token",
    "proxy": "the proxy’s word",
}


@router.get("/operations/changes")
async def page(
    request: Request,
    store: Store,
    viewer: Operator,
    before: Annotated[int, Query(ge=1, le=listing.LAST)] = listing.LAST,
) -> HTMLResponse:
    """The page."""
    rows = await changes.page(store, before, SIZE + 1)
    more, rows = len(rows) > SIZE, rows[:SIZE]
    shown = [
        dict(row)
        | {
            "by": seen_text(viewer, row["by"]),
            "subject": seen_text(viewer, row["subject"]),
            "detail": seen_text(viewer, _words(json.loads(row["detail"]))),
        }
        for row in rows
    ]
    return render(
        request,
        "changes.html",
        changes=shown,
        ways=WAYS,
        is_first=before == listing.LAST,
        after=rows[-1]["id"] if more else None,
        may_see_changes=True,
    )


def _words(detail: Mapping[str, Any]) -> str:
    """`messages: 3, scopes: read and operate`."""
    return ", ".join(f"{name.replace('_', ' ')}: {_text(value)}" for name, value in detail.items())


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " and ".join(map(str, value)) if isinstance(value, list) else "none" if value is None else str(value)

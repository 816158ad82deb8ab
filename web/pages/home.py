"""Where one begins: the newest communications."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from store import listing
from web.masking import seen_text
from web.site import Store
from web.templating import render
from web.who import Reader

router = APIRouter(include_in_schema=False)

#: Communications shown.
NEWEST = 50


@router.get("/")
async def home(request: Request, store: Store, viewer: Reader) -> HTMLResponse:
    """The page."""
    found = await listing.communications(store, NEWEST)
    return render(
        request, "home.html", communications=[(row["number"], seen_text(viewer, row["name"])) for row in found]
    )

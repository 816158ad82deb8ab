"""Pages from templates. Everything that is put into one is escaped, and a name that it lacks is an error."""

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rules.ages import about
from rules.durations import roughly
from rules.durations import text as length_of
from rules.shares import percent
from rules.times import iso
from rules.viewers import Viewer
from rules.vocabularies import ICONS
from web import forms, static
from web.masking import seen_text

PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
PAGES.globals["static"] = static.address
PAGES.globals["navigation"] = (
    ("/", "Communications"),
    ("/messages", "All messages"),
    ("/recipients", "Recipient"),
    ("/suppression", "Blocked addresses"),
    ("/operations", "Operations"),
)
PAGES.globals["icons"] = ICONS
PAGES.filters["iso"] = iso
PAGES.filters["told"] = lambda text, viewer: seen_text(viewer, text)
PAGES.filters["roughly"] = roughly
PAGES.filters["about"] = about
PAGES.filters["length_of"] = length_of
PAGES.filters["percent"] = percent
PAGES.filters["words"] = lambda word: str(word).removesuffix("_at").replace("_", " ")


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page. Besides `values` it has `viewer` (or none), `csrf` for its forms, and `path`."""
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    given = {"viewer": viewer, "csrf": forms.word(request.app, viewer) if viewer else "", "path": request.url.path}
    return HTMLResponse(PAGES.get_template(template).render(given | values), status)

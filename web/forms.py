"""The word in each form (and in `X-CSRF-Token`) that shows that a change comes from our own page.

It is made for one viewer and one day. It is the second of two locks: the first is in `web.origins`.
"""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request

from rules.viewers import Viewer, Way
from web.problem import Problem
from web.site import live_of

FIELD, HEADER = "csrf", "x-csrf-token"


def word(app: Any, viewer: Viewer) -> str:
    """The word for this viewer's forms today."""
    return _word(app, viewer, datetime.now(UTC))


def _word(app: Any, viewer: Viewer, at: datetime) -> str:
    return live_of(app).seal.sign("form", f"{viewer.way}\n{viewer.key}\n{viewer.name}\n{at:%Y-%m-%d}")


async def check(request: Request, viewer: Viewer, *, is_api: bool) -> None:
    """Raise Problem unless a change comes from our own page, or from a program, which no page can make ask."""
    if viewer.way is Way.TOKEN or (viewer.way is Way.LOCAL and is_api and not _is_browser(request)):
        return
    given = request.headers.get(HEADER, "")
    if not given and not is_api:
        given = str((await request.form()).get(FIELD, ""))
    now = datetime.now(UTC)
    # A form may be open over midnight.
    known = [_word(request.app, viewer, at) for at in (now, now - timedelta(days=1))]
    if not any(hmac.compare_digest(given.encode(), one.encode()) for one in known):
        raise Problem(403, "this form is too old or not ours: load the page again, and then repeat it", "csrf")


def _is_browser(request: Request) -> bool:
    return "origin" in request.headers or "sec-fetch-site" in request.headers

"""Logging in with a token, and out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from store import tokens
from store.connections import clock
from web import forms
from web.peers import is_https, place
from web.site import Here, Store
from web.templating import render
from web.who import cookie_of, secret_of, viewer_of

router = APIRouter(include_in_schema=False)

#: Where one comes to without another wish.
HOME = "/"


@router.get("/log-in")
async def form(request: Request, to: str = HOME) -> Response:
    """The form."""
    return render(request, "log_in.html", to=_path(to), problem="")


@router.post("/log-in")
async def log_in(
    request: Request, live: Here, store: Store, token: Annotated[str, Form()] = "", to: Annotated[str, Form()] = HOME
) -> Response:
    """Begin a session, or say that the token is not valid."""
    options = live.site.options
    now = await clock(store)
    secret = await tokens.log_in(store, token.strip(), place(options, request), now, now + options.session)
    if secret is None:
        problem = "This token is not valid: it was revoked, is over, or was not pasted whole."
        return render(request, "log_in.html", 401, to=_path(to), problem=problem)
    answer = RedirectResponse(_path(to), 303)
    answer.set_cookie(
        cookie_of(request, live),
        secret,
        max_age=int(options.session.total_seconds()),
        secure=is_https(options, request),
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/log-out")
async def log_out(request: Request, live: Here, store: Store) -> Response:
    """End the session."""
    viewer = await viewer_of(request, live)
    if viewer is not None:
        await forms.check(request, viewer, is_api=False)
        await tokens.log_out(store, secret_of(request, live))
    answer = RedirectResponse("/log-in", 303)
    answer.delete_cookie(cookie_of(request, live), secure=is_https(live.site.options, request), httponly=True)
    return answer


def _path(wanted: str) -> str:
    """A page of ours: never one of another site, however it is written."""
    ours = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    return wanted if ours else HOME

"""Who asks, and whether they may. Each route declares the scope that it needs; a test finds one that does not."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from rules.viewers import EVERYTHING, Scope, Viewer, Way, scopes
from store import tokens
from store.connections import Connection, clock
from web import forms
from web.answering import API
from web.origins import SAFE
from web.peers import is_https, is_local, is_trusted, peer
from web.problem import Problem
from web.site import PATIENCE, Here, Live

#: The cookie of a session. Only where all is encrypted may it have the prefix that keeps other hosts from setting it.
COOKIE, SAFE_COOKIE = "landed_session", "__Host-landed_session"

#: Characters of a name that a proxy gives.
LONGEST = 200

LOCAL = Viewer("local", Way.LOCAL, EVERYTHING)

#: For the description of the API.
BEARER = HTTPBearer(auto_error=False, description="A token that `landed token create` made.")


class Needs:
    """Lets a request through whose viewer has one of the scopes; a change must come from our own page too."""

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes

    async def __call__(self, request: Request, live: Here) -> Viewer:
        """Who it is. Raises Problem."""
        is_api = request.url.path.startswith(API)
        viewer = await viewer_of(request, live)
        if viewer is None:
            raise Problem(401, headers={"www-authenticate": "Bearer"} if is_api else {})
        if not viewer.may(*self.scopes):
            needed = " or ".join(self.scopes)
            raise Problem(403, f"this needs the scope {needed}; an operator makes tokens with `landed token create`")
        if request.method not in SAFE:
            await forms.check(request, viewer, is_api=is_api)
        return viewer


#: For a route: its viewer, who may do what it does.
Reader = Annotated[Viewer, Depends(Needs(Scope.READ))]
Recorder = Annotated[Viewer, Depends(Needs(Scope.RECORD))]
Operator = Annotated[Viewer, Depends(Needs(Scope.OPERATE))]
ReaderOrRecorder = Annotated[Viewer, Depends(Needs(Scope.READ, Scope.RECORD))]
Anybody = Annotated[Viewer, Depends(Needs(*Scope))]


async def viewer_of(request: Request, live: Live) -> Viewer | None:
    """Who asks, found once a request; None if nobody knows. Raises Problem for a token that is not valid."""
    if not hasattr(request.state, "viewer"):
        request.state.viewer = await _find(request, live)
    found: Viewer | None = request.state.viewer
    return found


async def still(request: Request, live: Live, viewer: Viewer, *scopes: Scope) -> bool:
    """Whether it is still the same viewer, who still may: for what goes on for long."""
    try:
        found = await _find(request, live)
    except Problem:
        return False
    return found is not None and found.key == viewer.key and found.may(*scopes) and found.masked == viewer.masked


async def _find(request: Request, live: Live) -> Viewer | None:
    options = live.site.options
    if token := _bearer(request):
        async with live.pool.acquire(timeout=PATIENCE) as connection:
            holder = await tokens.holder(connection, token, await clock(connection))
        if holder is None:
            request.state.viewer = None
            said = "this token is not valid: it was revoked, is over, or is not whole"
            raise Problem(401, said, headers={"www-authenticate": 'Bearer error="invalid_token"'})
        return holder
    if secret := secret_of(request, live):
        async with live.pool.acquire(timeout=PATIENCE) as connection:
            holder = await _session(connection, secret)
        if holder is not None:
            return holder
    if is_trusted(options, peer(request)):
        name = request.headers.get(options.identity_header, "").strip()[:LONGEST]
        return Viewer(name, Way.PROXY, scopes(options.proxy_scopes), options.proxy_masked) if name else None
    return LOCAL if not options.require_token and is_local(options, request) else None


async def _session(connection: Connection, secret: str) -> Viewer | None:
    return await tokens.session(connection, secret, await clock(connection))


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def cookie_of(request: Request, live: Live) -> str:
    """The name of the cookie that a session has here."""
    return SAFE_COOKIE if is_https(live.site.options, request) else COOKIE


def secret_of(request: Request, live: Live) -> str:
    """The secret of the session that a request says it belongs to; empty for none."""
    return request.cookies.get(cookie_of(request, live), "")

"""Every route declares the scope that it needs, and lets nobody through who has another."""

from dataclasses import dataclass

import asyncpg
import pytest
from fastapi.routing import APIRoute

from rules.viewers import Scope
from tests.web.conftest import ELSEWHERE, NAME, Web
from web.app import routers
from web.openapi import scopes_of

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

#: Routes for everybody: who is not known yet must be able to log in, and files hold nothing.
OPEN = {"/healthz", "/favicon.ico", "/static/{version}/{name:path}", "/log-in", "/log-out"}

ROUTES = [route for router in routers() for route in router.routes if isinstance(route, APIRoute)]


def test_no_route_is_without_a_scope() -> None:
    assert [route.path for route in ROUTES if scopes_of(route) is None and route.path not in OPEN] == []
    assert [route.path for route in ROUTES if scopes_of(route) == ()] == []


def test_a_route_that_changes_something_never_needs_read_alone() -> None:
    """Asking which of many addresses are blocked goes by POST, because addresses do not belong into addresses."""
    asking = {"/api/v1/suppression/check", "/api/v1/suppression/proofs"}
    searching = {"/recipients", "/suppression", "/messages", "/communications/{number}"}
    changing = [route for route in ROUTES if route.methods and not route.methods & {"GET"} and route.path not in OPEN]

    assert {route.path for route in changing if Scope.READ in (scopes_of(route) or ())} == asking | searching


@dataclass(frozen=True)
class Asked:
    """A request, and the scopes of which one is enough for it."""

    method: str
    path: str
    scopes: frozenset[Scope]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def concrete(path: str) -> str:
    """A path with something in the place of each parameter."""
    words = {"{number}": "1", "{name}": "acme", "{version}": "1", "{channel}": "sms"}
    for parameter, value in words.items():
        path = path.replace(parameter, value)
    return path


ASKED = [
    Asked(method, concrete(route.path), frozenset(scopes_of(route) or ()))
    for route in ROUTES
    if route.path not in OPEN
    for method in sorted(route.methods or ())
]


async def test_a_route_lets_in_who_has_its_scope_and_nobody_else(web: Web) -> None:
    """A stranger to a page is sent to log in; everybody else is told what is missing."""
    clients = {scope: await web.holder(scope, name=scope) for scope in Scope}
    stranger = web.client(at=ELSEWHERE, url=f"https://{NAME}")
    wrong: list[tuple[str, str, int]] = []
    for asked in ASKED:
        for scope, client in clients.items():
            answer = await client.request(asked.method, asked.path)
            if (answer.status_code == 403) != (scope not in asked.scopes) or answer.status_code in {401, 500}:
                wrong.append((str(asked), scope, answer.status_code))
        answer = await stranger.request(asked.method, asked.path)
        if answer.status_code not in {401, 303}:
            wrong.append((str(asked), "nobody", answer.status_code))
    for client in (*clients.values(), stranger):
        await client.aclose()

    assert wrong == []


async def test_a_refused_change_changes_nothing(web: Web, db: asyncpg.Connection) -> None:
    async with await web.holder(Scope.READ, Scope.RECORD) as client:
        answer = await client.post("/api/v1/accounts/acme/pause", json={"why": "a try"})

    assert answer.status_code == 403
    assert answer.json()["detail"].startswith("this needs the scope operate")
    assert await db.fetchval("select count(*) from landed.account where paused_at is not null") == 0
    assert await db.fetchval("select count(*) from landed.change where what <> 'token_created'") == 0

"""The description of the API, from its routes: OpenAPI for programs, and the same in sections for a page."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from rules.viewers import Scope
from web.problem import MEDIA_TYPE
from web.who import Needs

ABOUT = (
    "What happened to every message that was sent. Send a token as `Authorization: Bearer landed_...`; whoever is on"
    " the same machine may need none. Lists come in pages: `next` has the address of the next one. Errors are problems"
    " as RFC 9457 describes them."
)


def schema(app: FastAPI) -> dict[str, Any]:
    """The description as OpenAPI 3.1 has it. It does not change while a program runs, so it is made once."""
    made: dict[str, Any] | None = getattr(app.state, "openapi", None)
    if made is None:
        made = app.state.openapi = _schema(app)
    return made


def _schema(app: FastAPI) -> dict[str, Any]:
    routes = [route for router in app.state.api for route in router.routes if isinstance(route, APIRoute)]
    made = get_openapi(title="Landed", version="1", description=ABOUT, routes=routes)
    needed = {(route.path, method): scopes_of(route) for route in routes for method in route.methods or ()}
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            scopes = needed[path, method.upper()] or ()
            operation["description"] += f"\n\nNeeds the scope {' or '.join(scopes)}."
            operation["x-scopes"] = [scope.value for scope in scopes]
            for answer in operation["responses"].values():
                _only_problem(answer)
    made["components"]["schemas"].pop("HTTPValidationError", None)
    made["components"]["schemas"].pop("ValidationError", None)
    return made


def _only_problem(answer: dict[str, Any]) -> None:
    """A problem has its own media type and no other."""
    content = answer.get("content", {})
    if MEDIA_TYPE in content and "application/json" in content:
        content[MEDIA_TYPE] = content.pop("application/json")


def scopes_of(route: APIRoute) -> tuple[Scope, ...] | None:
    """The scopes of which a route needs one; None if it declares none."""
    return next((one.call.scopes for one in _all(route.dependant) if isinstance(one.call, Needs)), None)


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for one in dependant.dependencies:
        yield from _all(one)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked."""

    method: str
    path: str
    summary: str
    description: str
    scopes: list[str]
    parameters: list[dict[str, Any]]


def sections(app: FastAPI) -> dict[str, list[Operation]]:
    """The operations by what they are about."""
    found: dict[str, list[Operation]] = {}
    for path, methods in schema(app)["paths"].items():
        for method, one in methods.items():
            operation = Operation(
                method.upper(), path, one["summary"], one["description"], one["x-scopes"], one.get("parameters", [])
            )
            found.setdefault(one["tags"][0], []).append(operation)
    return found

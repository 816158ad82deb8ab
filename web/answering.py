"""What went wrong, for whoever asked: a page for people, a problem of RFC 9457 for programs; no address in either."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from store.connections import LOST, StoreUnreachable
from store.hashing import WrongKey
from store.tokens import TooOften
from web.problem import MEDIA_TYPE, Problem
from web.templating import render

log = structlog.get_logger()

API = "/api/"


def add_handlers(app: FastAPI) -> None:
    """Answer for everything that can be foreseen."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(TooOften, _too_often)
    app.add_exception_handler(WrongKey, _wrong_key)
    for kind in (*LOST, StoreUnreachable):
        app.add_exception_handler(kind, _lost)


def answer(request: Request, problem: Problem) -> Response:
    """The answer that tells of a problem."""
    title = HTTPStatus(problem.status).phrase
    if not request.url.path.startswith(API):
        if problem.status == HTTPStatus.UNAUTHORIZED and request.method == "GET":
            return RedirectResponse(f"/log-in?to={quote(_target(request), safe='')}", 303)
        page = render(request, "error.html", problem.status, title=title, detail=problem.detail)
        page.headers.update(problem.headers)
        return page
    said = {
        "type": f"urn:landed:problem:{problem.kind}" if problem.kind else "about:blank",
        "title": title,
        "status": problem.status,
        "detail": problem.detail,
        **problem.more,
    }
    return JSONResponse(said, problem.status, problem.headers, MEDIA_TYPE)


def _target(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - so it was registered
    return answer(request, error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - so it was registered
    return answer(request, Problem(error.status_code, headers=error.headers))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - so it was registered
    faults = [{"where": _where(fault["loc"]), "detail": _said(fault)} for fault in error.errors()]
    detail = "; ".join(f"{fault['where']}: {fault['detail']}" for fault in faults[:3])
    return answer(request, Problem(422, detail, "invalid", errors=faults))


def _where(location: Sequence[object]) -> str:
    """`query.limit`, `body.addresses.0`. The name of a member that nobody knows may be anything, so it is left out."""
    return ".".join(str(part) for part in location)[:100]


def _said(fault: Mapping[str, Any]) -> str:
    """What is wrong, without what was given."""
    return str(fault["msg"]).removeprefix("Value error, ")


async def _too_often(request: Request, error: Exception) -> Response:
    assert isinstance(error, TooOften)  # noqa: S101 - so it was registered
    return answer(request, Problem(429, str(error), headers={"retry-after": str(error.seconds)}))


async def _wrong_key(request: Request, error: Exception) -> Response:
    log.error("wrong_recipient_key")
    return answer(request, Problem(503, str(error)))


async def _lost(request: Request, error: Exception) -> Response:
    log.warning("store_unreachable", error=type(error).__name__)
    return answer(request, Problem(503, headers={"retry-after": "5"}))

"""What every route of the API has: its address begins the same, it takes a token, and its problems have one shape."""

from typing import Any

from fastapi import APIRouter, Depends

from web.problem import MEDIA_TYPE, ProblemDetails
from web.who import BEARER

PREFIX = "/api/v1"

#: What any route may answer instead.
_PROBLEMS = {
    400: "The request cannot be understood.",
    401: "Nobody knows who asks.",
    403: "Whoever asks may not do this.",
    404: "There is nothing of that name.",
    422: "A parameter or a member of the body is wrong; `errors` has each.",
    429: "Too often.",
    503: "Postgres cannot be reached just now.",
}


def router(tag: str) -> APIRouter:
    """A router for routes of one kind."""
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": ProblemDetails, "description": said, "content": {MEDIA_TYPE: {}}}
        for status, said in _PROBLEMS.items()
    }
    return APIRouter(prefix=PREFIX, tags=[tag], dependencies=[Depends(BEARER)], responses=responses)

"""A problem: what went wrong, and what to do next. For a program it is one of RFC 9457."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

MEDIA_TYPE = "application/problem+json"

#: What to do next, where a problem does not say it itself.
USUAL = {
    400: "The request cannot be understood.",
    401: "Send a token: `Authorization: Bearer landed_...`; an operator makes one with `landed token create`.",
    403: "Your token does not allow this; an operator makes another one with `landed token create`.",
    404: "There is nothing here of that name.",
    405: "This address does not know that method.",
    500: "Something went wrong that nobody foresaw; the log has it as `request_failed`.",
    503: "Postgres cannot be reached just now; try again in a moment.",
}


class Problem(Exception):
    """Ends a request with a status and what to do. `kind` tells a program which problem it is."""

    def __init__(
        self, status: int, detail: str = "", kind: str = "", *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        """Keep all that is said; `more` are members of its own."""
        super().__init__(detail)
        self.status = status
        self.detail = detail or USUAL.get(status, "")
        self.kind = kind
        self.headers = dict(headers or {})
        self.more = more


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    #: Where: a parameter, or a place in the body.
    where: str
    detail: str


class ProblemDetails(BaseModel):
    """A problem as a program reads it: https://www.rfc-editor.org/rfc/rfc9457."""

    type: str = Field(examples=["about:blank", "urn:landed:problem:bad-cursor"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is nothing here of that name."])
    errors: list[Fault] | None = None

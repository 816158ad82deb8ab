"""Answers that say whether they are still the same: `ETag`, and 304 without a body for who has it already."""

import hashlib

from fastapi import Request, Response
from pydantic import BaseModel


def answer(request: Request, model: BaseModel) -> Response:
    """`model` as JSON, or nothing new."""
    body = model.model_dump_json().encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    # A browser may keep it, and asks each time whether it is still so.
    headers = {"etag": etag, "cache-control": "private, no-cache"}
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")

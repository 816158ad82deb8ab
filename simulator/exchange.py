"""Requests and answers: JSON, and basic authentication."""

from base64 import b64decode
from collections.abc import Mapping

import msgspec
from aiohttp import web


def json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer in JSON."""
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def basic(request: web.Request) -> tuple[str, str] | None:
    """User and password of a request with basic authentication."""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = b64decode(rest, validate=True).decode().partition(":")
    except ValueError:
        return None
    return user, password


async def body(request: web.Request) -> dict[str, object]:
    """The JSON object in a request; empty if there is none."""
    try:
        value = msgspec.json.decode(await request.read())
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}

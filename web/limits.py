"""How large a request may be, and how long it and its answer may take."""

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.answering import answer
from web.problem import Problem

#: Bytes of a body.
LARGEST = 1 << 20

#: Recording may go on for as long as rows come, so only each row is limited.
ENDLESS = frozenset({("POST", "/api/v1/messages")})

#: How long to wait for the next part of a body, and for an answer to begin, in seconds.
IDLE, SLOWEST = 30.0, 60.0


class TooLarge(Exception):
    """The body is larger than it may be."""


class TooSlow(Exception):
    """The body did not come."""


class Limits:
    """Ends what is too large or takes too long."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as `app` does, or say what was too much."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        endless = (scope["method"], scope["path"]) in ENDLESS
        body = Body(receive, None if endless else LARGEST)
        try:
            length = int(request.headers.get("content-length", "0"))
        except ValueError:
            length = 0
        if not endless and length > LARGEST:
            await answer(request, _too_large())(scope, receive, send)
            return
        limit = asyncio.timeout(None if endless else SLOWEST)
        try:
            async with limit:
                await self.app(scope, body.receive, _until_begun(send, limit))
        except TooLarge:
            await answer(request, _too_large())(scope, receive, send)
        except TooSlow:
            await answer(request, Problem(408, "the request did not come whole in time"))(scope, receive, send)
        except TimeoutError:
            if not limit.expired():
                raise
            await answer(request, Problem(503, "this takes too long; ask for less"))(scope, receive, send)


def _too_large() -> Problem:
    return Problem(413, f"the request is larger than {LARGEST:,} bytes")


def _until_begun(send: Send, limit: asyncio.Timeout) -> Send:
    async def begin(message: Message) -> None:
        # An answer may take as long as its reader does.
        limit.reschedule(None)
        await send(message)

    return begin


class Body:
    """The body of a request, as far as it may go."""

    def __init__(self, receive: Receive, most: int | None) -> None:
        self._receive = receive
        self._left = most
        self._whole = False

    async def receive(self) -> Message:
        """The next part. Raises TooLarge and TooSlow."""
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout(IDLE):
                message = await self._receive()
        except TimeoutError:
            raise TooSlow from None
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        if self._left is not None and message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise TooLarge
        return message

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


class TooMuch(Exception):
    """The body is too large, or does not come."""


class Limits:
    """Ends what is too large or takes too long."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as `app` does, or say what was too much."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        endless = (scope["method"], scope["path"]) in ENDLESS
        body = Body(scope, receive, None if endless else LARGEST)
        limit = asyncio.timeout(None if endless else SLOWEST)
        if body.problem is None:
            try:
                async with limit:
                    await self.app(scope, body.receive, _until_begun(send, limit, body))
            except TooMuch:
                pass
            except TimeoutError:
                if not limit.expired():
                    raise
                body.problem = Problem(503, "this takes too long; ask for less")
        if body.problem is not None:
            await answer(Request(scope), body.problem)(scope, receive, send)


def _until_begun(send: Send, limit: asyncio.Timeout, body: "Body") -> Send:
    async def begin(message: Message) -> None:
        # Whoever reads a body may say something of their own about a part that never came.
        if body.problem is None:
            # An answer may take as long as its reader does.
            limit.reschedule(None)
            await send(message)

    return begin


class Body:
    """The body of a request, as far as it may go. `problem` says what was too much."""

    def __init__(self, scope: Scope, receive: Receive, most: int | None) -> None:
        self._receive = receive
        self._left = most
        self._whole = False
        self.problem: Problem | None = None
        length = Request(scope).headers.get("content-length", "")
        if most is not None and length.isdecimal() and int(length) > most:
            self.problem = _too_large()

    async def receive(self) -> Message:
        """The next part. Raises TooMuch."""
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout(IDLE):
                message = await self._receive()
        except TimeoutError:
            self.problem = Problem(408, "the request did not come whole in time")
            raise TooMuch from None
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        if self._left is not None and message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                self.problem = _too_large()
                raise TooMuch
        return message


def _too_large() -> Problem:
    return Problem(413, f"the request is larger than {LARGEST:,} bytes")

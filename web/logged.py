"""One line of log for each request, and an answer where something went wrong that nobody foresaw.

The line has the route and not the path, and of who it was only how we know them: paths and names may be addresses.
"""

import time
from traceback import extract_tb

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.answering import answer
from web.problem import Problem

log = structlog.get_logger()

#: The status of the line where whoever asked has left before they were answered, as nginx has it.
LEFT = 499


class Logged:
    """Logs, and answers for what failed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as `app` does, and write down how it went."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began_at = time.monotonic()
        status, sent = 0, 0

        async def count(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, count)
        except ClientDisconnect:
            status = LEFT
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            _failed(scope, error)
            if not status:
                await answer(Request(scope), Problem(500))(scope, receive, count)
        finally:
            viewer = scope.get("state", {}).get("viewer")
            log.info(
                "request",
                method=scope["method"],
                route=route_of(scope),
                status=status,
                milliseconds=round((time.monotonic() - began_at) * 1000),
                bytes=sent,
                way=viewer.way if viewer else None,
            )


def route_of(scope: Scope) -> str:
    """The pattern of the path; empty where none fits."""
    return getattr(scope.get("route"), "path", "")


def _failed(scope: Scope, error: Exception) -> None:
    """Where it failed and how. What an error says may hold what is in a row, so only its kind is told."""
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
    log.error("request_failed", route=route_of(scope), error=type(error).__name__, places=places[-12:])

"""Answers that go on for as long as somebody reads: they end at once when the process is told to stop.

They end too when whoever reads may not any more.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, TypeVar

from fastapi import Request

from rules.viewers import Scope, Viewer
from web.site import Live
from web.who import still

T = TypeVar("T")

#: Seconds between two checks that whoever reads still may.
CHECK = 60.0


async def lasting(
    request: Request, live: Live, viewer: Viewer, things: AsyncGenerator[T, None]
) -> AsyncGenerator[T, None]:
    """The things as they come, until the reader leaves, may not read any more, or we are to stop."""
    stopping = asyncio.ensure_future(live.stopping.wait())
    checking = asyncio.ensure_future(_until_not_allowed(request, live, viewer))
    coming: asyncio.Future[T] | None = None
    try:
        while not live.stopping.is_set():
            coming = asyncio.ensure_future(anext(things))
            await asyncio.wait({coming, stopping, checking}, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done() or checking.done():
                return
            try:
                thing = coming.result()
            except StopAsyncIteration:
                return
            yield thing
    finally:
        # What is under way must have ended before the generator can be closed.
        begun: list[asyncio.Future[Any]] = [stopping, checking, *([coming] if coming is not None else [])]
        for one in begun:
            one.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        await things.aclose()


async def _until_not_allowed(request: Request, live: Live, viewer: Viewer) -> None:
    may = True
    while may:
        await asyncio.sleep(CHECK)
        may = await still(request, live, viewer, Scope.READ)

"""Asking: one question, its pages one after another."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol

import httpx

from adapters.base import Adapter, Page, Take, What
from adapters.errors import Unreadable
from adapters.permit import brought

#: More pages than this for one question mean that the provider leads us in a circle.
MOST_PAGES = 10_000


class Sends(Protocol):
    """Whatever sends a request and gives the answer: `adapters.http.Sender`."""

    async def send(self, request: httpx.Request) -> httpx.Response:
        """The answer, read whole. Raises an AskError."""
        ...


class UnreadableAnswer(Unreadable):
    """An answer that could not be read, with the answer, so that it can be kept."""

    def __init__(self, error: Unreadable, response: httpx.Response) -> None:
        """Say the same as `error`."""
        super().__init__(str(error))
        self.response = response


async def pages(
    sender: Sends,
    adapter: Adapter[Any],
    what: What,
    before: Callable[[], None] = lambda: None,
    ahead: Callable[[], bool] = lambda: False,
) -> AsyncGenerator[tuple[httpx.Response, Page], None]:
    """The pages of the answer to `what`. Raises an AskError; UnreadableAnswer carries what could not be read.

    `before` is called before each request. `ahead` says whether the next page may be sent for while one is written
    down; never so what a queue or drain gives, because it cannot be asked for again. A queue is confirmed by who takes
    the pages, after its commit. Who reads ahead and may stop before the end closes this.
    """
    request = adapter.ask(what)
    coming: asyncio.Task[tuple[httpx.Response, Page]] | None = None
    try:
        for _ in range(MOST_PAGES):
            if coming is None:
                before()
            response, page = await (coming or _fetch(sender, adapter, what, request))
            coming = None
            repeats = page.more is not None and not isinstance(what, Take) and _same(page.more, request)
            if page.more is not None and not isinstance(what, Take) and not repeats and ahead():
                before()
                coming = asyncio.ensure_future(_fetch(sender, adapter, what, page.more))
            yield response, page
            if page.more is None:
                return
            if repeats:
                break
            request = page.more
        msg = f"{adapter.name}: the next page leads back to the same page; tell who maintains the adapter"
        raise Unreadable(msg)
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _fetch(
    sender: Sends, adapter: Adapter[Any], what: What, request: httpx.Request
) -> tuple[httpx.Response, Page]:
    response = await sender.send(request)
    return response, read(adapter, what, response)


def read(adapter: Adapter[Any], what: What, response: httpx.Response) -> Page:
    """What the adapter reads from `response`. Raises UnreadableAnswer and Refused."""
    try:
        page = adapter.read(what, response)
    except Unreadable as error:
        raise UnreadableAnswer(error, response) from error
    brought(response, len(page.reports) + len(page.unreadable))
    return page


def _same(one: httpx.Request, other: httpx.Request) -> bool:
    return one.method == other.method and one.url == other.url and one.content == other.content

"""Asking: one question, its pages one after another."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import httpx

from adapters.base import Adapter, Page, Take, What
from adapters.errors import Unreadable

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
    sender: Sends, adapter: Adapter[Any], what: What, before: Callable[[], None] = lambda: None
) -> AsyncIterator[tuple[httpx.Response, Page]]:
    """The pages of the answer to `what`. Raises an AskError; UnreadableAnswer carries what could not be read.

    `before` is called before each request. A queue is confirmed by who takes the pages, after its commit.
    """
    request = adapter.ask(what)
    for _ in range(MOST_PAGES):
        before()
        response = await sender.send(request)
        page = read(adapter, what, response)
        yield response, page
        if page.more is None:
            return
        if not isinstance(what, Take) and _same(page.more, request):
            break
        request = page.more
    msg = f"{adapter.name}: the next page leads back to the same page; tell who maintains the adapter"
    raise Unreadable(msg)


def read(adapter: Adapter[Any], what: What, response: httpx.Response) -> Page:
    """What the adapter reads from `response`. Raises UnreadableAnswer and Refused."""
    try:
        return adapter.read(what, response)
    except Unreadable as error:
        raise UnreadableAnswer(error, response) from error


def _same(one: httpx.Request, other: httpx.Request) -> bool:
    return one.method == other.method and one.url == other.url and one.content == other.content

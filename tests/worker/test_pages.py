"""The pages of an answer: the next one comes while one is written down, where it can be asked for again."""

import asyncio
from contextlib import aclosing
from datetime import timedelta

import httpx
import pytest

from adapters.base import AdapterSettings, Take, What, Window
from adapters.errors import Unreachable
from tests.store.written import NOW
from tests.worker.pretend import BASE, Pretend
from worker.ask import pages

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

WINDOW = Window(NOW - timedelta(hours=1), NOW)

ADAPTER = Pretend(AdapterSettings(base_url=BASE))


class Book:
    """A provider that has some pages, and one that it cannot give. `sent` counts what was asked for."""

    def __init__(self, count: int, missing: int | None = None) -> None:
        self.count, self.missing = count, missing
        self.sent = 0
        self.may_ahead = True
        self.given_up = False

    async def send(self, request: httpx.Request) -> httpx.Response:
        """The next page."""
        at = self.sent
        self.sent += 1
        try:
            await asyncio.sleep(0)
            if at == self.missing:
                raise Unreachable("it is asked again later")
            more = f'"{at + 1}"' if at + 1 < self.count else "null"
            return httpx.Response(
                200, content=f'{{"items": [["SM{at}", "sent", null]], "more": {more}}}', request=request
            )
        except asyncio.CancelledError:
            self.given_up = True
            raise


Found = list[tuple[str, int]]


async def read(book: Book, what: What, found: Found | None = None) -> Found:
    """The message of each page, and how many requests were sent when it had been written down."""
    found = [] if found is None else found
    async for _, page in pages(book, ADAPTER, what, ahead=lambda: book.may_ahead):
        for _ in range(5):  # as long as writing takes
            await asyncio.sleep(0)
        found.append((page.reports[0].provider_id, book.sent))
    return found


async def test_the_next_page_is_asked_for_while_one_is_written_down() -> None:
    assert await read(Book(3), WINDOW) == [("SM0", 2), ("SM1", 3), ("SM2", 3)]


async def test_no_page_is_asked_for_ahead_when_time_is_over() -> None:
    book = Book(3)
    book.may_ahead = False

    assert await read(book, WINDOW) == [("SM0", 1), ("SM1", 2), ("SM2", 3)]


async def test_what_a_queue_or_drain_gives_is_asked_for_when_all_before_is_written_down() -> None:
    """It confirms, or takes away, what it gave before."""
    assert await read(Book(3), Take()) == [("SM0", 1), ("SM1", 2), ("SM2", 3)]


async def test_a_page_that_does_not_come_is_told_when_all_before_it_is_written_down() -> None:
    found: Found = []
    with pytest.raises(Unreachable):
        await read(Book(3, missing=1), WINDOW, found)

    assert found == [("SM0", 2)]


async def test_who_reads_no_further_leaves_nothing_under_way() -> None:
    book = Book(3)
    async with aclosing(pages(book, ADAPTER, WINDOW, ahead=lambda: True)) as found:
        async for _ in found:
            await asyncio.sleep(0)
            break

    assert (book.sent, book.given_up) == (2, True)

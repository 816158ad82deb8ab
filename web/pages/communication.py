"""A communication: how many stand how, and everyone in it, filtered, sorted and in pages by key."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from rules.labels import Vocabulary
from rules.statuses import Reason
from rules.viewers import Viewer
from store import exports, listing, reporting
from store.connections import Connection
from store.messages import Class
from store.totals import Tally
from web import addresses, paging
from web.files import file as written
from web.lasting import lasting
from web.masking import seen, seen_text
from web.paging import Sought, Where
from web.problem import Problem
from web.site import Here, Live, Store
from web.templating import render
from web.vocabulary import choose, remember
from web.who import Reader
from web.wishes import BLANK, Wish, called, filtered

router = APIRouter(include_in_schema=False)


class Asked(Wish, Where):
    """What the address of a page says."""


@router.get("/communications/{number}")
async def communication(
    request: Request, live: Here, store: Store, viewer: Reader, number: int, wish: Annotated[Asked, Query()]
) -> HTMLResponse:
    """The page."""
    name = seen_text(viewer, await _name(store, number))
    chosen, words = choose(request, live)
    tally = await live.refresher.tally(number)
    accounts = await listing.accounts(store)
    text = _text(live, viewer, wish)
    wanted = filtered(wish, text, words, tally, accounts, masked=viewer.masked)
    found = await paging.find(store, Sought(number, wanted, tally, wish.sort, wish.down), wish)
    answer = render(
        request,
        "communication.html",
        name=name,
        number=number,
        wish=wish,
        text=text,
        columns=words.columns,
        chosen=chosen,
        vocabularies=live.site.vocabularies,
        channels=_channels(words, tally),
        labels=sorted({called(words, way).text or BLANK for way in tally.counts()}),
        accounts=sorted(accounts),
        everyone=sum(tally.counts().values()),
        left=sum(tally.left.values()),
        lines=[(row["id"], seen(viewer, reporting.line(words, row))) for row in found.rows],
        shown=reporting.shown,
        found=found,
        may_see=not viewer.masked,
    )
    remember(request, answer)
    return answer


@router.post("/communications/{number}")
async def search(live: Here, viewer: Reader, number: int, form: Annotated[Wish, Form()]) -> RedirectResponse:
    """Where the page is of what somebody filters and searches for."""
    sought = addresses.close_search(live, viewer, form.text)
    return RedirectResponse(f"/communications/{number}{form.query(sought=sought, text='')}", 303)


@router.get("/communications/{number}/changes")
async def changes(request: Request, live: Here, store: Store, viewer: Reader, number: int) -> Response:
    """Says that something is different, each time it is, until somebody goes."""
    await _name(store, number)

    async def told() -> AsyncGenerator[ServerSentEvent, None]:
        first = True
        async with aclosing(live.refresher.changes(number)) as tallies:
            async for tally in tallies:
                if not first:
                    yield ServerSentEvent(event="changed", data=str(sum(tally.counts().values())))
                first = False

    return EventSourceResponse(lasting(request, live, viewer, told()), ping=20)


@router.get("/communications/{number}/files/{form}")
async def file(
    request: Request,
    live: Here,
    store: Store,
    viewer: Reader,
    number: int,
    *,
    form: exports.Form,
    wish: Annotated[Wish, Query()],
) -> Response:
    """Everyone that is filtered, as a file."""
    name = seen_text(viewer, await _name(store, number))
    _, words = choose(request, live)
    tally = await live.refresher.tally(number)
    text = _text(live, viewer, wish)
    wanted = filtered(wish, text, words, tally, await listing.accounts(store), masked=viewer.masked)
    shown = (lambda line: seen(viewer, line)) if viewer.masked else None
    return written(live, name, form, lambda store: exports.export(store, number, wanted, words, form, shown=shown))


def _text(live: Live, viewer: Viewer, wish: Wish) -> str:
    return addresses.open_search(live, viewer, wish.sought) or wish.text.strip()


async def _name(store: Connection, number: int) -> str:
    name = await listing.name_of(store, number) if 0 < number < 1 << 31 else None
    if name is None:
        raise Problem(404, "there is no such communication")
    return name


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the totals: how many, and where its part of the bar is, in thousandths."""

    label: str
    icon: str
    messages: int
    start: float
    width: float


def _channels(words: Vocabulary, tally: Tally) -> dict[str, list[Bar]]:
    """The totals of each channel."""
    classes = [Class(way.channel, way.heard, Reason(way.reason), many) for way, many in tally.counts().items()]
    channels: dict[str, list[Bar]] = {}
    for total in reporting.totals(words, classes):
        channels.setdefault(total.channel, []).append(Bar(total.label or BLANK, total.icon, total.messages, 0, 0))
    return {channel: list(_placed(bars)) for channel, bars in channels.items()}


def _placed(bars: list[Bar]) -> Iterable[Bar]:
    everyone = sum(bar.messages for bar in bars)
    start = 0.0
    for bar in bars:
        width = 1000 * bar.messages / everyone
        yield replace(bar, start=round(start, 2), width=round(width, 2))
        start += width

"""Communications: which there are, what became of one, and its messages."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from rules.statuses import Reason
from rules.vocabularies import Vocabulary
from store import listing, messages, reporting
from store.connections import Connection
from store.listing import Filter, Order
from store.messages import Class
from store.totals import Tally
from web import etags
from web.api import shapes
from web.api.routing import router as new_router
from web.api.shapes import Communication, Message, Report, Total
from web.api.wanted import (
    AccountName,
    ChannelWord,
    StatusWords,
    VocabularyName,
    account_of,
    among,
    channel_of,
    only_unmasked,
    statuses_of,
    vocabulary_of,
)
from web.cursors import USUAL, Cursor, Limit, Page, next_page, place_of
from web.masking import seen_text
from web.problem import Problem
from web.site import Here, Store
from web.who import Reader

router: APIRouter = new_router("communications")

NewestFirst = Annotated[bool, Query(description="The newest first; else in the order of recording.")]
Text = Annotated[
    str | None, Query(max_length=500, description="Only those with this in their recipient, reference or provider id.")
]


@router.get("/communications")
async def communications(
    request: Request,
    response: Response,
    live: Here,
    store: Store,
    viewer: Reader,
    name: Annotated[str | None, Query(description="Only the one that is called so.")] = None,
    limit: Limit = USUAL,
    cursor: Cursor = "",
) -> Page[Communication]:
    """List communications, the newest first."""
    if name is not None:
        number = await messages.communication(store, name)
        return Page(items=[] if number is None else [Communication(number=number, name=name)], next=None)
    place = place_of(live, "communications", cursor)
    rows = await messages.communications_before(store, int(place[0]) if place else None, limit + 1)
    items = [Communication(number=row["id"], name=seen_text(viewer, row["name"])) for row in rows[:limit]]
    after = [items[-1].number] if len(rows) > limit else None
    return Page(items=items, next=next_page(request, response, live, "communications", after))


@router.get("/communications/{number}", response_model=Report, responses={304: {"description": "It is the same."}})
async def communication(
    request: Request, live: Here, store: Store, viewer: Reader, number: int, vocabulary: VocabularyName = None
) -> Response:
    """Tell how many messages of a communication stand how, in the words of a vocabulary."""
    name = await _name(store, number)
    called, words = vocabulary_of(live, vocabulary)
    tally = await live.refresher.tally(number)
    report = Report(
        number=number,
        name=seen_text(viewer, name),
        vocabulary=called,
        messages=sum(tally.counts().values()),
        totals=[
            Total(channel=one.channel, label=one.label, icon=one.icon, messages=one.messages)
            for one in totals(words, tally)
        ],
    )
    return etags.answer(request, report)


def totals(words: Vocabulary, tally: Tally) -> list[reporting.Total]:
    """The totals of a communication in a vocabulary's words."""
    counts = tally.counts().items()
    return reporting.totals(words, [Class(way.channel, way.heard, Reason(way.reason), many) for way, many in counts])


@router.get("/communications/{number}/messages")
async def messages_of(
    request: Request,
    response: Response,
    live: Here,
    store: Store,
    viewer: Reader,
    number: int,
    channel: ChannelWord = None,
    account: AccountName = None,
    status: StatusWords = None,
    text: Text = None,
    vocabulary: VocabularyName = None,
    newest_first: NewestFirst = False,
    limit: Limit = USUAL,
    cursor: Cursor = "",
) -> Page[Message]:
    """List the messages of a communication. Each that is recorded before the first page is asked for comes once."""
    await _name(store, number)
    _, words = vocabulary_of(live, vocabulary)
    statuses = statuses_of(status)
    ways = None if statuses is None else among((await live.refresher.tally(number)).counts(), statuses)
    searched = only_unmasked(viewer, text) or ""
    wanted = Filter(await account_of(store, account), channel_of(channel), ways, searched)
    kind = f"messages of {number}{' down' if newest_first else ''}"
    place = place_of(live, kind, cursor)
    after = listing.Cursor(int(place[0])) if place else None
    rows = await listing.page(store, number, wanted, limit + 1, order=Order.RECORDING, down=newest_first, after=after)
    more, rows = len(rows) > limit, rows[:limit]
    following = next_page(request, response, live, kind, [rows[-1]["id"]] if more else None)
    return Page(items=[shapes.message(viewer, words, row) for row in rows], next=following)


async def _name(store: Connection, number: int) -> str:
    name = await listing.name_of(store, number) if 0 <= number < 1 << 31 else None
    if name is None:
        raise Problem(404, "no communication has that number; `GET /api/v1/communications?name=...` finds one by name")
    return name

"""A message: how it stands and why, its story, and what comes next."""

from collections.abc import Iterable
from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from rules.labels import label
from rules.statuses import Channel, Engagement
from rules.viewers import Viewer
from store import hashing, messages, story, suppression
from store.connections import clock
from store.story import Line
from web.masking import seen_fields, seen_text
from web.problem import Problem
from web.site import Here, Store
from web.templating import render
from web.vocabulary import choose, remember
from web.who import Reader

router = APIRouter(include_in_schema=False)

NOT_HERE = "no message has that number; is it recorded? A worker takes rows in, and settled messages may leave by age"

#: When something happened to a message, in the order in which people expect it.
TIMES = ("recorded_at", "sent_at", "scheduled_at", "last_attempt_at", "deadline_at")


@router.get("/messages/{number}")
async def message(request: Request, live: Here, store: Store, viewer: Reader, number: int) -> HTMLResponse:
    """The page."""
    row = await messages.numbered(store, number)
    if row is None:
        raise Problem(404, NOT_HERE)
    chosen, words = choose(request, live)
    now = await clock(store)
    told = await story.tell(store, row, now, live.named_schedules)
    recipient = row["recipient"]
    hashes = await hashing.agreed(store, live.site.hashing)
    blocked = await suppression.blocked_among(store, [(row["channel"], recipient)] if recipient else [], hashes)
    shown = seen_fields(viewer, told.message)
    answer = render(
        request,
        "message.html",
        message=shown,
        communication=row["communication"],
        label=label(words, Channel(row["channel"]), messages.state(row)),
        chosen=chosen,
        vocabularies=live.site.vocabularies,
        is_blocked=bool(blocked),
        times={name: shown[name] for name in TIMES if shown[name]},
        engagement={kind.word: shown[kind.word] for kind in Engagement if shown[kind.word]},
        lines=list(_seen(viewer, told.lines, recipient)),
        ahead=told.ahead,
        held=[seen_text(viewer, one) for one in told.held],
        settled=told.settled,
        now=now,
    )
    remember(request, answer)
    return answer


def _seen(viewer: Viewer, lines: Iterable[Line], recipient: str) -> Iterable[Line]:
    for line in lines:
        yield replace(line, data=seen_fields(viewer, line.data, recipient))

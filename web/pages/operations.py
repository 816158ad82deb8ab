"""Operations: how every account is, and stopping, starting and hurrying them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from rules.breaker import Stand
from rules.viewers import Scope, Viewer
from store import overview, standing
from store.connections import clock
from web.addresses import Typed
from web.by import by
from web.masking import seen_text
from web.problem import Problem
from web.site import Here, Store
from web.templating import render
from web.who import Operator, Reader

router = APIRouter(include_in_schema=False)

Name = Annotated[str, Path(max_length=200)]
Word = Annotated[str, Query(max_length=200)]

#: What was done a moment ago, and how it is told.
DONE = {
    "paused": "is paused. Its messages wait; nothing of it is settled until its hard limit.",
    "resumed": "is asked again.",
    "polled": "is asked about everything open as soon as a worker gets to it.",
}

#: What people and providers wrote, in which there may be an address.
TEXTS = ("paused_why", "trouble_said")


@dataclass(frozen=True, slots=True)
class State:
    """How an account is, in a word or two: a key for the page, the words, and the icon beside them."""

    key: str
    words: str
    icon: str

    @property
    def is_well(self) -> bool:
        """Whether nobody has to do anything about it."""
        return self.icon in {"delivered", "waiting"}


NORMAL = State("normal", "asked normally", "delivered")
GONE = State("gone", "not configured", "unknown")
NEW = State("new", "new", "waiting")
PAUSED, PAUSED_BY_SETTING = State("paused", "paused", "not_sent"), State("setting", "paused by its setting", "not_sent")
REFUSED = State("refused", "refused credentials", "failed")
RESTING, HALF_OPEN = State("resting", "resting", "bounced"), State("half_open", "half open", "delayed")
RECOVERING = State("recovering", "recovering", "delayed")
QUOTA = State("quota", "waits for quota", "delayed")

STANDS = {
    Stand.STOPPED: REFUSED,
    Stand.OPEN: RESTING,
    Stand.HALF_OPEN: HALF_OPEN,
    Stand.RECOVERING: RECOVERING,
    Stand.CLOSED: NORMAL,
}


def state(one: Mapping[str, Any]) -> State:
    """How an account of `store.overview` is. The most lasting hindrance counts."""
    if one["state"] == "not configured":
        return GONE
    if one["paused_at"]:
        return PAUSED
    if one["state"] == "paused":
        return PAUSED_BY_SETTING
    if one["state"] == "new":
        return NEW
    found = STANDS[one["breaker"]]
    return QUOTA if found is NORMAL and one["ask_after"] else found


@router.get("/operations")
async def accounts(
    request: Request, live: Here, store: Store, viewer: Reader, done: Word = "", account: Word = ""
) -> HTMLResponse:
    """The page."""
    now = await clock(store)
    found = await overview.lately(store, await overview.overview(store, live.site.accounts))
    shown = [(_seen(viewer, one), state(_present(one, now))) for one in found]
    known = account in {one["name"] for one in found} and done in DONE
    return render(
        request,
        "operations.html",
        accounts=shown,
        unwell=[one["name"] for one, how in shown if not how.is_well],
        anchor=anchor,
        may_change=viewer.may(Scope.OPERATE),
        may_see_changes=viewer.may(Scope.OPERATE),
        done=f"{account} {DONE[done]}" if known else "",
        now=now,
    )


def _present(one: dict[str, Any], now: Any) -> dict[str, Any]:
    """A time that is over holds nobody up."""
    return one if one["ask_after"] is None or one["ask_after"] > now else one | {"ask_after": None}


def _seen(viewer: Viewer, one: dict[str, Any]) -> dict[str, Any]:
    """An account as this viewer may see it."""
    told = one | {name: seen_text(viewer, one[name]) for name in TEXTS if one[name]}
    asked = one["request"]
    if asked and asked["detail"]:
        told["request"] = asked | {"detail": seen_text(viewer, asked["detail"])}
    return told


def anchor(name: str) -> str:
    """Where an account is on the page."""
    return f"account-{quote(name, safe='')}"


@router.post("/operations/accounts/{name}/pause")
async def pause(
    live: Here, store: Store, viewer: Operator, name: Name, why: Annotated[Typed, Form()] = ""
) -> RedirectResponse:
    """Stop asking an account. Who did it stays on record."""
    if not why.strip():
        raise Problem(422, "nobody said why; go back and write it, for whoever wonders later")
    done = await standing.pause(store, live.site.accounts, name, await by(store, viewer), why.strip())
    return _back(name, "paused", done=done)


@router.post("/operations/accounts/{name}/resume")
async def resume(live: Here, store: Store, viewer: Operator, name: Name) -> RedirectResponse:
    """Ask an account again, also one that is held because the provider refused it."""
    done = await standing.resume(store, live.site.accounts, name, await by(store, viewer))
    return _back(name, "resumed", done=done)


@router.post("/operations/accounts/{name}/poll")
async def poll(live: Here, store: Store, viewer: Operator, name: Name) -> RedirectResponse:
    """Make everything open of an account due now; a worker asks about it."""
    due = await standing.poll(store, live.site.accounts, name, await by(store, viewer))
    return _back(name, "polled", done=due is not None)


def _back(name: str, word: str, *, done: bool) -> RedirectResponse:
    if not done:
        raise Problem(404, "no account has that name; go back to the list of accounts")
    return RedirectResponse(f"/operations?done={word}&account={quote(name, safe='')}#{anchor(name)}", 303)

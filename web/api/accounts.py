"""Accounts: how they are, and stopping, starting and hurrying them."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from rules.viewers import Viewer
from store import standing
from web.api.routing import router as new_router
from web.api.suppression import Text
from web.by import by
from web.masking import seen_text
from web.problem import Problem
from web.site import Here, Store
from web.who import Operator, Reader

router: APIRouter = new_router("accounts")

Name = Annotated[str, Path(max_length=200, examples=["alerts"])]


class Account(BaseModel):
    """How an account is, what it has open, and what trouble it has."""

    name: str = Field(examples=["alerts"])
    adapter: str = Field(examples=["twilio"])
    state: str = Field(description="`ok`, `new`, `paused`, `not configured`, or its trouble.", examples=["ok"])
    open: int = Field(description="Messages that are still asked about.", examples=[120])
    due: int = Field(description="Those to be asked about now.", examples=[3])
    overdue: int = Field(description="Those past their deadline.", examples=[0])
    next_look_at: datetime | None
    ask_after: datetime | None = Field(description="It is left alone until then.")
    read_until: datetime | None = Field(description="Up to when its stream is known whole.")
    paused_at: datetime | None
    paused_by: str | None = Field(examples=[None])
    paused_why: str | None = Field(examples=[None])
    trouble: str | None = Field(examples=[None])
    trouble_said: str | None = Field(examples=[None])
    trouble_since: datetime | None
    not_ours: int = Field(description="Reports about nobody's message.", examples=[0])


class Accounts(BaseModel):
    """All accounts."""

    items: list[Account]


class Why(BaseModel):
    """Why, for whoever wonders later."""

    why: Text = Field(min_length=1, examples=["the provider has maintenance until noon"])


class Changed(BaseModel):
    """What was done."""

    name: str = Field(examples=["alerts"])
    paused: bool = Field(examples=[True])


class Hurried(BaseModel):
    """How many messages are due now."""

    name: str = Field(examples=["alerts"])
    made_due: int = Field(examples=[120])


@router.get("/accounts")
async def accounts(live: Here, store: Store, viewer: Reader) -> Accounts:
    """Tell how every account is."""
    found = await standing.everyone(store, live.site.accounts)
    return Accounts(items=[Account.model_validate(_seen(viewer, one)) for one in found])


def _seen(viewer: Viewer, one: dict[str, Any]) -> dict[str, Any]:
    """An account as this viewer may see it: what people and providers wrote may hold an address."""
    return one | {name: seen_text(viewer, one[name]) for name in ("paused_why", "trouble_said") if one[name]}


@router.post("/accounts/{name}/pause")
async def pause(live: Here, store: Store, viewer: Operator, name: Name, asked: Why) -> Changed:
    """Stop asking an account. Its messages wait."""
    if not await standing.pause(store, live.site.accounts, name, await by(store, viewer), asked.why):
        raise _none()
    return Changed(name=name, paused=True)


@router.post("/accounts/{name}/resume")
async def resume(live: Here, store: Store, viewer: Operator, name: Name) -> Changed:
    """Ask an account again, also one that is held because the provider refused it."""
    if not await standing.resume(store, live.site.accounts, name, await by(store, viewer)):
        raise _none()
    return Changed(name=name, paused=False)


@router.post("/accounts/{name}/poll")
async def poll(live: Here, store: Store, viewer: Operator, name: Name) -> Hurried:
    """Make everything open of an account due now; a worker asks about it."""
    due = await standing.poll(store, live.site.accounts, name, await by(store, viewer))
    if due is None:
        raise _none()
    return Hurried(name=name, made_due=due)


def _none() -> Problem:
    return Problem(404, "no account has that name; `GET /api/v1/accounts` lists them")

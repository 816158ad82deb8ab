"""Blocked addresses: which of many are, all of them with why, blocking and unblocking."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from rules.columns import CHANNELS
from rules.hashing import Hashing
from rules.statuses import Channel
from rules.viewers import Scope
from store import blocking, hashing, suppression
from store.connections import Connection
from web.api.routing import router as new_router
from web.api.wanted import ChannelWord, channel_of, invalid
from web.by import by
from web.cursors import USUAL, Cursor, Limit, Page, next_page, place_of
from web.masking import seen_recipient, seen_text
from web.problem import Problem
from web.site import Here, Live, Store
from web.who import Operator, Reader, ReaderOrRecorder

router: APIRouter = new_router("suppression")

#: Addresses in one request.
MOST = 10_000

Recipient = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
Text = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]


class Address(BaseModel):
    """A recipient on a channel."""

    channel: str = Field(examples=["sms"])
    recipient: Recipient = Field(examples=["+447700900123"])


class Addresses(BaseModel):
    """Addresses to ask about."""

    addresses: list[Address] = Field(max_length=MOST)


class Checked(Address):
    """Whether an address is blocked."""

    blocked: bool = Field(examples=[True])


class CheckedAll(BaseModel):
    """The answers, in the order in which was asked."""

    addresses: list[Checked]


class Blocked(BaseModel):
    """A blocked address, and why it is."""

    channel: str = Field(examples=["sms"])
    recipient: str = Field(examples=["+447700900123"])
    since: datetime = Field(description="When the message was sent that blocked it first.")
    because: str = Field(examples=["hard_bounced, invalid_address"])
    proofs: int = Field(description="How many messages or people blocked it.", examples=[2])
    message: int | None = Field(description="The number of the message that blocked it first.", examples=[4711])
    added_by: str | None = Field(description="The person who blocked it.", examples=[None])


class Proof(BaseModel):
    """What blocked or unblocked an address."""

    what: str = Field(examples=["blocked"])
    at: datetime
    because: str | None = Field(examples=["opted_out"])
    account: str | None = Field(examples=["alerts"])
    message: int | None = Field(examples=[4711])
    code: str | None = Field(description="The provider's code.", examples=["5.1.1"])
    by: str | None = Field(examples=["ada"])
    detail: str | None = Field(examples=["asked us by telephone"])


class Proved(Checked):
    """Whether an address is blocked, and everything that ever blocked or unblocked it, oldest first."""

    proofs: list[Proof]


class Blocking(BaseModel):
    """Addresses to block."""

    channel: str = Field(examples=["sms"])
    recipients: list[Recipient] = Field(min_length=1, max_length=MOST, examples=[["+447700900123"]])
    why: Text = Field(default="", examples=["asked us by telephone"])


class Unblocking(Address):
    """An address to unblock, with a note for whoever wonders later."""

    note: Text = Field(min_length=1, examples=["the number has a new owner"])


class Done(BaseModel):
    """What came of it."""

    channel: str = Field(examples=["sms"])
    changed: int = Field(description="How many addresses.", examples=[1])


@router.post("/suppression/check")
async def check(live: Here, store: Store, viewer: ReaderOrRecorder, asked: Addresses) -> CheckedAll:
    """Say which of many addresses are blocked; ask before sending. Needs `record`, or `read` that is not masked."""
    if viewer.masked and not viewer.may(Scope.RECORD):
        raise _masked()
    hashes = await _hashes(store, live)
    wanted = [(_channel(one.channel, f"body.addresses.{n}.channel"), one) for n, one in enumerate(asked.addresses)]
    blocked = await blocking.check(store, hashes, [(channel, one.recipient) for channel, one in wanted])
    found = [
        Checked(channel=channel.word, recipient=one.recipient, blocked=yes)
        for (channel, one), yes in zip(wanted, blocked, strict=True)
    ]
    return CheckedAll(addresses=found)


@router.post("/suppression/proofs")
async def proofs(live: Here, store: Store, viewer: Reader, asked: Address) -> Proved:
    """Say whether one address is blocked, and everything that ever blocked or unblocked it."""
    if viewer.masked:
        raise _masked()
    hashes = await _hashes(store, live)
    channel = _channel(asked.channel, "body.channel")
    blocked = await blocking.check(store, hashes, [(channel, asked.recipient)])
    known = await blocking.proofs(store, hashes, channel, asked.recipient)
    said = [Proof(**{**one, "detail": one["detail"] or None}) for one in known]
    return Proved(channel=channel.word, recipient=asked.recipient, blocked=blocked[0], proofs=said)


@router.get("/suppression")
async def list_blocked(
    request: Request,
    response: Response,
    live: Here,
    store: Store,
    viewer: Reader,
    channel: ChannelWord = None,
    limit: Limit = USUAL,
    cursor: Cursor = "",
) -> Page[Blocked]:
    """List blocked addresses, with what blocked each first."""
    place = place_of(live, "suppression", cursor)
    after = (str(place[0]), int(place[1])) if place else ("", 0)
    rows = await suppression.page(store, channel_of(channel), after, limit + 1)
    more, rows = len(rows) > limit, rows[:limit]
    last = [rows[-1]["recipient"], rows[-1]["channel"]] if more else None
    found: list[dict[str, Any]] = [blocking.plain(row) for row in rows]
    items = [Blocked(**{**one, "recipient": seen_recipient(viewer, one["recipient"])}) for one in found]
    return Page(items=items, next=next_page(request, response, live, "suppression", last))


@router.post("/suppression")
async def block(live: Here, store: Store, viewer: Operator, asked: Blocking) -> Done:
    """Block addresses on a channel. Who did it stays on record."""
    channel = _channel(asked.channel, "body.channel")
    hashes = await _hashes(store, live)
    who = await by(store, viewer)
    changed = await blocking.block(store, hashes, channel, asked.recipients, seen_text(viewer, asked.why), who)
    return Done(channel=channel.word, changed=changed)


@router.post("/suppression/unblock")
async def unblock(live: Here, store: Store, viewer: Operator, asked: Unblocking) -> Done:
    """Unblock an address. Only a message sent later can block it again. Who did it stays on record."""
    channel = _channel(asked.channel, "body.channel")
    hashes = await _hashes(store, live)
    if not await blocking.unblock(store, hashes, channel, asked.recipient, asked.note, await by(store, viewer)):
        raise Problem(404, f"nothing blocks that address on {channel.word}")
    return Done(channel=channel.word, changed=1)


async def _hashes(store: Connection, live: Live) -> Hashing:
    return await hashing.agreed(store, live.site.hashing)


def _channel(word: str, where: str) -> Channel:
    if word not in CHANNELS:
        raise invalid(where, f"there is no such channel; there are {', '.join(CHANNELS)}")
    return CHANNELS[word]


def _masked() -> Problem:
    return Problem(403, "recipients are masked for this token, so they cannot be asked about", "masked")

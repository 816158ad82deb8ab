"""Addresses of people in links and forms: sealed, so that none is in an address of the web, a log or a browser's list.

Who may not see recipients can follow such a link too, and change what it is about, and still sees none.
"""

from typing import Annotated

from pydantic import StringConstraints

from rules.hashing import Hashing
from rules.recipients import normal
from rules.sealing import Unsealed
from rules.viewers import Viewer
from store import hashing
from store.connections import Connection
from web.problem import Problem
from web.site import Live

PURPOSE = "recipient"

#: What a person types: nothing that Postgres cannot keep.
Typed = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]

Sealed = Annotated[str, StringConstraints(max_length=4096)]


def close(live: Live, recipient: str) -> str:
    """A recipient as it may stand in a link."""
    return live.seal.close(PURPOSE, recipient)


def open_(live: Live, sealed: str) -> str:
    """The recipient. Raises Problem."""
    try:
        return live.seal.open(PURPOSE, sealed)
    except Unsealed:
        raise Problem(404, "this link is not ours; search for the recipient again") from None


def typed(viewer: Viewer, recipient: str) -> str:
    """The normal recipient that somebody searches for. Raises Problem for who may not see them."""
    if viewer.masked:
        raise Problem(403, "recipients are masked for you, so they cannot be searched; open one from a message")
    if not recipient.strip():
        raise Problem(422, "no recipient was given; go back and type an address, a number or a device token")
    return normal(recipient)


def close_search(live: Live, viewer: Viewer, text: str) -> str:
    """What somebody searches for as it may stand in a link; empty for nothing."""
    return live.seal.close(_search(viewer), text.strip()) if text.strip() else ""


def open_search(live: Live, viewer: Viewer, sealed: str) -> str:
    """What is searched for. Raises Problem."""
    try:
        return live.seal.open(_search(viewer), sealed) if sealed else ""
    except Unsealed:
        raise Problem(404, "this search is not yours; search again") from None


def _search(viewer: Viewer) -> str:
    """Who may not see recipients cannot open what somebody else searched for."""
    return "masked search" if viewer.masked else "search"


async def hashes(store: Connection, live: Live) -> Hashing:
    """How recipients are kept here."""
    return await hashing.agreed(store, live.site.hashing)

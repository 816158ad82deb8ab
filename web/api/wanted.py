"""What a program may ask for in the address of a list."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated

from fastapi import Query

from rules.columns import CHANNELS
from rules.statuses import Channel, Status
from rules.viewers import Viewer
from rules.vocabularies import Vocabulary
from store import exports, listing
from store.connections import Connection
from store.listing import Way
from web.problem import Problem
from web.site import Live

STATUSES = {status.word: status for status in Status}

ChannelWord = Annotated[str | None, Query(alias="channel", examples=["sms"], description="Those on one channel.")]
AccountName = Annotated[str | None, Query(alias="account", examples=["alerts"], description="Those of one account.")]
StatusWords = Annotated[
    list[str] | None,
    Query(alias="status", examples=[["delivered"]], description="Only those with this status; may be repeated."),
]
VocabularyName = Annotated[
    str | None,
    Query(alias="vocabulary", examples=["crisis"], description="In whose words; else those of the settings."),
]


def channel_of(word: str | None) -> Channel | None:
    """The channel that a word names. Raises Problem."""
    return None if word is None else CHANNELS[_one_of(word, CHANNELS, "channel")]


def statuses_of(words: list[str] | None) -> frozenset[Status] | None:
    """The statuses that words name; None for any. Raises Problem."""
    return frozenset(STATUSES[_one_of(word, STATUSES, "status")] for word in words) if words else None


async def account_of(connection: Connection, name: str | None) -> int | None:
    """The number of an account. Raises Problem."""
    if name is None:
        return None
    known = await listing.accounts(connection)
    return known[_one_of(name, known, "account")]


def vocabulary_of(live: Live, name: str | None) -> tuple[str, Vocabulary]:
    """A vocabulary and its name. Raises Problem."""
    wanted = name or live.site.vocabulary
    return wanted, live.site.vocabularies[_one_of(wanted, live.site.vocabularies, "vocabulary")]


def among(ways: Collection[Way], statuses: frozenset[Status]) -> frozenset[Way]:
    """Those of the ways to stand that have one of the statuses."""
    return frozenset(way for way in ways if exports.standing(way).status in statuses)


def aware(at: datetime | None, name: str) -> datetime | None:
    """A time that says its zone. Raises Problem."""
    if at is not None and at.tzinfo is None:
        raise invalid(name, "has no zone; write it like 2026-03-01T09:30:00Z")
    return at


def only_unmasked(viewer: Viewer, wanted: str | None) -> str | None:
    """What is searched for among recipients. Raises Problem for a viewer who may not see them."""
    if wanted and viewer.masked:
        raise Problem(403, "recipients are masked for this token, so they cannot be searched", "masked")
    return wanted


def invalid(where: str, detail: str) -> Problem:
    """The problem of a parameter or a member of the body."""
    return Problem(422, f"{where}: {detail}", "invalid", errors=[{"where": where, "detail": detail}])


def _one_of(word: str, known: Collection[str], where: str) -> str:
    if word not in known:
        raise invalid(where, f"there is none of that name; there are {', '.join(sorted(known)) or 'none yet'}")
    return word

"""Why a request was made the way it was: a word to keep, and what it says to people."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Why(StrEnum):
    """Why something is asked the way it is."""

    ONLY = "only"  # there is no other way
    FEWEST = "fewest"  # it takes the fewest requests
    AHEAD = "ahead"  # it takes no more requests than lookups, and shows messages that are not due yet
    UNSEEN = "unseen"  # a window did not show them
    LONGER = "longer"  # a window turned out so long that lookups take fewer requests than the rest of it
    APART = "apart"  # together with others they could not be read
    PERSON = "person"  # a person asked


#: Requests that are about messages one by one, and what they name them by.
BY = {"lookup": "by id", "references": "by reference"}


def why(look: Mapping[str, Any]) -> str:
    """What the row of a request says of its reason. Nothing for streams, and where no reason was kept."""
    if look["why"] is None:
        return ""
    if look["how"] == "listing":
        return f"by window {_clock(look['since'])} to {_clock(look['until'])} {_of_window(look)}"
    if look["how"] in BY:
        return f"{BY[look['how']]} {_of_lookup(Why(look['why']), look)}"
    return ""


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M:%S}"


def _of_window(look: Mapping[str, Any]) -> str:
    covered, pages = look["covered"], _count(look["expected"], "page")
    if not covered:
        return "(a further page)"
    due = f"because {_count(covered, 'message')} {'was' if covered == 1 else 'were'} due in it"
    if look["instead"] is None:
        return f"{due}: {pages}, and no other way to ask"
    if look["why"] == Why.AHEAD:
        return f"{due} and others soon are: {pages}, no more than by id"
    return f"{due}: {pages} instead of {_count(look['instead'], 'request')}"


def _of_lookup(reason: Why, look: Mapping[str, Any]) -> str:
    match reason:
        case Why.UNSEEN:
            return "because a window did not show it"
        case Why.LONGER:
            return "because a window was longer than expected: the rest of it would have taken more requests"
        case Why.APART:
            return "because the answer about it and others could not be read"
        case Why.PERSON:
            return "because a person asked"
        case Why.FEWEST if look["instead"] is not None:
            covered, pages = _count(look["covered"], "message"), _count(look["instead"], "page")
            return f"because it takes 1 request for {covered}, and windows take {pages}"
        case _:
            return "because there is no other way to ask"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

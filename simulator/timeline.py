"""Timelines: when which word is said about a message, with the faults that lie in the timeline itself."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rules.statuses import Status
from simulator.fates import Fate, Meaning
from simulator.message import Said
from simulator.scenario import LONGEST, SHORTEST, Scenario

#: A word that no provider's documentation has.
UNKNOWN = "pondering"

#: Statuses that a message may keep for ever because nobody says more.
WAITING = ((Status.PENDING,), (Status.SENT,))

#: By how much the time of an event that is out of order is too late.
BACK = timedelta(milliseconds=20)


@dataclass(frozen=True, slots=True)
class Ways:
    """How a provider tells: as a feed of events, in a stream (a feed, a queue or a drain), or by lookup alone."""

    feed: bool = False
    streams: bool = False
    #: Whether the word of a failure stands for its code, where it has none.
    words_are_codes: bool = False


def plan(
    fate: Fate,
    meanings: Mapping[str, Meaning],
    sent_at: datetime,
    chance: random.Random,
    scenario: Scenario,
    ways: Ways,
) -> list[Said]:
    """All that is said about a message of this fate. `chance` is drawn from in the same way whatever the rates are."""
    takes = scenario.typical * min(max(math.exp(chance.gauss(0, scenario.spread)), SHORTEST), LONGEST)
    says = [_said(key, meanings[key], sent_at + takes * share, ways) for share, key in fate.steps]
    draws = {name: chance.random() for name in ("unknown_word", "out_of_order", "late", "missing")}
    place = chance.randrange(max(len(says), 1))
    faults = scenario.faults
    if says and draws["unknown_word"] < faults.unknown_word:
        _say_unknown(says, sent_at, takes)
    if ways.feed and draws["out_of_order"] < faults.out_of_order:
        _turn_back(says)
    if ways.streams and draws["missing"] < faults.missing:
        _miss(says, place)
    for number, said in enumerate(says):
        said.number = number
        share = chance.random()
        if ways.feed and chance.random() < faults.inserted_late:
            _delay(said, scenario.delay * share, "inserted_late")
        elif not ways.feed and number == place and said.at > sent_at and draws["late"] < faults.late:
            _delay(said, scenario.delay * share, "late")
    _count_attempts(says)
    return says


def _said(key: str, meaning: Meaning, at: datetime, ways: Ways) -> Said:
    word, _, code = key.partition(" ")
    cause = word if ways.words_are_codes and meaning.reason and not code else code
    return Said(0, word, code, meaning, at, at, cause)


def _say_unknown(says: list[Said], sent_at: datetime, takes: timedelta) -> None:
    """As the last word, where a message would stay without a verdict for ever; else before the last.

    What was said before stands, so the status is the same with the unknown word or without.
    """
    last = says[-1]
    if last.meaning.statuses in WAITING:
        at, place = sent_at + takes, len(says)
    else:
        before = says[-2].at if len(says) > 1 else sent_at
        at, place = before + (last.at - before) / 2, len(says) - 1
    says.insert(place, Said(0, UNKNOWN, "", Meaning(), at, at, owed=("unknown_word",)))


def _turn_back(says: list[Said]) -> None:
    """Let what happened first bear a later time than what came of it."""
    if len(says) > 1 and says[1].meaning.statuses:
        first, second = says[:2]
        first.at = first.shown_at = second.at + BACK
        first.owed += ("out_of_order",)


def _miss(says: list[Said], place: int) -> None:
    """Leave one word out of the streams. None after a verdict, nor one of two: nobody looks up what is settled."""
    said = says[place]
    others = says[:place] + (says[place + 1 :] if said.meaning.settles else [])
    if said.meaning.statuses and not any(other.meaning.settles for other in others):
        said.is_missing = True
        said.owed += ("missing",)


def _delay(said: Said, by: timedelta, fault: str) -> None:
    said.shown_at = max(said.shown_at, said.at + by)
    said.owed += (fault,)


def _count_attempts(says: list[Said]) -> None:
    attempt = 0
    for said in says:
        if said.meaning.is_attempt:
            attempt += 1
            said.attempt = attempt

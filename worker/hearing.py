"""Hearing: what the pages of an answer say, matched to the messages that were asked about."""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter

import msgspec

from rules.reports import Report, Word, fold, words
from store.reports import Said
from store.watches import Watch
from worker.accounts import Account


@dataclass(slots=True)
class Heard:
    """What answers said: words about messages, ids learnt, unknown words, and what each claimed message got."""

    said: list[Said] = field(default_factory=list)
    #: (reference, part, provider id) of messages whose provider id was not known.
    learnt: list[tuple[str, str, str]] = field(default_factory=list)
    #: Unknown word to (how often, provider id of one message).
    unknown: dict[str, tuple[int, str]] = field(default_factory=dict)
    #: Everything an answer held about each claimed message, by its id.
    answers: dict[int, list[Report]] = field(default_factory=dict)


def hear(account: Account, reports: Iterable[Report], watches: Iterable[Watch], seen_at: datetime) -> Heard:
    """Sort `reports` by whom they are about. Old news about claimed messages is dropped here, before the database."""
    by_key = {(watch.provider_id, watch.part): watch for watch in watches if watch.provider_id}
    by_reference = {(watch.reference, watch.part): watch for watch in watches if watch.reference}
    heard = Heard()
    others: dict[tuple[str, str], list[Report]] = {}
    for report in reports:
        if report.unknown:
            _note_unknown(heard, report)
        key = report.provider_id, report.part
        watch = by_key.get(key)
        if watch is None and report.reference:
            watch = by_reference.get((report.reference, report.part))
        if watch is None:
            others.setdefault(key, []).append(report)
        else:
            heard.answers.setdefault(watch.id, []).append(report)
            if report.provider_id and not watch.provider_id:
                heard.learnt.append((watch.reference, watch.part, report.provider_id))
    claimed = {watch.id: watch for watch in watches}
    for number, answer in heard.answers.items():
        watch = claimed[number]
        if digest(answer) != watch.said:
            heard.said += told(account, answer, seen_at, watch.provider_id, watch.part, number)
    for (provider_id, part), answer in others.items():
        heard.said += told(account, answer, seen_at, provider_id, part, None)
    return heard


def told(
    account: Account, reports: Iterable[Report], seen_at: datetime, provider_id: str, part: str, number: int | None
) -> list[Said]:
    """The words of `reports` about one message. Reports that name no message say nothing.

    Those that differ only in their status are one word, so that one statement writes all of it.
    """
    if number is None and not provider_id:
        return []
    said = [word for report in reports for word in words(report, seen_at)]
    if len(said) > 1:
        said = fold(said)
    return [Said(word, provider_id, part, number, account.blocks(word)) for word in said]


def _note_unknown(heard: Heard, report: Report) -> None:
    count, _ = heard.unknown.get(report.unknown, (0, ""))
    heard.unknown[report.unknown] = (count + 1, report.provider_id)


def digest(reports: Sequence[Report]) -> int:
    """A number that is the same for the same answer about a message, whenever it was given."""
    whole = _told(reports[0]) if len(reports) == 1 else b"".join(sorted(map(_told, reports)))
    (number,) = _NUMBER.unpack(hashlib.blake2b(whole, digest_size=8).digest())
    return int(number)


def _told(report: Report) -> bytes:
    """All that a report says. Each says how long it is, so that none together can be taken for another.

    Its `repr` would do as well and take ten times as long; a feed's look-back reads a million of them.
    """
    said = _EVERYTHING(report)
    try:
        return _ENCODER.encode(said)
    except (ValueError, OverflowError):
        # A text that is no Unicode, a number beyond 64 bits, or a time before all others.
        return repr(said).encode("utf-8", "backslashreplace")


_EVERYTHING = attrgetter(*(each.name for each in fields(Report)))
_ENCODER = msgspec.msgpack.Encoder()
_NUMBER = struct.Struct(">q")


def bits(said: Iterable[Word]) -> int:
    """Everything that these words set."""
    together = 0
    for word in said:
        together |= word.bits
    return together

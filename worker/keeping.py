"""How what is said is kept: which recipients as hashes, and, where all are, no address in the texts beside them.

A provider says a part as an address. The message that it is about may be recorded under that, or under its hash.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import asyncpg
import msgspec

from rules.hashing import PLAIN, Hashing
from rules.mentions import Mentions, masked
from rules.recipients import normal
from rules.reports import Report
from rules.statuses import Channel
from store import hashing as kept
from store.connections import Connection
from store.hashing import Address, Names
from store.inbox import Recording, Stray
from worker.accounts import Account

CHANNELS = {channel.word: int(channel) for channel in Channel}


def part_of(part: str) -> str:
    """A part as it is compared where nobody knows the provider."""
    return part.strip().lower()


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of the inbox, by number, that are kept under the hash of their recipient."""

    hashing: Hashing = PLAIN
    hashed: frozenset[int] = frozenset()

    def recording(self, recording: Recording) -> Recording:
        """A recording with its recipient as it is kept."""
        if recording.row not in self.hashed:
            return recording
        hide = self._hide([recording.recipient, recording.part])
        return replace(
            recording,
            recipient=recording.recipient and self.hashing.hash(recording.recipient),
            part=recording.part and self.hashing.hash(recording.part),
            provider_id=hide(recording.provider_id),
            reference=hide(recording.reference),
        )

    def stray(self, stray: Stray, row: int) -> Stray:
        """A row put aside with its recipient as it is kept. It can still be taken in later."""
        if row not in self.hashed:
            return stray
        said = msgspec.json.decode(stray.said, type=dict[str, object])
        recipient, part = str(said.get("recipient") or ""), str(said.get("part") or "")
        mentions = Mentions([recipient, part])
        told = {name: mentions.struck(value) if isinstance(value, str) else value for name, value in said.items()}
        told |= {"recipient": self.hashing.of(recipient)} if recipient else {}
        told |= {"part": self.hashing.hash(part_of(part))} if part else {}
        return replace(
            stray,
            said=msgspec.json.encode(told).decode(),
            problem=masked(mentions.struck(stray.problem)),
            account=stray.account and mentions.struck(stray.account),
        )

    def _hide(self, addresses: Sequence[str]) -> "Hide":
        return Hide(self.hashing, addresses)


class Hide:
    """Names that hold an address of the person are kept as hashes of themselves."""

    def __init__(self, hashing: Hashing, addresses: Sequence[str]) -> None:
        self._hashing = hashing
        self._addresses = [address.lower() for address in addresses if address]
        self._mentions = Mentions(self._addresses)

    def __call__(self, name: str | None) -> str | None:
        """`name`, or its hash if it holds an address."""
        return self._hashing.any_text(name) if name and self.is_in(name) else name

    def is_in(self, text: str) -> bool:
        """Whether the text holds an address, also as a part of something longer."""
        return any(address in text.lower() for address in self._addresses) or self._mentions.are_in(text)


async def batch_of(connection: Connection, rows: Sequence[asyncpg.Record], hashing: Hashing) -> Batch:
    """Which of these rows of the inbox are kept under a hash: all, or those of people who were erased."""
    if hashing.key is None:
        return Batch(hashing)
    addresses: dict[int, list[Address]] = {}
    for row in rows:
        channel = CHANNELS.get((row["channel"] or "").lower())
        recipient, part = normal(row["recipient"] or ""), part_of(row["part"] or "")
        addresses[row["id"]] = [(channel, one) for one in (recipient, part) if one]
    every = sorted({address for found in addresses.values() for address in found}, key=str)
    hashed = set(every) if hashing.everyone else await kept.erased_among(connection, hashing, every)
    return Batch(hashing, frozenset(row for row, found in addresses.items() if hashed.intersection(found)))


async def recordings_as_kept(connection: Connection, recordings: Sequence[Recording], batch: Batch) -> list[Recording]:
    """Recordings with their recipients as they are kept. A message that is known under a plain part stays so."""
    if not batch.hashed:
        return list(recordings)
    plain = [_names(one) for one in recordings if one.part and one.row in batch.hashed]
    there = await kept.there_among(connection, plain)
    return [
        replace(batch.recording(one), part=one.part) if _names(one) in there else batch.recording(one)
        for one in recordings
    ]


def _names(recording: Recording) -> Names:
    return recording.account, recording.provider_id, recording.reference, recording.part


async def reports_as_kept(
    connection: Connection, account: Account, number: int, reports: Sequence[Report]
) -> list[Report]:
    """Reports with their parts as their messages have them, and without addresses where all recipients are hashed."""
    hashing = account.hashing
    if hashing.key is None:
        return list(reports)
    if account.limits.parts:
        hashed = await _hashed(connection, number, hashing, {_place(one) for one in reports if one.part})
        reports = [replace(one, part=hashing.hash(one.part)) if _place(one) in hashed else one for one in reports]
    return [without_addresses(one) for one in reports] if hashing.everyone else list(reports)


def without_addresses(report: Report) -> Report:
    """A report whose texts hold nothing that looks like an address. What the recipient answered stays."""
    return replace(report, code=masked(report.code), detail=masked(report.detail), unknown=masked(report.unknown))


#: A provider id, a reference and a part, as a report says them.
Place = tuple[str, str, str]


def _place(report: Report) -> Place:
    return report.provider_id, report.reference, report.part


async def _hashed(connection: Connection, account: int, hashing: Hashing, places: Collection[Place]) -> set[Place]:
    """Which of these messages are recorded under the hash of their part, or would be if they were recorded now."""
    plain = {place: _named(account, place, place[2]) for place in places}
    hashes = {place: _named(account, place, hashing.hash(place[2])) for place in places}
    there = await kept.there_among(connection, [*plain.values(), *hashes.values()])
    addresses: list[Address] = [(None, place[2]) for place in places]
    erased = {recipient for _, recipient in await kept.erased_among(connection, hashing, addresses)}
    return {
        place
        for place in places
        if plain[place] not in there and (hashes[place] in there or hashing.everyone or place[2] in erased)
    }


def _named(account: int, place: Place, part: str) -> Names:
    return account, place[0] or None, place[1] or None, part

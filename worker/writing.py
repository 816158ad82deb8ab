"""Writing down what answers said: one place for lookups, windows and streams."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import httpx

from adapters.base import Page, What
from rules.reports import Report, words
from rules.state import State
from rules.statuses import Source
from store import hashing, inbox, journal, reports, watches
from store.connections import Connection
from store.deadlocks import outlast
from store.reports import Applied, Said
from store.watches import Looked, Watch
from worker import asked, settling
from worker.desk import Desk
from worker.hearing import Heard, bits, digest, hear
from worker.keeping import reports_as_kept
from worker.settling import Terms


@dataclass(slots=True)
class Tally:
    """What a poll did."""

    requests: int = 0
    looked: int = 0
    reports: int = 0
    written: int = 0
    settled: int = 0
    early: int = 0
    unknown: int = 0
    unreadable: int = 0

    def add(self, applied: Applied) -> None:
        """Count what was applied."""
        self.written += applied.written
        self.settled += applied.settled
        self.early += applied.early


async def join(
    desk: Desk, said: Sequence[Report], claimed: Sequence[Watch], seen_at: datetime, source: Source, tally: Tally
) -> Heard:
    """Apply what reports say about claimed messages and about others."""
    tally.reports += len(said)
    async with desk.pool.acquire() as connection:
        if desk.account.limits.parts and desk.account.hashing.key is not None:
            heard, applied = await _join_by_name(connection, desk, said, claimed, seen_at, source)
        else:
            heard, applied = await _join(connection, desk, said, claimed, seen_at, source)
        tally.add(applied)
        if heard.learnt:
            keys = [(provider_id, part) for _, part, provider_id in heard.learnt]
            tally.add(await reports.join_early(connection, desk.number, seen_at, keys))
        if heard.unknown:
            await journal.quarantine(connection, desk.number, heard.unknown, seen_at)
            tally.unknown += len(heard.unknown)
    return heard


async def _join(
    connection: Connection,
    desk: Desk,
    said: Sequence[Report],
    claimed: Sequence[Watch],
    seen_at: datetime,
    source: Source,
) -> tuple[Heard, Applied]:
    kept = await reports_as_kept(connection, desk.account, desk.number, said)
    heard = hear(desk.account, kept, claimed, seen_at)
    if heard.learnt:
        await inbox.adopt(connection, desk.number, heard.learnt)
    return heard, await reports.apply(connection, desk.number, source, seen_at, heard.said)


async def _join_by_name(
    connection: Connection,
    desk: Desk,
    said: Sequence[Report],
    claimed: Sequence[Watch],
    seen_at: datetime,
    source: Source,
) -> tuple[Heard, Applied]:
    """The same in one transaction, so that no part becomes a hash between looking it up and applying to it."""

    async def act() -> tuple[Heard, Applied]:
        async with connection.transaction():
            await hashing.join_in(connection)
            return await _join(connection, desk, said, claimed, seen_at, source)

    heard, applied = await outlast(connection, act)
    if applied.early:
        # The recorder may have committed meanwhile; it looks after its commit, and we after ours.
        keys = {(one.provider_id, one.part) for one in heard.said if one.id is None}
        applied += await reports.join_early(connection, desk.number, seen_at, keys)
    return heard, applied


async def join_new(desk: Desk, said: Sequence[Report], now: datetime, tally: Tally) -> None:
    """Apply what is new of a page of a stream. What was read before is dropped here, before the database."""
    digests = [digest([report]) for report in said]
    fresh = [report for report, number in zip(said, digests, strict=True) if number not in desk.seen]
    await join(desk, fresh, (), now, Source.FEED, tally)
    # Only now: had applying failed, they would have to be read again.
    for number in digests:
        desk.seen.add(number)


async def keep_unread(desk: Desk, what: What, response: httpx.Response, page: Page, now: datetime) -> None:
    """Keep an answer that was not understood whole, to be read again once the adapter is mended."""
    unknown = any(report.unknown for report in page.reports)
    if not unknown and not page.unreadable:
        return
    problem = "; ".join(page.unreadable[:5]) or "unknown words"
    async with desk.pool.acquire() as connection:
        kind: journal.Kind = "unreadable" if page.unreadable else "unknown"
        await journal.keep(connection, desk.number, kind, asked.answer(what, response), problem, now)


async def looked(
    desk: Desk,
    claimed: Sequence[Watch],
    answers: dict[int, list[Report]],
    asked_at: datetime,
    terms: Terms,
    tally: Tally,
) -> None:
    """Settle what had its last look, and say when the others are looked at next."""
    guesses: list[Said] = []
    open_still: list[Looked] = []
    for watch in claimed:
        answer = answers.get(watch.id)
        after = _after(watch, answer or [], asked_at)
        standing = replace(desk.account.standing(after), found=answer is not None)
        word = settling.settle(standing, terms, asked_at)
        if word is not None:
            guesses.append(Said(word, watch.provider_id, watch.part, watch.id))
        elif State(after.heard).status.is_open:
            said = None if answer is None else digest(answer)
            next_look_at = desk.next_look_at(watch, asked_at)
            open_still.append(Looked(watch, next_look_at, said, answer is not None))
    tally.looked += len(claimed)
    async with desk.pool.acquire() as connection:
        await _write(connection, desk, guesses, open_still, asked_at, tally)


async def _write(
    connection: Connection,
    desk: Desk,
    guesses: Sequence[Said],
    open_still: Sequence[Looked],
    asked_at: datetime,
    tally: Tally,
) -> None:
    if guesses:
        tally.add(await reports.apply(connection, desk.number, Source.SWEEP, asked_at, guesses, asked_at))
    if open_still:
        await watches.looked(connection, desk.number, asked_at, open_still)


def _after(watch: Watch, answer: Iterable[Report], asked_at: datetime) -> Watch:
    """The watch as it stands after an answer."""
    heard = bits(word for report in answer for word in words(report, asked_at))
    return watch._replace(heard=watch.heard | heard, looked_at=asked_at)

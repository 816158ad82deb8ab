"""Reading an account's stream: a feed, a queue or a drain. It is read whatever is due.

feed    Young pages are applied at once, and read again until they are older than the provider's horizon; only then
        does the stored position move past them.
queue   A page is confirmed after our commit. Whatever happens in between, it comes again.
drain   An answer is written to the journal before it is parsed, because it never comes again.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import structlog

from adapters.base import Page, Since, Take, What
from adapters.errors import AskError, Refused, Unreadable
from rules.schedules import remembered
from store import accounts, journal, watches
from worker import asked, writing
from worker.ask import UnreadableAnswer, pages, read
from worker.plan import Batch
from worker.round import Round, well

log = structlog.get_logger()

#: How much of the horizon passes before a feed is read again from its trusted position.
AGAIN = 0.25

#: After so many refusals in a row a feed begins again as far back as it remembers.
GIVEN_UP_AFTER = 3

#: With nothing open, a stream is read this much more rarely: late answers still correct what was settled.
IDLE = 20
LONGEST_IDLE = timedelta(minutes=5)


async def read_if_due(this: Round) -> bool:
    """Read the account's stream if it has one and it is time; whether it was read."""
    limits, now = this.desk.account.limits, this.now()
    if not limits.streams or (this.held.next_read_at is not None and this.held.next_read_at > now):
        return False
    if limits.feed:
        position, read_until = await _read_feed(this, now)
    else:
        position, read_until = None, await (_read_queue if limits.queue else _read_drain)(this, now)
    if this.held.failures:
        await well(this)
    await _move(this, position, read_until)
    return True


async def _move(this: Round, position: str | None, read_until: datetime | None) -> None:
    """Write where the stream stands and when to read it next. Raises Stale."""
    held, every = this.held, this.desk.account.limits.read_every
    async with this.desk.pool.acquire() as connection:
        idle = await watches.oldest_open(connection, this.desk.number) is None
        pause = max(every, min(every * IDLE, LONGEST_IDLE)) if idle else every
        next_read_at = this.now() + pause
        await accounts.read_on(connection, held, position, read_until, next_read_at)
    known = max((at for at in (held.read_until, read_until) if at), default=None)
    this.held = replace(
        held, position=position or held.position, read_until=known, next_read_at=next_read_at, failures=0
    )


async def _read_feed(this: Round, now: datetime) -> tuple[str | None, datetime | None]:
    """Read a feed to its end: the position past all that is older than the horizon, and until when it is whole.

    Mostly only what is new at its end is read; now and then all that may still have got late events is read again.
    """
    head, limits = this.desk.head, this.desk.account.limits
    whole = head.position is None or head.again_at is None or now >= head.again_at
    start = this.held.position if whole else head.position
    trusted, old = None, True
    async for page in _feed(this, Since(start, await _beginning(this, now)), whole=whole):
        await writing.join_new(this.desk, page.reports, now, this.tally)
        old = old and page.latest_at is not None and page.latest_at <= now - limits.horizon
        trusted = page.position if old else trusted
        head.position = page.position or head.position
        if this.is_over and page.more is not None:
            return (trusted if whole else None), None
    if not whole:
        return None, None
    head.again_at = now + limits.horizon * AGAIN
    return trusted, now - limits.horizon


async def _feed(this: Round, what: Since, *, whole: bool) -> AsyncIterator[Page]:
    """The pages of a feed. A position that is refused again and again, because it is too old, is given up."""
    is_first = True
    try:
        async for page in _pages(this, what):
            is_first = False
            yield page
    except Refused as error:
        if is_first and what.position is not None and not error.credentials:
            await _position_refused(this, error, whole=whole)
        raise


async def _position_refused(this: Round, error: Refused, *, whole: bool) -> None:
    """Forget the position that was refused: that of the newest end at once, the trusted one after some refusals."""
    desk, held = this.desk, this.held
    desk.head.position = None
    if not whole or held.trouble != "refused" or held.failures + 1 < GIVEN_UP_AFTER:
        return
    async with desk.pool.acquire() as connection:
        await accounts.begin_again(connection, held)
    log.error(
        "feed_position_reset",
        account=desk.account.name,
        position=held.position,
        whole_until=held.read_until and held.read_until.isoformat(timespec="seconds"),
        said=str(error),
    )


async def _beginning(this: Round, now: datetime) -> datetime:
    """From when to read a feed that has no position: as far back as it remembers, if need be.

    That is before the oldest open message, and before the feed was whole when it was read last.
    """
    limits = this.desk.account.limits
    async with this.desk.pool.acquire() as connection:
        oldest = await watches.oldest_open(connection, this.desk.number)
    since = min(oldest or now, this.held.read_until or now, now) - max(limits.horizon, timedelta(minutes=1))
    return since if limits.retention is None else max(since, now - remembered(limits.retention))


async def _read_queue(this: Round, now: datetime) -> datetime | None:
    """Take all that waits, confirming each page once it is ours. When it is known whole until."""
    async for page in _pages(this, Take()):
        await writing.join_new(this.desk, page.reports, now, this.tally)
        if page.confirm is not None:
            await _confirm(this, page.confirm)
        if this.is_over and page.more is not None:
            return None
    return now


async def _confirm(this: Round, request: httpx.Request) -> None:
    """Tell the queue that a page is ours. Raises Refused where it does not agree: the page would come for ever."""
    this.tally.requests += 1
    response = await this.desk.sender.send(request)
    if not response.is_success:
        account = this.desk.account
        raise Refused(
            f"{account.adapter.name} (account {account.name}) does not let us confirm its reports (status"
            f" {response.status_code}), so they come again; tell who maintains the adapter"
        )


async def _read_drain(this: Round, now: datetime) -> datetime | None:
    """Take all that is new, each answer kept before it is parsed. When it is known whole until."""
    what = Take()
    request: httpx.Request | None = this.desk.account.adapter.ask(what)
    while request is not None:
        at = this.now()
        response = await this.desk.sender.send(request)
        number = await _keep(this, what, response, "drain", None)
        page = await _parse(this, what, response, number)
        this.note(Batch(what, ()), at, status=response.status_code, said=len(page.reports))
        await writing.join_new(this.desk, page.reports, now, this.tally)
        await _mark_read(this, number, page)
        request = page.more
        if this.is_over and request is not None:
            return None
    return now


async def _parse(this: Round, what: What, response: httpx.Response, number: int) -> Page:
    """What a drained answer says; one that cannot be read stays in the journal, to be read again."""
    try:
        return read(this.desk.account.adapter, what, response)
    except AskError as error:
        async with this.desk.pool.acquire() as connection:
            await journal.mark_read(connection, number, None, "unreadable", str(error))
        this.tally.unreadable += 1
        raise


async def _mark_read(this: Round, number: int, page: Page) -> None:
    """The reports of a drained answer are ours now; what was not understood of it waits in the journal."""
    unknown = any(report.unknown for report in page.reports)
    async with this.desk.pool.acquire() as connection:
        if page.unreadable:
            problem = "; ".join(page.unreadable[:5])
            await journal.mark_read(connection, number, None, "unreadable", problem)
        elif unknown:
            await journal.mark_read(connection, number, None, "unknown", "unknown words")
        elif this.desk.account.hashing.key is not None:
            # It holds addresses, perhaps of someone who was erased, and nobody needs it any more.
            await journal.drop(connection, number)
        else:
            await journal.mark_read(connection, number, this.now(), "drain", None)


async def _keep(this: Round, what: What, response: httpx.Response, kind: journal.Kind, problem: str | None) -> int:
    async with this.desk.pool.acquire() as connection:
        kept = asked.answer(what, response)
        return await journal.keep(connection, this.desk.number, kind, kept, problem, this.now())


async def _pages(this: Round, what: What) -> AsyncIterator[Page]:
    """The pages of a feed or queue, each written down as a look. An answer that cannot be read is kept."""
    at = this.now()
    try:
        async for response, page in pages(this.desk.sender, this.desk.account.adapter, what):
            this.note(Batch(what, ()), at, status=response.status_code, said=len(page.reports))
            await writing.keep_unread(this.desk, what, response, page, at)
            yield page
            at = this.now()
    except Unreadable as error:
        this.tally.unreadable += 1
        log.warning("answer_unreadable", account=this.desk.account.name, problem=str(error))
        if isinstance(error, UnreadableAnswer):
            await _keep(this, what, error.response, "unreadable", str(error))
        raise

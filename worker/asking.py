"""Asking what was planned, several requests at a time, and writing down the answers as they come."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime

import structlog

from adapters.base import Window
from adapters.errors import AskError, Refused, Unreachable, Unreadable
from rules.reports import Report
from rules.statuses import Source
from rules.why import Why
from store import journal
from store.watches import Watch
from worker import asked, writing
from worker.ask import UnreadableAnswer, pages
from worker.pace import QuotaUsed
from worker.plan import Batch, lookups
from worker.round import Round, hand_back, put_off, well
from worker.windows import Reading

log = structlog.get_logger()

#: Answers to lookups are written together: all that have come, up to this many.
TOGETHER = 500

#: After this many answers that nobody can read, and none that one can, the provider is left alone.
TOO_MANY_BAD = 5

#: How many messages that a window did not show are looked up at once for each of its pages, apart from last looks.
SOME = 10

#: An answer to a lookup, and when it was asked for.
Answer = tuple[Batch, list[Report], datetime]


class Asking:
    """Ask some batches and write down their answers."""

    def __init__(self, this: Round, batches: list[Batch]) -> None:
        """Ask `batches` in their order."""
        self._this = this
        self._desk = this.desk
        self._waiting = batches[::-1]
        self._later: list[Batch] = []
        self._unasked: list[Watch] = []
        self._answers: asyncio.Queue[Answer | None] = asyncio.Queue()
        self._trouble: AskError | None = None
        self._bad = 0

    async def run(self) -> None:
        """Ask until all is asked, the time is over, or there is trouble, which is raised after all is written."""
        # What cannot be written need not be asked either: should it fail, asking ends.
        self._writer = writer = asyncio.ensure_future(self._write())
        askers: list[asyncio.Future[None]] = []
        try:
            while self._waiting and self._goes_on:
                some = min(self._at_once, len(self._waiting))
                askers = [asyncio.ensure_future(self._ask_some()) for _ in range(some)]
                await asyncio.gather(*askers)
                self._waiting, self._later = self._waiting + self._later[::-1], []
        finally:
            for asker in askers:
                asker.cancel()
            await asyncio.gather(*askers, return_exceptions=True)
            self._answers.put_nowait(None)
            await asyncio.shield(writer)
            left = self._unasked + [watch for batch in self._waiting + self._later for watch in batch.watches]
            if left:
                await asyncio.shield(hand_back(self._this, left, self._this.now()))
        if self._trouble:
            raise self._trouble

    @property
    def _at_once(self) -> int:
        """How many requests may be in flight."""
        most = self._desk.account.limits.concurrency
        return most if self._this.held.easing is None else min(most, self._this.held.easing)

    @property
    def _goes_on(self) -> bool:
        return not (self._trouble or self._this.is_over or self._writer.done())

    async def _ask_some(self) -> None:
        while self._waiting and self._goes_on:
            batch = self._waiting.pop()
            try:
                await self._ask(batch)
            except Unreadable as error:
                await self._unreadable(batch, error)
            except QuotaUsed as error:
                self._unasked += batch.watches
                self._trouble = self._trouble or error
            except Refused as error:
                self._refused(batch, error)
            except Unreachable as error:
                await self._unreachable(batch, error)
            except AskError as error:
                self._stop(batch, error)
            except BaseException:
                self._unasked += batch.watches
                raise

    async def _ask(self, batch: Batch) -> None:
        if isinstance(batch.what, Window):
            await self._ask_window(batch, batch.what)
            return
        this, said = self._this, list[Report]()
        asked_at = at = this.now()
        async for response, page in pages(self._desk.sender, self._desk.account.adapter, batch.what):
            this.note(batch, at, status=response.status_code, said=len(page.reports), covered=batch.watches)
            await writing.keep_unread(self._desk, batch.what, response, page, at)
            said += page.reports
            at = this.now()
        await self._was_good()
        self._answers.put_nowait((batch, said, asked_at))

    async def _ask_window(self, batch: Batch, window: Window) -> None:
        """Read a window page by page; each page is joined at once, and the messages it was for looked at in the end.

        A provider may list some messages nowhere (Twilio: those that were never sent), so some of what it did not show
        is looked up. So is the rest where the window turns out longer than was thought.
        """
        this, limits = self._this, self._desk.account.limits
        asked_at = at = this.now()
        reading, is_whole = Reading(batch, window), True
        sender, adapter = self._desk.sender, self._desk.account.adapter
        async with aclosing(
            pages(sender, adapter, window, ahead=lambda: reading.goes_on and not this.is_over)
        ) as listed:
            async for response, page in listed:
                covered = () if reading.pages else batch.watches
                this.note(batch, at, status=response.status_code, said=len(page.reports), covered=covered)
                await writing.keep_unread(self._desk, window, response, page, at)
                heard = await writing.join(self._desk, page.reports, batch.watches, asked_at, Source.POLL, this.tally)
                reading.add(((report.provider_id, report.part) for report in page.reports), heard.answers)
                at = this.now()
                if page.more is not None and (this.is_over or reading.is_longer(limits)):
                    # What it showed so far counts.
                    is_whole = False
                    break
        reading.learn(self._desk.density, limits, asked_at, is_whole=is_whole)
        await self._was_good()
        left = {watch.id for watch in self._left_of(reading, is_whole=is_whole)}
        looked = [watch for watch in batch.watches if watch.id not in left]
        await writing.looked(self._desk, looked, reading.answers, asked_at, this.terms(), this.tally)

    def _left_of(self, reading: Reading, *, is_whole: bool) -> list[Watch]:
        """Of what a window did not show: what is looked up next, or by the next poll, which plans anew."""
        unseen = reading.unseen
        if is_whole:
            again = lookups(self._worth_it(unseen, reading.pages * SOME), self._desk.account.limits, Why.UNSEEN)
        elif not self._this.is_over:
            again = lookups(unseen, self._desk.account.limits, Why.LONGER)
        else:
            self._unasked += unseen
            return unseen
        self._later += again
        return [watch for batch in again for watch in batch.watches]

    def _worth_it(self, unseen: Sequence[Watch], count: int) -> list[Watch]:
        """Up to `count` of what a window did not show, and all whose last look this is."""
        now, terms = self._this.now(), self._this.terms()
        last = [watch for watch in unseen if now >= terms.bounds(watch.sent_at, watch.deadline_at).last_look_at]
        # Whoever was never found comes first: it may be one that no window will ever show.
        others = sorted((watch for watch in unseen if watch not in last), key=lambda watch: watch.found is True)
        return last + others[:count]

    async def _was_good(self) -> None:
        self._this.run.well()
        if self._this.is_probing:
            await well(self._this)

    async def _unreachable(self, batch: Batch, error: Unreachable) -> None:
        """Ask again in the end, because a provider that answers others may only fail at this; or leave it alone.

        One message may bring down the request about it each time. Such a one is found like one that spoils a batch.
        """
        again = batch.is_again or batch.why is Why.APART
        if self._this.run.failed(again=again) or error.retry_after is not None:
            self._stop(batch, error)
            return
        self._this.note(batch, self._this.now(), result="unreachable", detail=str(error))
        if not again:
            self._later.append(replace(batch, is_again=True))
        elif isinstance(batch.what, Window):
            self._stop(batch, error)
        elif not self._split(batch):
            log.warning("look_put_off", account=self._desk.account.name, message=batch.watches[0].id, said=str(error))
            await put_off(self._this, batch.watches)

    async def _unreadable(self, batch: Batch, error: Unreadable) -> None:
        """Keep the answer and ask again, because it may only have been cut on its way.

        One message may spoil a batch, so its halves are asked apart after that; a single one is put off.
        """
        this = self._this
        this.note(batch, this.now(), result="unreadable", covered=batch.watches)
        this.tally.unreadable += 1
        self._bad += 1
        log.warning("answer_unreadable", account=self._desk.account.name, problem=str(error))
        if isinstance(error, UnreadableAnswer):
            async with self._desk.pool.acquire() as connection:
                kept = asked.answer(batch.what, error.response)
                await journal.keep(connection, self._desk.number, "unreadable", kept, str(error), this.now())
        if self._bad >= TOO_MANY_BAD and not self._this.run.good:
            self._unasked += batch.watches
            self._trouble = self._trouble or error
        elif not batch.is_again:
            self._waiting.append(replace(batch, is_again=True))
        elif not self._split(batch):
            await put_off(this, batch.watches)

    def _refused(self, batch: Batch, error: Refused) -> None:
        """A message refused by itself counts as not found; credentials refused stop the account."""
        if error.credentials or isinstance(batch.what, Window):
            self._stop(batch, error)
            return
        self._this.note(batch, self._this.now(), result="refused", covered=batch.watches, detail=str(error))
        if not self._split(batch):
            self._answers.put_nowait((batch, [], self._this.now()))

    def _split(self, batch: Batch) -> bool:
        """Ask about the halves of a batch apart; false if it cannot be halved."""
        if len(batch.watches) < 2 or isinstance(batch.what, Window):  # noqa: PLR2004 - two halves need two
            return False
        middle = len(batch.watches) // 2
        for half in (batch.watches[:middle], batch.watches[middle:]):
            self._waiting += lookups(half, self._desk.account.limits, Why.APART)
        return True

    def _stop(self, batch: Batch, error: AskError) -> None:
        self._unasked += batch.watches
        self._this.note(batch, self._this.now(), result=error.word, detail=str(error))
        self._trouble = self._trouble or error

    async def _write(self) -> None:
        """Write down answers to lookups, as many together as have come."""
        over = False
        while not over:
            ready = [await self._answers.get()]
            while not self._answers.empty() and len(ready) < TOGETHER:
                ready.append(self._answers.get_nowait())
            over = None in ready
            answers = [one for one in ready if one is not None]
            if answers:
                await self._write_together(answers)

    async def _write_together(self, answers: list[Answer]) -> None:
        """The earliest time counts for all: it is never before any of them was due."""
        this = self._this
        asked_at = min(at for _, _, at in answers)
        claimed = [watch for batch, _, _ in answers for watch in batch.watches]
        said = [report for _, reports, _ in answers for report in reports]
        heard = await writing.join(self._desk, said, claimed, asked_at, Source.POLL, this.tally)
        await writing.looked(self._desk, claimed, heard.answers, asked_at, this.terms(), this.tally)

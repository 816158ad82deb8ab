"""Looking at one message now, for a person who asks."""

from datetime import datetime, timedelta

from adapters.base import Ids, References, What
from adapters.errors import AskError
from rules.reports import Report
from rules.statuses import Source
from rules.why import Why
from store import journal, watches
from store.connections import clock
from store.watches import Watch
from worker import asked, writing
from worker.ask import UnreadableAnswer, pages
from worker.asked import Came
from worker.desk import Desk
from worker.plan import Batch
from worker.writing import Tally

LEASE = timedelta(minutes=1)


async def look_now(desk: Desk, message: int, provider_id: str, reference: str) -> Tally:
    """Ask about a message by its provider id or reference, and write down what is heard.

    An open message's look counts like any other, unless it fails; a settled one may still be corrected. Raises an
    AskError, and ValueError if there is no way to ask about it by itself.
    """
    what = _what(desk, provider_id, reference)
    async with desk.pool.acquire() as connection:
        now = await clock(connection)
        watch = await watches.claim_one(connection, desk.number, message, now + LEASE)
    claimed = [] if watch is None else [watch]
    tally = Tally()
    said: list[Report] = []
    try:
        async for response, page in pages(desk.sender, desk.account.adapter, what):
            await _note(desk, message, what, now, Came(status=response.status_code, said=len(page.reports)))
            tally.requests += 1
            await writing.keep_unread(desk, what, response, page, now)
            tally.unreadable += len(page.unreadable)
            said += page.reports
    except AskError as error:
        await _note(desk, message, what, now, Came(error.word, detail=str(error)))
        await _hand_back(desk, what, claimed, now, error)
        raise
    heard = await writing.join(desk, said, claimed, now, Source.POLL, tally)
    await writing.looked(desk, claimed, heard.answers, now, desk.account.terms(), tally)
    return tally


async def _note(desk: Desk, message: int, what: What, at: datetime, came: Came) -> None:
    """Write down a request."""
    async with desk.pool.acquire() as connection:
        look = asked.look(
            Batch(what, (), why=Why.PERSON), desk.account.limits, at, await clock(connection), [message], came
        )
        await journal.look(connection, desk.number, [look])


async def _hand_back(desk: Desk, what: What, claimed: list[Watch], now: datetime, error: AskError) -> None:
    """The message is due as if nobody had looked; an answer that cannot be read is kept."""
    async with desk.pool.acquire() as connection:
        await watches.hand_back(connection, desk.number, claimed, now)
        if isinstance(error, UnreadableAnswer):
            kept = asked.answer(what, error.response)
            await journal.keep(connection, desk.number, "unreadable", kept, str(error), now)


def _what(desk: Desk, provider_id: str, reference: str) -> Ids | References:
    limits = desk.account.limits
    if provider_id and limits.ids:
        return Ids((provider_id,))
    if reference and limits.references:
        return References((reference,))
    msg = f"{desk.account.adapter.name} cannot be asked about this message by itself; its reports come by themselves"
    raise ValueError(msg)

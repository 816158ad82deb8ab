"""Looking at one message now, for a person who asks."""

from datetime import timedelta

from adapters.base import Ids, References
from rules.reports import Report
from rules.statuses import Source
from store import watches
from store.connections import clock
from worker import writing
from worker.ask import pages
from worker.desk import Desk
from worker.writing import Tally

LEASE = timedelta(minutes=1)


async def look_now(desk: Desk, message: int, provider_id: str, reference: str) -> Tally:
    """Ask about a message by its provider id or reference, and write down what is heard.

    An open message's look counts like any other; a settled one may still be corrected. Raises an AskError, and
    ValueError if there is no way to ask about it by itself.
    """
    async with desk.pool.acquire() as connection:
        now = await clock(connection)
        watch = await watches.claim_one(connection, desk.number, message, now + LEASE)
    what = _what(desk, provider_id, reference)
    tally = Tally()
    said: list[Report] = []
    async for response, page in pages(desk.sender, desk.account.adapter, what):
        tally.requests += 1
        await writing.keep_unread(desk, what, response, page, now)
        said += page.reports
    claimed = [] if watch is None else [watch]
    heard = await writing.join(desk, said, claimed, now, Source.POLL, tally)
    await writing.looked(desk, claimed, heard.answers, now, desk.account.terms(), tally)
    return tally


def _what(desk: Desk, provider_id: str, reference: str) -> Ids | References:
    limits = desk.account.limits
    if provider_id and limits.ids:
        return Ids((provider_id,))
    if reference and limits.references:
        return References((reference,))
    msg = f"{desk.account.adapter.name} cannot be asked about this message by itself; its reports come by themselves"
    raise ValueError(msg)

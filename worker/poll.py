"""A poll: for one account, ask about everything that is due, and write down the answers page by page.

1. Take the account's lease, or end: someone else is asking it.
2. Read its stream, if it has one and it is time.
3. Claim what is due. Settle what had its last look. Plan the rest into few requests.
4. Ask, within the account's pace; join each answer and set the next look, or settle.
5. Hand back what was not asked. Go on with 2 until nothing is due, the time is over, or the provider wants a rest.
"""

import asyncio
from datetime import datetime, timedelta

import structlog

from adapters.base import Limits
from adapters.errors import AskError
from adapters.patience import patience
from rules import breaker
from rules.statuses import Source
from store import accounts, density, reports, slices, watches
from store.accounts import Lease, Stale
from store.connections import Connection, clock
from store.reports import Said
from store.watches import Watch
from worker import due, settling, stream
from worker.asking import Asking
from worker.desk import Budget, Desk
from worker.pace import QuotaUsed
from worker.plan import plan
from worker.round import Round, close, ease, hand_back, keep_lease, renew, rest, wait_for_quota, write_looks
from worker.settling import Terms
from worker.writing import Tally

log = structlog.get_logger()

#: Where there are listings, so many pages' messages are claimed at once, and at most so many messages.
PAGES, MOST = 20, 10_000

#: How long it is until what other workers learnt of densities is read again.
RECALL = timedelta(minutes=10)


async def poll(desk: Desk, holder: str, budget: Budget, number: int = 0) -> Tally:
    """Ask one account about everything that is due. Returns what it did; raises only what nobody foresaw.

    A `number` above 0 is that of a slice, which only looks messages up, beside the account's own poll.
    """
    budget.begin()
    async with desk.pool.acquire() as connection:
        now = await clock(connection)
        held = await _lease(connection, desk, holder, number, (now, now + budget.lease))
        if held is None:
            return Tally()
        await _recall(connection, desk, now)
    this = Round(desk, held, budget, began=(now, asyncio.get_running_loop().time()))
    living = asyncio.ensure_future(keep_lease(this))
    try:
        with patience(this.has_time):
            await _rounds(this)
    except Stale as stale:
        log.warning("lease_lost", account=desk.account.name, reason=str(stale))
    except QuotaUsed as used:
        await wait_for_quota(this, used)
    except AskError as error:
        await rest(this, error)
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        # A worker that is stopped still writes down what it asked and lets the account go.
        await asyncio.shield(close(this))
    return this.tally


async def _lease(
    connection: Connection, desk: Desk, holder: str, number: int, times: tuple[datetime, datetime]
) -> Lease | None:
    if number:
        return await slices.lease(connection, desk.account.name, number, holder, *times)
    return await accounts.lease(connection, desk.account.name, holder, *times)


async def _rounds(this: Round) -> None:
    while not this.is_over:
        async with this.desk.pool.acquire() as connection:
            this.began = await clock(connection), asyncio.get_running_loop().time()
            if not await renew(this, connection):
                return
        did = not this.held.slice and await stream.read_if_due(this)
        did = await _ask_due(this) or did
        await write_looks(this)
        if not did:
            return


async def _ask_due(this: Round) -> bool:
    """Claim, settle, plan and ask; whether there was anything."""
    desk, now, easing = this.desk, this.now(), this.held.easing
    lease_until = now + min(this.budget.lease * 2, timedelta(minutes=5))
    claimed = await due.claim(this, _how_many(this), lease_until)
    if not claimed:
        if this.held.easing is not None:
            # All has been asked that had become due meanwhile.
            await ease(this, None)
        return False
    try:
        to_ask = await settle_ready(this, claimed, now)
        batches = plan(to_ask, this.limits, desk.density, now)
    except BaseException:
        await asyncio.shield(hand_back(this, claimed, now))
        raise
    requests, looked = this.tally.requests, this.tally.looked
    await Asking(this, batches).run()
    due.learn(this, this.tally.requests - requests, this.tally.looked - looked)
    if easing is not None and not this.is_over:
        await ease(this, breaker.eased(easing, max(desk.account.limits.concurrency, _usual(this) // _in_one(this))))
    return True


async def _recall(connection: Connection, desk: Desk, now: datetime) -> None:
    """Know what other workers learnt of how many messages listings show."""
    if desk.account.limits.listing and (desk.density_until is None or now >= desk.density_until):
        desk.density.recall(await density.of(connection, desk.number))
        desk.density_until = now + RECALL


def _how_many(this: Round) -> int:
    """How many to claim. A provider that failed last time is first asked one thing, to see whether it is well."""
    if this.is_probing and not this.tally.requests:
        return 1
    usual, easing = _usual(this), this.held.easing
    return usual if easing is None else min(usual, easing * _in_one(this))


def _usual(this: Round) -> int:
    """How many to claim where nothing hinders."""
    return how_many(this.limits, this.budget.batch)


def _in_one(this: Round) -> int:
    """How many messages one lookup is about at most."""
    return max(this.desk.account.limits.ids, this.desk.account.limits.references, 1)


def how_many(limits: Limits, batch: int) -> int:
    """How many to claim at once, `batch` or more.

    Windows show what is at their edges twice, so they are few and long: what some pages of them may be for is claimed.
    """
    return max(batch, min(limits.listing * PAGES, MOST))


async def settle_ready(this: Round, claimed: list[Watch], now: datetime) -> list[Watch]:
    """Settle or put off what need not be asked any more; returns what must be."""
    terms, account = this.terms(), this.desk.account
    ready: list[Watch] = []
    to_ask: list[Watch] = []
    for watch in claimed:
        bounds = terms.bounds(watch.sent_at, watch.deadline_at)
        had_last = watch.looked_at is not None and watch.looked_at >= bounds.last_look_at
        askable = account.can_ask(watch.provider_id, watch.reference)
        settled = settling.mark(account.standing(watch), terms, now) is not None
        (ready if settled or had_last or not askable else to_ask).append(watch)
    if ready:
        await _settle(this, ready, now, terms)
    return to_ask


async def _settle(this: Round, ready: list[Watch], now: datetime, terms: Terms) -> None:
    """Settle what may be; look at the others again when they may."""
    sweeps, waits = [], []
    for watch in ready:
        word = settling.settle(this.desk.account.standing(watch), terms, now)
        if word is None:
            waits.append(watch)
        else:
            sweeps.append(Said(word, watch.provider_id, watch.part, watch.id))
    async with this.desk.pool.acquire() as connection:
        this.tally.add(await reports.apply(connection, this.desk.number, Source.SWEEP, now, sweeps))
        pause = max(this.desk.account.limits.read_every, timedelta(seconds=1))
        later = [max(terms.bounds(watch.sent_at, watch.deadline_at).settle_at, now + pause) for watch in waits]
        await watches.hand_back(connection, this.desk.number, waits, later)

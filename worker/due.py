"""What a poll claims: all that is due, or where that is more than the quota allows, whoever is to come first.

Whether the quota suffices is seen by counting what is due, up to what can be asked about during one poll. Where it does
not, a little is claimed at a time, so that what becomes due meanwhile has its turn too.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil

import structlog

from adapters.base import Limits
from rules import forecast, priority
from rules.forecast import Ends
from rules.priority import Likelihood, Waiting
from rules.schedules import remembered
from rules.settling_times import curve
from rules.statuses import Channel
from store import accounts, settlings, watches
from store.connections import Connection
from store.settlings import Group
from store.watches import Candidate, Reach, Watch
from worker.accounts import Account
from worker.round import Round

log = structlog.get_logger()

#: Where the quota does not suffice, as much is claimed at once as can be asked about in so many seconds.
AT_ONCE = 2.0

#: What is due is not counted any further, to see whether the quota suffices.
ENOUGH = 50_000

#: Who takes part in one account may take what others chose too, so several times as many are chosen.
CHOICE = 4

#: How often what is due is counted whole, up to a bound, and how often people are told.
COUNT_EVERY = timedelta(minutes=1)
MOST = 2_000_000
TELL_EVERY = timedelta(minutes=10)

#: How far ahead last looks are counted.
AHEAD = timedelta(days=1)

#: How long what was read of settling times is good for, of how long ago it is, and how many messages tell something.
KNOWN_FOR = timedelta(hours=1)
LATELY = timedelta(days=7)
TELLING = 500

#: What is allowed in the long run is allowed in so many seconds, thirty days.
LONG = 2_592_000.0

#: How much each round counts in what is remembered of how many messages a request is about.
NEWS = 0.3


async def claim(this: Round, most: int, lease_until: datetime) -> list[Watch]:
    """Up to `most` messages that are due, so few that the quota suffices for them if it does not for all."""
    desk, now = this.desk, this.now()
    async with desk.pool.acquire() as connection:
        if not this.is_probing and await _is_short(this, connection, now):
            await _know(this, connection, now)
            if not this.held.slice:
                await _count(this, connection, now)
            return await _claim_first(this, connection, most, lease_until)
        can = _can(this)
        if not this.limits.listing:
            # More would only be handed back. Windows are planned the better the more they are for.
            most = min(most, can)
        claimed = await watches.claim(connection, desk.number, now, most, lease_until, desk.mark)
        desk.may_be_short = len(claimed) >= min(most, can)
        if not claimed and this.held.short_since is not None and not this.held.slice:
            await _suffices(this, connection)
    return claimed


def allowed(limits: Limits, seconds: float) -> float:
    """How many requests the quota allows in so many seconds, if nothing of it is used yet."""
    takes = {"requests": 1.0, "records": float(limits.largest), "cost": limits.cost_per_request}
    most = (*limits.requests, *limits.records, *limits.cost)
    lots = (one.amount / takes[one.unit] * max(seconds / one.window.total_seconds(), 1.0) for one in most)
    return min([limits.rate * seconds, *lots])


def sustained(limits: Limits) -> float:
    """How many requests a second the quota allows in the long run."""
    return allowed(limits, LONG) / LONG


def learn(this: Round, requests: int, looked: int) -> None:
    """So many requests were about so many messages. It tells only of an account with listings, and of full pages."""
    listing = this.limits.listing
    if listing and requests and looked >= listing:
        known = this.desk.in_one or float(listing)
        this.desk.in_one = known + NEWS * (looked / requests - known)


def in_one(this: Round) -> float:
    """How many messages a request is about where many are due."""
    limits = this.limits
    if limits.listing:
        return max(this.desk.in_one or float(limits.listing), 1.0)
    return float(max(limits.ids, limits.references, 1))


async def _is_short(this: Round, connection: Connection, now: datetime) -> bool:
    """Whether more is due than can be asked about during one poll."""
    desk = this.desk
    if not (desk.is_short or desk.may_be_short):
        return False
    can = _can(this)
    desk.is_short = await watches.waiting(connection, desk.number, now, desk.mark.at, can + 1) > can
    return desk.is_short


def _can(this: Round) -> int:
    """About how many messages can be asked about during one poll."""
    return min(ceil(allowed(this.limits, this.budget.seconds) * in_one(this)), ENOUGH)


async def _claim_first(this: Round, connection: Connection, most: int, lease_until: datetime) -> list[Watch]:
    """Some of what is due: whoever is to come first."""
    desk, now, account = this.desk, this.now(), this.desk.account
    share = account.limits.rate / account.slices
    few = max(1, min(most, ceil(share * AT_ONCE * in_one(this))))
    found = await watches.candidates(connection, desk.number, now, reach(account, desk.mark.at, now), few * CHOICE)
    ways = desk.likelihoods
    chosen = priority.order((waiting(account, one, ways) for one in found), now)[: few * CHOICE]
    return await watches.claim_these(connection, desk.number, now, [one.id for one in chosen], few, lease_until)


def waiting(account: Account, one: Candidate, ways: Mapping[Channel, Likelihood]) -> Waiting:
    """A message that is due, as the rules see it. Where nothing is recorded of its channel, its age tells."""
    retention = account.limits.retention
    too_late_at = one.deadline_at + account.limits.lag + account.hard_limit
    if retention is not None:
        too_late_at = min(too_late_at, one.sent_at + retention)
    bounds = account.usual_terms.bounds(one.sent_at, one.deadline_at)
    likelihood = ways.get(one.channel, priority.by_age)
    return Waiting(one.id, one.sent_at, one.looked_at, bounds.last_look_at, too_late_at, likelihood)


def reach(account: Account, floor: datetime, now: datetime) -> Reach:
    """How far candidates are looked for."""
    lag, retention = account.limits.lag, account.limits.retention
    if retention is None:
        return Reach(floor, now - lag, lag, None)
    # A message has its last look before its deadline where the provider forgets it before.
    longest = max(account.allowance(channel) for channel in account.adapter.channels)
    return Reach(floor, now + max(longest - remembered(retention), -lag), lag, remembered(retention))


async def _know(this: Round, connection: Connection, now: datetime) -> None:
    """Know how long messages take to settle, as was recorded lately."""
    desk = this.desk
    if desk.likelihoods_at is not None and now < desk.likelihoods_at + KNOWN_FOR:
        return
    desk.likelihoods_at = now
    since, named = now - LATELY, tuple(sorted(desk.account.named_schedules))
    totals = await settlings.totals(connection, desk.number, since, named)
    known = {}
    for (channel, name), total in totals.items():
        if name is None and total.messages >= TELLING:
            group = Group(desk.number, channel, None, named)
            observed = await settlings.observed(connection, group, since, grain=settlings.grain(total.messages))
            terms = desk.account.usual_terms
            horizon = terms.bounds(since, since + desk.account.allowance(channel)).last_look_at - since
            known[channel] = await asyncio.to_thread(curve, observed, horizon.total_seconds())
    desk.likelihoods = {channel: priority.by_curve(times) for channel, times in known.items()}


async def _count(this: Round, connection: Connection, now: datetime) -> None:
    """Now and then count all that is due, foresee what comes of it, and tell people."""
    desk, account = this.desk, this.desk.account
    if desk.counted_at is not None and now < desk.counted_at + COUNT_EVERY:
        return
    desk.counted_at = now
    due = await watches.waiting(connection, desk.number, now, desk.mark.at, MOST)
    counted = forecast.counted(await accounts.backlog(connection, desk.number), now, due)
    rate = sustained(account.limits) * in_one(this)
    missed_from = forecast.missed_from(await _ends(this, connection, now), rate, now)
    foreseen = forecast.forecast(counted, missed_from)
    # What is soon done is not worth a word.
    is_much = missed_from is not None or due > rate * TELL_EVERY.total_seconds()
    told_since = now - TELL_EVERY if is_much else None
    if await accounts.short(connection, this.held, counted, missed_from, told_since):
        log.warning(
            "quota_too_small",
            account=account.name,
            due=due,
            messages_a_second=round(rate, 3),
            lasts_until=_iso(foreseen.lasts_until),
            grows_by_an_hour=foreseen.grows_by,
            last_looks_missed_from=_iso(missed_from),
        )


async def _ends(this: Round, connection: Connection, now: datetime) -> Sequence[Ends]:
    """The last looks of the next while."""
    account = this.desk.account
    limits = account.limits
    kept = None if limits.retention is None else remembered(limits.retention)
    room = account.hard_limit if limits.retention is None or kept is None else limits.retention - kept
    until = reach(account, now, now).deadline_up_to + AHEAD
    groups = await watches.last_looks(connection, this.desk.number, until, limits.lag, kept)
    return [Ends(at, at + room, count) for at, count in groups]


async def _suffices(this: Round, connection: Connection) -> None:
    """Nothing is due any more."""
    if await accounts.sufficient(connection, this.held):
        log.info("quota_suffices", account=this.desk.account.name)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")

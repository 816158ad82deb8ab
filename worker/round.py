"""One poll while it runs: its lease, its time, what it did, and how it ends."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from adapters.base import Limits
from adapters.errors import AskError, Refused, Throttled
from rules import breaker
from rules.breaker import Run
from rules.statuses import Source
from store import accounts, density, journal, reports, slices, watches
from store.accounts import Lease, Stale, Trouble
from store.connections import Connection
from store.journal import Look
from store.reports import Said
from store.watches import BEGINNING, Watch
from worker import asked, settling
from worker.accounts import chance
from worker.asked import Came
from worker.desk import Budget, Desk
from worker.pace import QuotaUsed
from worker.plan import Batch
from worker.settling import Terms
from worker.writing import Tally

log = structlog.get_logger()

#: A message whose answer cannot be read is put off for this long, or for this share of its time if that is less.
PUT_OFF = timedelta(minutes=5)
PUT_OFF_SHARE = 0.05


@dataclass(slots=True)
class Round:
    """A poll of one account. `began` pairs Postgres's clock with the loop's, so that time goes on between reads."""

    desk: Desk
    held: Lease
    budget: Budget
    tally: Tally = field(default_factory=Tally)
    looks: list[Look] = field(default_factory=list)
    began: tuple[datetime, float] = (BEGINNING, 0.0)
    #: What came of its requests, for the breaker.
    run: Run = field(default_factory=Run)
    #: Whether another worker has taken the account over, or an operator has paused it.
    is_lost: bool = False

    def __post_init__(self) -> None:
        """A provider that was in trouble is asked with care."""
        self.run.is_careful = self.is_probing or self.held.easing is not None

    @property
    def is_probing(self) -> bool:
        """Whether the provider was in trouble and has not answered since."""
        return self.held.failures > 0

    @property
    def limits(self) -> Limits:
        """What may be asked: in a slice messages by id only, because only one poll of an account reads windows."""
        limits = self.desk.account.limits
        return replace(limits, listing=0) if self.held.slice else limits

    def has_time(self, seconds: float) -> bool:
        """Whether to try once more after a failure, which would take so long. Whether one is well is tried once."""
        return not (self.is_probing or self.is_lost) and self.budget.has(seconds)

    @property
    def is_over(self) -> bool:
        """Whether to ask nothing more."""
        return self.is_lost or self.budget.is_over

    def now(self) -> datetime:
        """The time by Postgres's clock, as read at the start of the round and carried on."""
        at, since = self.began
        return at + timedelta(seconds=asyncio.get_running_loop().time() - since)

    def terms(self) -> Terms:
        """What settling depends on in this account now."""
        return self.desk.account.terms(read_until=self.held.read_until)

    def note(
        self,
        batch: Batch,
        at: datetime,
        *,
        result: str = "ok",
        status: int | None = None,
        said: int = 0,
        covered: Sequence[Watch] = (),
        detail: str | None = None,
    ) -> None:
        """Write down one request, sent `at`."""
        self.tally.requests += 1
        self.budget.took((self.now() - at).total_seconds())
        came = Came(result, status, said, detail)
        messages = [watch.id for watch in covered]
        look = asked.look(batch, self.desk.account.limits, at, self.now(), messages, came)
        self.looks.append(look)


async def keep_lease(this: Round) -> None:
    """Say that we live while the poll goes on, however slow the provider is; notice when the account is not ours."""
    while not this.is_lost:
        await asyncio.sleep(this.budget.lease.total_seconds() / 3)
        try:
            async with this.desk.pool.acquire() as connection:
                this.is_lost = not await renew(this, connection)
        except Stale as stale:
            this.is_lost = True
            log.warning("lease_lost", account=this.desk.account.name, reason=str(stale))


async def renew(this: Round, connection: Connection) -> bool:
    """Keep the lease; false if the account is not to be asked any more. Raises Stale."""
    now, until = this.now(), this.now() + this.budget.lease
    if this.held.slice:
        return await slices.renew(connection, this.held, now, until)
    return await accounts.renew(connection, this.held, until)


async def write_looks(this: Round) -> None:
    """Keep the looks made so far."""
    if this.looks:
        looks, this.looks = this.looks, []
        async with this.desk.pool.acquire() as connection:
            await journal.look(connection, this.desk.number, looks)


async def hand_back(this: Round, claimed: Sequence[Watch], at: datetime) -> None:
    """Give back what was claimed and not asked."""
    async with this.desk.pool.acquire() as connection:
        await watches.hand_back(connection, this.desk.number, claimed, at)


async def put_off(this: Round, claimed: Sequence[Watch]) -> None:
    """Ask later about messages whose answer cannot be read; past the hard limit settle them without a last look."""
    now, account = this.now(), this.desk.account
    terms = account.terms(asks=False, read_until=this.held.read_until)
    words = [(watch, settling.settle(account.standing(watch), terms, now)) for watch in claimed]
    said = [Said(word, watch.provider_id, watch.part, watch.id) for watch, word in words if word is not None]
    async with this.desk.pool.acquire() as connection:
        if said:
            this.tally.add(await reports.apply(connection, this.desk.number, Source.SWEEP, now, said))
        later = [now + min(PUT_OFF, (watch.deadline_at - watch.sent_at) * PUT_OFF_SHARE) for watch in claimed]
        await watches.hand_back(connection, this.desk.number, claimed, later)


async def well(this: Round) -> None:
    """The provider answered: close the breaker, and ask a little more in the next round."""
    async with this.desk.pool.acquire() as connection:
        if await accounts.went_well(connection, this.held, breaker.FIRST_ROUND):
            log.info("account_recovered", account=this.desk.account.name)
    # Should it fail again in this poll, that is the first failure in a row.
    this.held = replace(this.held, failures=0, easing=breaker.FIRST_ROUND)


async def ease(this: Round, easing: int | None) -> None:
    """After a recovery: let the next round have so many requests; None: as many as usual."""
    async with this.desk.pool.acquire() as connection:
        await accounts.ease(connection, this.held, easing)
    this.held = replace(this.held, easing=easing)
    this.run.is_careful = easing is not None


async def rest(this: Round, error: AskError) -> None:
    """Leave a provider in trouble alone: as long as it asks for, else longer with each failure in a row."""
    now = this.now()
    wait = _wait(error, this.held.failures)
    refused = isinstance(error, Refused)
    settings = this.desk.account.fingerprint if isinstance(error, Refused) and error.credentials else None
    trouble = Trouble(error.word, str(error), now + wait, settings)
    try:
        async with this.desk.pool.acquire() as connection:
            failures = await accounts.went_wrong(connection, this.held, now, trouble)
    except Stale:
        return
    level = log.error if refused else log.warning
    level(
        "account_rests",
        account=this.desk.account.name,
        trouble=trouble.kind,
        said=trouble.said,
        seconds=round(wait.total_seconds()),
        failures=failures,
    )


async def wait_for_quota(this: Round, used: QuotaUsed) -> None:
    """Ask nothing until there are permits again. Nothing failed, so nothing counts."""
    async with this.desk.pool.acquire() as connection:
        await accounts.wait(connection, this.held, used.until)
    log.info("quota_used", account=this.desk.account.name, until=used.until.isoformat(timespec="seconds"))


def _wait(error: AskError, failures: int) -> timedelta:
    wait = breaker.rest(failures, chance())
    if error.retry_after is None:
        return wait
    return max(error.retry_after, timedelta(seconds=1) if isinstance(error, Throttled) else wait)


async def close(this: Round) -> None:
    """Write down what was asked and let the account go. Safe after a lost lease: it changes nothing then."""
    await write_looks(this)
    async with this.desk.pool.acquire() as connection:
        if news := this.desk.density.news():
            await density.keep(connection, this.desk.number, news)
        await (slices if this.held.slice else accounts).release(connection, this.held)

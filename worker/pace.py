"""Pace: no request goes out without a permit from the quota ledger in Postgres, which all processes share.

Permits are taken in blocks, each permit for a moment in time. What became of them is told when the next block is
taken, or at the end of a poll. A permit whose time is over is void: a process that was stopped and goes on sends
nothing with it.
"""

import asyncio
import random
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from adapters.allowance import Allowance
from adapters.errors import AskError
from rules.ledger import SAME, exchange
from rules.quota import Bounds, Grant, Report, State, Told, Used
from store import quota
from store.connections import Pool

#: Whoever must wait longer for a permit does not: the poll ends, and goes on when there are permits again. A tick may
#: start it a second late, which must not matter.
PATIENCE = 20.0

#: How long to wait at most before the ledger is asked again: others may have given something back.
AGAIN = 0.5

#: Blocks are as large as is used of them. This is how they begin, and how large they get.
FEW, MANY = 4, 100_000


class QuotaUsed(AskError):
    """The quota is used up until a time; nothing was asked."""

    word = "quota used"

    def __init__(self, account: str, until: datetime) -> None:
        """Keep until when."""
        super().__init__(f"account {account}: its quota is used up until {until:%Y-%m-%d %H:%M:%S} UTC; it waits")
        self.until = until


def boottime() -> float:
    """Seconds that also pass while this process, or the machine, is stopped."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Permit:
    """The right to send one request now. Times are those of this process."""

    __slots__ = ("_pace", "ended_at", "records", "sent_at", "told_sent_at")

    def __init__(self, pace: "Pace", sent_at: float) -> None:
        """Whoever gets it sends at once."""
        self._pace = pace
        self.sent_at = sent_at
        self.ended_at: float | None = None
        #: What the answer brought, once that is known.
        self.records: int | None = None
        #: When it was sent, as the ledger was told.
        self.told_sent_at = 0.0

    def ended(self, allowance: Allowance | None = None) -> None:
        """The answer has come, or is waited for no more; what it says is left."""
        self._pace.end(self, allowance)

    async def warn(self) -> None:
        """Let all processes know now, and not with the next block, what the provider says."""
        await self._pace.warn()

    def brought(self, records: int) -> None:
        """The answer had so many records, where these are counted."""
        self.records = records


class Pace:
    """Permits for one account from its ledger. `permit` waits until the next request may go out."""

    def __init__(
        self,
        pool: Pool,
        ledger: str,
        bounds: Bounds,
        *,
        account: str = "",
        holder: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = boottime,
    ) -> None:
        """Ask within `bounds` all together with whoever else uses `ledger`; `holder` is a name that no other has."""
        self._pool = pool
        self._ledger = ledger
        self._bounds = bounds
        self._account = account or ledger
        self._holder = holder or secrets.token_hex(8)
        self._sleep = sleep
        self._now = now
        self._lock = asyncio.Lock()
        #: The moments of the present block: start, step and count of each run.
        self._runs: deque[tuple[float, float, int]] = deque()
        self._block = 0
        self._until = 0.0
        self._wanted = FEW
        self._slots = 0
        self._in_flight = 0
        self._an_end = asyncio.Event()
        #: Requests sent with this block, and those whose records are not known yet.
        self._sent: list[Permit] = []
        self._open: list[Permit] = []
        self._counts_records = any(most.unit == "records" for most in bounds.most)
        self._told: Told | None = None
        #: A time of Postgres, and the latest time of this process at which it was not later.
        self._read_at = (0.0, 0.0)

    async def permit(self) -> Permit:
        """Wait for the next permit. Raises QuotaUsed if that takes longer than anybody should wait."""
        async with self._lock:
            while True:
                moment = self._next()
                if moment is None:
                    await self._take()
                elif moment > (now := self._now()):
                    await self._sleep(moment - now)
                else:
                    # Nothing may be awaited from here until the request goes out.
                    self._use(moment)
                    self._in_flight += 1
                    permit = Permit(self, now)
                    self._sent.append(permit)
                    return permit

    def _next(self) -> float | None:
        """The moment of the next permit; None if a block must be taken first."""
        if self._in_flight >= self._slots or not self._runs or self._now() > self._until:
            return None
        return self._runs[0][0]

    def _use(self, moment: float) -> None:
        _, step, count = self._runs[0]
        if count > 1:
            self._runs[0] = (moment + step, step, count - 1)
        else:
            self._runs.popleft()

    def end(self, permit: Permit, allowance: Allowance | None) -> None:
        """A request is over, and the provider may have said what is left."""
        permit.ended_at = self._now()
        self._in_flight -= 1
        self._an_end.set()
        if allowance is not None:
            until = self._theirs(permit.ended_at) + allowance.wait.total_seconds()
            if self._told is None or allowance.left < self._told.left or until > self._told.until + SAME:
                self._told = Told(allowance.left, until)

    async def warn(self) -> None:
        """Tell the ledger now what the provider says."""
        # Also whoever sleeps until the next moment asks the ledger first.
        self._runs.clear()
        async with self._lock:
            if self._told is not None:
                await self._exchange(0)

    async def give_back(self) -> None:
        """Tell what was used; what was not is for others."""
        async with self._lock:
            if self._block or self._slots or self._open:
                await self._exchange(0, slots=0)

    async def _take(self) -> None:
        """Take a block, or wait for one for a while."""
        self._an_end.clear()
        used = len(self._sent)
        is_used_up = self._block and not self._runs
        self._wanted = min(max(FEW, used * 2 if is_used_up else used), MANY)
        grant = await self._exchange(self._wanted)
        if self._runs and self._in_flight < self._slots:
            return
        wait = grant.again_at - self._read_at[0]
        if wait > PATIENCE:
            raise QuotaUsed(self._account, datetime.fromtimestamp(grant.again_at, UTC))
        wait = min(wait, AGAIN) * random.uniform(1, 1.05)  # noqa: S311 - spreads processes, guards nothing
        if self._in_flight:
            await self._until_one_ends(wait)
        else:
            await self._sleep(wait)

    async def _until_one_ends(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._an_end.wait()
        except TimeoutError:
            pass

    async def _exchange(self, permits: int, slots: int | None = None) -> Grant:
        """Tell the ledger what was used, and take what it gives."""
        sent, known = self._sent, [permit for permit in self._open if permit.records is not None]
        report = Report(
            self._block, (*map(self._used, sent), *map(self._corrected, known)), self._in_flight, self._told
        )
        wanted = self._bounds.at_once if slots is None else slots
        before = 0.0

        def begin() -> None:
            nonlocal before
            before = self._now()

        def work(state: State, now: datetime) -> tuple[Grant, float]:
            at = now.timestamp()
            return exchange(state, self._bounds, at, self._holder, report, permits=permits, slots=wanted), at

        # Should it fail, nobody knows whether it was told: this block is over, and counts whole.
        self._runs.clear()
        self._block, self._sent, self._told = 0, [], None
        async with self._pool.acquire() as connection:
            grant, at = await quota.change(connection, self._ledger, work, begin)
        after = self._now()
        self._open = [permit for permit in [*self._open, *sent] if permit.records is None and self._counts_records]
        # Whatever the way to Postgres took: never before a permit's moment, and never after its end.
        self._read_at = at, before
        self._runs.extend((after + run.start - at, run.step, run.count) for run in grant.runs)
        self._until = before + grant.until - at
        self._block, self._slots = grant.block, grant.slots
        return grant

    def _theirs(self, moment: float) -> float:
        """A time of this process by the clock of Postgres, or a little later."""
        at, since = self._read_at
        return at + moment - since

    def _used(self, permit: Permit) -> Used:
        permit.told_sent_at = self._theirs(permit.sent_at)
        ended_at = None if permit.ended_at is None else self._theirs(permit.ended_at)
        records = self._bounds.records if permit.records is None else permit.records
        return Used(permit.told_sent_at, ended_at, 1, records)

    def _corrected(self, permit: Permit) -> Used:
        return Used(permit.told_sent_at, None, 0, (permit.records or 0) - self._bounds.records)

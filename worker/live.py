"""A running worker keeps up with its files, and with what other workers have begun to re-time.

1. Files that changed are read once they are whole. With a single fault nothing changes, and every fault is told.
2. What can change while it runs changes at once, for every pass that begins from then on; the rest is named.
3. Schedules that are others than those applied last are noted, and open messages are re-timed in steps.
4. Adaptive schedules are gone by as they stand in Postgres, whichever worker changed them.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import structlog

from config.changes import AT_START, at_start, changes
from config.settings import Settings
from config.watching import Refused
from store import accounts as rows
from store import adapted, inbox, retiming
from store.connections import LOST, clock
from worker.accounts import Account
from worker.adapting import in_force
from worker.build import build
from worker.configured import configured
from worker.program import Program
from worker.retiming import retime, schedules

log = structlog.get_logger()

#: How often files are looked at, and whether anything is to be re-timed, in seconds.
EVERY = 0.5

#: How long Postgres may take when the worker ends, in seconds.
PATIENCE = 2.0

#: How often a worker looks whether another has applied other schedules, in seconds.
COMPARE_EVERY = 60.0

#: How often a worker looks how adaptive schedules stand, in seconds.
FOLLOW_EVERY = 5.0


class Watches(Protocol):
    """Whatever finds changed settings: `config.watching.Watching`."""

    def look(self, now: float) -> Settings | Refused | None:
        """The settings if they changed, or what is wrong with them; None where nothing is new."""
        ...

    def again(self) -> None:
        """Find the same again."""
        ...


@dataclass
class Live:
    """What keeps one worker up to date. `settings` are those in force, with the servers that were found for them."""

    program: Program
    settings: Settings
    watching: Watches | None = None
    #: Called with new settings once they are in force.
    changed: Callable[[Settings], None] = lambda _settings: None
    #: Seconds by a clock that only rises.
    time: Callable[[], float] = time.monotonic
    #: As they were read last; None before the first time, when those in force may name other servers.
    _read: Settings | None = None
    _refused: Refused | None = None
    _say_at: float = 0.0
    _compare_at: float = 0.0
    _follow_at: float = 0.0
    #: What other workers have applied, as it was told last.
    _told: set[tuple[int, datetime]] = field(default_factory=set)

    async def run(self) -> None:
        """Keep up until it is cancelled."""
        await asyncio.gather(_for_ever(self.watch), _for_ever(self.retime), _for_ever(self.follow))

    async def begin(self) -> None:
        """Note by what schedules this worker goes, which may have changed while none ran."""
        await self._follow()
        await self._note()

    async def watch(self) -> None:
        """Look at the files once."""
        now = self.time()
        if self.watching is not None:
            match found := await asyncio.to_thread(self.watching.look, now):
                case Settings():
                    await self._change(found)
                case Refused():
                    self._refused, self._say_at = found, now
                    log.error(
                        "configuration_refused", problems=list(found.problems), cure="the old settings stay in force"
                    )
        if self._refused is not None and now >= self._say_at:
            async with self.program.pool.acquire() as connection:
                at = await clock(connection)
                await retiming.refuse(connection, self.program.holder, at, self._refused.problems)
            self._say_at = now + retiming.SAYS_EVERY.total_seconds()

    async def _change(self, found: Settings) -> None:
        before = self._read
        if before is None:
            servers = {"database_url": found.database_url, "redis_url": found.redis_url}
            before = self.settings.model_copy(update=servers)
        names = changes(before, found)
        try:
            if names:
                await self._apply(found)
            if self._refused is not None:
                await self._accept()
        except BaseException:
            assert self.watching is not None  # noqa: S101 - it found what could not be applied
            self.watching.again()
            raise
        self._read, self._refused = found, None
        if names:
            later = at_start(names)
            log.info("configuration_changed", changed=names, accounts=len(self.program.accounts))
            if later:
                log.warning("configuration_needs_start", settings=later, cure="start the worker again to change these")

    async def _apply(self, found: Settings) -> None:
        """Everything that can change while the worker runs."""
        new = found.model_copy(update={name: getattr(self.settings, name) for name in AT_START})
        accounts = self._kept(new, build(new))
        async with self.program.pool.acquire() as connection:
            numbers = await rows.ensure(connection, {name: one.adapter.name for name, one in accounts.items()})
            accounts = in_force(accounts, numbers, await adapted.everything(connection))
        await self.program.change(configured(new, self.program.pool, accounts, numbers))
        self.settings = new
        self.changed(new)
        await self._note()
        async with self.program.pool.acquire() as connection:
            if strays := await inbox.retry_strays(connection):
                log.info("strays_retried", rows=strays)

    def _kept(self, new: Settings, built: dict[str, Account]) -> dict[str, Account]:
        """The accounts that are as they were are the same still, so that their desks stay."""
        old = self.program.accounts
        same = {
            name
            for name, table in new.accounts.items()
            if name in old and table == self.settings.accounts.get(name) and old[name].triggers == built[name].triggers
        }
        return {name: old[name] if name in same else account for name, account in built.items()}

    async def follow(self) -> None:
        """Go by the adaptive schedules as they stand now."""
        now = self.time()
        if now >= self._follow_at:
            self._follow_at = now + FOLLOW_EVERY
            if await self._follow():
                await self._note()

    async def _follow(self) -> bool:
        """Whether any of them is another than before."""
        before = self.program.configured
        if not any(account.adaptive for account in before.accounts.values()):
            return False
        async with self.program.pool.acquire() as connection:
            accounts = in_force(before.accounts, before.numbers, await adapted.everything(connection))
        # Where the files changed meanwhile, the next turn does it.
        if self.program.configured is not before or all(accounts[name] is one for name, one in before.accounts.items()):
            return False
        await self.program.change(replace(before, accounts=accounts, upkeep=replace(before.upkeep, accounts=accounts)))
        return True

    async def _note(self) -> None:
        known = self._known()
        by_number = {number: account.name for number, account in known.items()}
        async with self.program.pool.acquire() as connection:
            now, name = await clock(connection), self.program.holder
            wanted = {number: schedules(account) for number, account in known.items()}
            for change in await retiming.note(connection, wanted, now, name):
                log.info(
                    "schedules_changed",
                    account=by_number[change.account],
                    schedules=change.changed,
                    before_by=change.before_by,
                    before_since=change.before_at.isoformat(),
                )

    def _known(self) -> dict[int, Account]:
        configured = self.program.configured
        return {configured.numbers[name]: account for name, account in configured.accounts.items()}

    async def retime(self) -> None:
        """Make the steps of re-timing that can be made now; tell where another worker has other schedules."""
        known = self._known()
        async with self.program.pool.acquire() as connection:
            busy = await retiming.under_way(connection, list(known))
        if busy:
            await retime(self.program.pool, known)
        now = self.time()
        if now >= self._compare_at:
            self._compare_at = now + COMPARE_EVERY
            await self._compare(known)

    async def _compare(self, known: dict[int, Account]) -> None:
        wanted = {number: schedules(account) for number, account in known.items()}
        async with self.program.pool.acquire() as connection:
            others = await retiming.others(connection, wanted)
        for change in others:
            if (change.account, change.before_at) not in self._told:
                self._told.add((change.account, change.before_at))
                log.warning(
                    "schedules_differ",
                    account=known[change.account].name,
                    schedules=change.changed,
                    applied_by=change.before_by,
                    cure="give all workers the same file",
                )

    async def end(self) -> None:
        """Take back what this worker said of its files, if it said something and Postgres is there."""
        if self._refused is not None:
            with contextlib.suppress(*LOST):
                async with asyncio.timeout(PATIENCE):
                    await self._accept()

    async def _accept(self) -> None:
        async with self.program.pool.acquire() as connection:
            await retiming.accept(connection, self.program.holder, await clock(connection))


async def _for_ever(turn: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await turn()
        except LOST as error:
            log.warning("postgres_unreachable", job=turn.__name__, problem=type(error).__name__)
        except Exception:  # whatever it was, the next turn may do better
            log.exception("turn_failed", job=turn.__name__)
        await asyncio.sleep(EVERY)

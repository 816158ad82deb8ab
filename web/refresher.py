"""The refresher: keeps the totals of the communications that people look at, one for all viewers.

It reads the history once for all of them and counts again only the blocks in which something happened. Now and then it
counts one anyway, because an earlier cause changes a label and is no event.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import structlog

from store import totals
from store.connections import LOST, Pool
from store.events import Position
from store.totals import Tally

log = structlog.get_logger()

#: Seconds between two reads of the history while somebody looks.
PAUSE = 1.0

#: Blocks of a communication that are counted in one pass; what remains is counted in the next.
AT_ONCE = 64

#: Seconds for which a communication is kept up after somebody looked, and how many are.
KEPT, MOST = 600.0, 50


@dataclass(slots=True)
class Followed:
    """A communication that is kept up. `version` rises with each change."""

    tally: Tally
    wanted_at: float
    version: int = 0
    viewers: int = 0
    waiting: set[int] = field(default_factory=set)
    #: The block that was counted last without a reason.
    healed: int = -1
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Refresher:
    """Totals by the number of a communication. `run` keeps them up until it is cancelled."""

    def __init__(self, pool: Pool, pause: float = PAUSE) -> None:
        """Read the history every `pause` seconds."""
        self._pool = pool
        self._pause = pause
        self._followed: dict[int, Followed] = {}
        self._counting: dict[int, asyncio.Task[Followed]] = {}
        self._at = Position()

    async def tally(self, communication: int) -> Tally:
        """A communication as it stood a moment ago; the first who asks waits until it is counted."""
        return (await self._follow(communication)).tally

    async def changes(self, communication: int) -> AsyncGenerator[Tally, None]:
        """How it stands now, and again after each change, for as long as somebody looks."""
        found = await self._follow(communication)
        found.viewers += 1
        try:
            seen = found.version
            yield found.tally
            while True:
                while found.version == seen:
                    await found.changed.wait()
                seen = found.version
                yield found.tally
        finally:
            found.viewers -= 1
            found.wanted_at = _time()

    async def _follow(self, communication: int) -> Followed:
        found = self._followed.get(communication)
        if found is None:
            task = self._counting.get(communication)
            if task is None:
                task = self._counting[communication] = asyncio.ensure_future(self._count(communication))
                task.add_done_callback(lambda _: self._counting.pop(communication, None))
            # Whoever goes away does not take the count from others.
            found = await asyncio.shield(task)
        found.wanted_at = _time()
        return found

    async def _count(self, communication: int) -> Followed:
        async with self._pool.acquire() as connection:
            tally = await totals.count(connection, communication)
        if not self._followed:
            self._at = tally.at
        found = self._followed[communication] = Followed(tally, _time())
        # Those who wait for each other's count may have begun at different places; reading some twice is harmless.
        self._at = min(self._at, tally.at, key=_order)
        return found

    async def run(self) -> None:
        """Keep up what is followed."""
        while True:
            await asyncio.sleep(self._pause)
            try:
                await self.refresh()
            except LOST as error:
                log.warning("refresh_put_off", problem=type(error).__name__)

    async def refresh(self) -> None:
        """One pass: forget, read the history, count again."""
        self._forget()
        if not self._followed:
            return
        async with self._pool.acquire() as connection:
            more = True
            while more:
                touched, self._at, more = await totals.touched(connection, self._at)
                for found in self._followed.values():
                    found.waiting |= touched & found.tally.blocks.keys()
            for found in list(self._followed.values()):
                some = set(sorted(found.waiting)[:AT_ONCE])
                found.waiting -= some
                if await totals.count_again(connection, found.tally, some | _next(found)):
                    found.version += 1
                    found.changed.set()
                    found.changed.clear()

    def _forget(self) -> None:
        now = _time()
        idle = [number for number, found in self._followed.items() if not found.viewers]
        idle.sort(key=lambda number: self._followed[number].wanted_at)
        for number in idle:
            if len(self._followed) > MOST or now - self._followed[number].wanted_at > KEPT:
                del self._followed[number]


def _next(found: Followed) -> set[int]:
    """The block after the one counted last without a reason."""
    blocks = sorted(found.tally.blocks)
    if not blocks:
        return set()
    found.healed = next((block for block in blocks if block > found.healed), blocks[0])
    return {found.healed}


def _order(at: Position) -> tuple[int, int]:
    return int(at.xact), at.position


def _time() -> float:
    return asyncio.get_running_loop().time()

"""The desks of a worker process, one for each account that it asks, and what becomes of one whose account changes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from store.connections import Pool
from worker.accounts import Account
from worker.ask import Sends
from worker.desk import Desk


@runtime_checkable
class Closes(Protocol):
    """A sender that has something to close: `adapters.http.Sender`."""

    async def aclose(self) -> None:
        """Close all connections."""
        ...


@runtime_checkable
class GivesBack(Protocol):
    """A sender that has permits: `worker.paced.PacedSender`."""

    async def give_back(self) -> None:
        """Let others use what is left."""
        ...


@dataclass(slots=True, eq=False)
class _Place:
    """A desk, and how many polls work at it."""

    desk: Desk
    polls: int = 0


class Desks:
    """Desks by account. One whose account has changed is left by the polls that are at it, and then closed."""

    def __init__(self, pool: Pool, sender: Callable[[Account, int], Sends]) -> None:
        """Make desks with senders that `sender` opens."""
        self._pool = pool
        self._sender = sender
        self._places: dict[str, _Place] = {}
        self._left: list[_Place] = []

    @asynccontextmanager
    async def at(self, account: Account, number: int) -> AsyncIterator[Desk]:
        """Work at the desk of `account`."""
        place = self._places.get(account.name)
        if place is None:
            place = _Place(Desk(self._pool, account, number, self._sender(account, number)))
            self._places[account.name] = place
        place.polls += 1
        try:
            yield place.desk
        finally:
            place.polls -= 1
            if not place.polls and isinstance(place.desk.sender, GivesBack):
                await asyncio.shield(place.desk.sender.give_back())
            await self.close_left()

    def change(self, accounts: Mapping[str, Account]) -> None:
        """Leave the desks of accounts that are not as they were. Polls that are under way end there.

        The next looks that these set follow the new schedule already: they are the last to write about their messages.
        """
        for name, place in list(self._places.items()):
            new = accounts.get(name)
            if new is place.desk.account:
                continue
            if new is not None:
                place.desk.timing = new
            self._left.append(self._places.pop(name))

    async def close_left(self) -> None:
        """Close the desks that were left and at which nobody works any more."""
        empty = [place for place in self._left if not place.polls]
        self._left = [place for place in self._left if place.polls]
        for place in empty:
            await _close(place.desk)

    async def close(self) -> None:
        """Close them all."""
        places = [*self._places.values(), *self._left]
        self._places, self._left = {}, []
        for place in places:
            await _close(place.desk)


async def _close(desk: Desk) -> None:
    if isinstance(desk.sender, Closes):
        await desk.sender.aclose()

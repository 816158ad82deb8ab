"""What the page and the API are made of: values that are passed in, and what is open while they run."""

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from config.web import WebOptions
from rules.hashing import PLAIN, Hashing
from rules.sealing import Seal
from rules.vocabularies import Vocabulary
from store.connections import Connection, Pool
from store.standing import Configured
from web.measuring import Measuring
from web.refresher import Refresher

#: How long a request waits for one of the connections, in seconds.
PATIENCE = 10.0

OpenPool = Callable[[], AbstractAsyncContextManager[Pool]]


@dataclass(frozen=True)
class Site:
    """Values for an app. `vocabulary` names the one of `vocabularies` that is used unless another is named."""

    options: WebOptions
    open_pool: OpenPool = field(repr=False)
    accounts: Mapping[str, Configured]
    vocabularies: Mapping[str, Vocabulary]
    vocabulary: str
    hashing: Hashing = PLAIN
    #: How far back what is recorded of schedules counts.
    looks_kept: timedelta = timedelta(days=14)


@dataclass(frozen=True)
class Live:
    """What is open while an app runs. All processes on one database have the same seal."""

    site: Site
    pool: Pool
    seal: Seal
    refresher: Refresher
    measuring: Measuring
    #: Set when the process is told to stop: whoever streams ends then.
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def named_schedules(self) -> dict[str, Container[str]]:
        """The names of the schedules that are set for each account."""
        return {name: one.timing.named for name, one in self.site.accounts.items() if one.timing is not None}


def live_of(app: FastAPI) -> Live:
    """What is open for `app`, which runs."""
    found: Live = app.state.live
    return found


def _live(request: Request) -> Live:
    return live_of(request.app)


#: For a route: what is open.
Here = Annotated[Live, Depends(_live)]


async def _connection(live: Here) -> AsyncIterator[Connection]:
    async with live.pool.acquire(timeout=PATIENCE) as connection:
        yield connection


#: For a route: a connection, given back before the answer is sent, so that a slow reader holds none. A route that
#: streams takes its own from the pool.
Store = Annotated[Connection, Depends(_connection, scope="function")]

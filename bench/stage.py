"""What a benchmark is given: a server, the size, how many trials come, and a way to say what it prepares."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from store.migrations import migrate


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a benchmark runs. `url` names a server on which databases may be created; `redis` may be empty."""

    url: str
    redis: str
    rounds: int
    scale: float = 1.0
    #: Says what is being prepared.
    note: Callable[[str], None] = lambda _said: None
    #: Decides whatever chance decides.
    seed: int = 7
    #: How long what goes on for a time goes on.
    minutes: float = 1.0

    @property
    def trials(self) -> int:
        """How often each variant runs, the first time included."""
        return self.rounds + 1

    def rows(self, usual: int) -> int:
        """How many rows to use where `usual` is usual."""
        return max(1, round(usual * self.scale))

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """The URL of a fresh database with our schema, which is dropped afterwards."""
        name = f"landed_bench_{uuid4().hex}"
        admin = await asyncpg.connect(self.url)
        try:
            await admin.execute(f'create database "{name}"')
            try:
                url = urlsplit(self.url)._replace(path=f"/{name}").geturl()
                connection = await asyncpg.connect(url)
                try:
                    await migrate(connection)
                finally:
                    await connection.close()
                yield url
            finally:
                await admin.execute(f'drop database "{name}" with (force)')
        finally:
            await admin.close()

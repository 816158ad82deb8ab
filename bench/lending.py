"""A pool of one connection, which whoever measures has too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from store.connections import Connection, Pool


class Lending:
    """Lends the same connection to everyone, one after the other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """The connection."""
        yield self._connection


def lending(connection: Connection) -> Pool:
    """A pool that lends `connection`."""
    return cast("Pool", Lending(connection))

"""Fixtures for the page and the API: an app on a fresh database, and clients that ask it from one place or another."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from config import Settings, words
from config.web import WebOptions
from rules.hashing import PLAIN, Hashing
from rules.viewers import Scope
from store import tokens
from store.changes import By
from store.connections import Pool, clock, open_pool
from store.standing import Configured
from store.tokens import Token
from tests.store.conftest import database as database  # noqa: PLC0414  a fixture
from tests.store.conftest import shared as shared  # noqa: PLC0414  a fixture
from web.app import create_app
from web.site import Site, live_of

#: Where a client is that is not on this machine.
ELSEWHERE = ("203.0.113.7", 40000)
HERE = ("127.0.0.1", 40000)

NAME = "reports.example.com"

ACCOUNTS = {"acme": Configured("twilio"), "resting": Configured("mailgun", paused=True)}


@dataclass(frozen=True)
class Web:
    """An app that runs, and clients for it."""

    app: FastAPI

    @property
    def pool(self) -> Pool:
        """Its connections."""
        return live_of(self.app).pool

    def client(
        self, *, at: tuple[str, int] = HERE, url: str = "http://localhost:8026", **headers: str
    ) -> httpx.AsyncClient:
        """A client somewhere, which sends `headers` (`_` for `-`) with each request."""
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=at)
        return httpx.AsyncClient(transport=transport, base_url=url, headers=said)

    async def token(self, *scopes: Scope, name: str = "somebody", masked: bool = False) -> str:
        """A new token."""
        async with self.pool.acquire() as connection:
            by = By("operator", "cli", await clock(connection))
            made = await tokens.create(connection, Token(name, frozenset(scopes), masked), by)
        assert made is not None
        return made

    async def holder(self, *scopes: Scope, name: str = "somebody", masked: bool = False) -> httpx.AsyncClient:
        """A program elsewhere with a token."""
        token = await self.token(*scopes, name=name, masked=masked)
        return self.client(at=ELSEWHERE, url=f"https://{NAME}", authorization=f"Bearer {token}")


Serve = Callable[..., Awaitable[Web]]


@asynccontextmanager
async def running(
    database: str,
    options: WebOptions,
    hashing: Hashing = PLAIN,
    accounts: Mapping[str, Configured] = ACCOUNTS,
) -> AsyncIterator[Web]:
    """An app with these options, as long as this goes on."""
    settings = Settings()
    site = Site(
        options,
        lambda: open_pool(database, size=8),
        accounts,
        words.everyone(settings),
        settings.vocabulary,
        hashing,
    )
    app = create_app(site)
    async with app.router.lifespan_context(app):
        yield Web(app)


@pytest.fixture
async def serve(database: str) -> AsyncIterator[Serve]:
    """Starts apps with the options that are given; they end with the test."""
    async with AsyncExitStack() as stack:

        async def start(
            hashing: Hashing = PLAIN, accounts: Mapping[str, Configured] = ACCOUNTS, **options: object
        ) -> Web:
            given = WebOptions.model_validate({"hosts": (NAME,), **options})
            return await stack.enter_async_context(running(database, given, hashing, accounts))

        yield start


@pytest.fixture
async def web(serve: Serve) -> Web:
    """An app that is reached as `localhost` and as `reports.example.com`."""
    return await serve()


@pytest.fixture
async def here(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    """A program on this machine."""
    async with web.client() as client:
        yield client


@pytest.fixture
async def db(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the same database."""
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()

"""The app: its routes, what stands around each of them, and what is open while it runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from store import hashing, migrations, tokens
from web import api, health, pages, static
from web.answering import add_handlers
from web.api import about
from web.headers import Headers
from web.limits import Limits
from web.logged import Logged
from web.measuring import Measuring
from web.origins import Origins
from web.refresher import Refresher
from web.site import Live, Site


class NotReady(Exception):
    """The database is not at this release. The message says what to do."""


def create_app(site: Site) -> FastAPI:
    """The page and the API over what `site` holds. Nothing is opened before it runs.

    Raises NotReady, StoreUnreachable and WrongKey when it starts.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with site.open_pool() as pool:
            async with pool.acquire() as connection:
                if missing := await migrations.pending(connection):
                    first = missing[0]
                    raise NotReady(f"the database lacks migration {first.number} ({first.name}): run `landed migrate`")
                await hashing.agreed(connection, site.hashing)
                seal = await tokens.seal(connection)
            refresher = Refresher(pool)
            refreshing = asyncio.ensure_future(refresher.run())
            measuring = Measuring(pool, site.accounts, site.looks_kept)
            app.state.live = Live(site, pool, seal, refresher, measuring)
            try:
                yield
            finally:
                measuring.close()
                refreshing.cancel()
                await asyncio.gather(refreshing, return_exceptions=True)

    app = FastAPI(
        title="Landed", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.state.site = site
    app.state.api = api.routers()
    add_handlers(app)
    for router in routers():
        app.include_router(router)
    # The last added is the outermost.
    app.add_middleware(Limits)
    app.add_middleware(Origins, options=site.options)
    app.add_middleware(Headers)
    app.add_middleware(Logged)
    return app


def routers() -> list[APIRouter]:
    """Every route that there is."""
    return [health.router, static.router, *api.routers(), about.page, *pages.routers()]

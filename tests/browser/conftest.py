"""Fixtures for the browser: one of each worker, the page as `landed web` serves it, and windows that note all trouble.

Whatever a page does, nothing may be said in the browser's console, nothing asked of another host, and nothing tried
that our own policy forbids.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from embedded import Urls
from tests.browser.chromium import chromium
from tests.browser.filled import Filled, fill
from tests.debian import NotFetched

ROOT = Path(__file__).parents[2]

WIDE, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=844)

#: Milliseconds for something to come about, on a machine that does much else.
PATIENCE = 15_000


@pytest.fixture(scope="session")
async def browser(testrun_uid: str) -> AsyncIterator[Browser]:
    """A browser; a skip that says why there is none, but a failure where all must be tried."""
    try:
        with chromium(testrun_uid) as found:
            with pytest.MonkeyPatch.context() as patch:
                for name, value in found.variables.items():
                    patch.setenv(name, value)
                playwright = await async_playwright().start()
            try:
                environment: dict[str, str | float | bool] = {**os.environ, **found.variables}
                opened = await playwright.chromium.launch(executable_path=found.program, env=environment)
                yield opened
                await opened.close()
            finally:
                await playwright.stop()
    except NotFetched as why:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"there is no browser: {why}")
        pytest.skip(f"there is no browser: {why}")


@dataclass(frozen=True)
class Site:
    """The page while it is served: where, on which database, and what is in that."""

    url: str
    database: str
    db: asyncpg.Connection
    filled: Filled

    @property
    def report(self) -> str:
        """The path of the communication's page."""
        return f"/communications/{self.filled.communication}"


@asynccontextmanager
async def served(database: str, folder: Path, **settings: str) -> AsyncIterator[str]:
    """`landed web` in a process of its own, with these settings; its address."""
    (folder / "landed.toml").write_text(
        '[accounts.text_main]\nadapter = "twilio"\naccount_sid = "AC00000000000000000000000000000001"\n'
        'auth_token = "planted"\nbase_url = "http://127.0.0.1:1"\n'
        '[accounts.mail_main]\nadapter = "mailgun"\ndomain = "mail.example.org"\napi_key = "planted"\n'
    )
    given = {name: value for name, value in os.environ.items() if not name.startswith("LANDED_")}
    given |= {"LANDED_DATABASE_URL": database, "LANDED_LOG_FORMAT": "json", "PYTHONPATH": str(ROOT)}
    given |= {f"LANDED_{name.upper()}": value for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "cli", "web", "--port", "0", cwd=folder, env=given, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    seen, url = b"", ""
    try:
        async for line in process.stderr:
            seen += line
            if line.startswith(b"the page is at "):
                url = line.split()[-1].decode()
            if b'"web_started"' in line:
                break
        assert url, seen
        reading = asyncio.ensure_future(process.stderr.read())
        yield url
        assert process.returncode is None, await reading
        process.terminate()
        await reading
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def database_of(servers: Urls, admin: asyncpg.Connection, template: str) -> AsyncIterator[str]:
    """A database of its own, with all migrations."""
    name = f"landed_browser_{uuid4().hex}"
    await admin.execute(f'create database "{name}" template "{template}"')
    try:
        yield urlsplit(servers.database)._replace(path=f"/{name}").geturl()
    finally:
        await admin.execute(f'drop database "{name}" with (force)')


@pytest.fixture(scope="session")
async def site(
    servers: Urls, admin: asyncpg.Connection, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """The page over a communication of 258 messages, which all tests share. None changes how one of these stands."""
    async with database_of(servers, admin, template) as url:
        db = await asyncpg.connect(url)
        filled = await fill(db, datetime.now(UTC).replace(microsecond=0))
        await db.execute("vacuum analyze")
        async with served(url, tmp_path_factory.mktemp("site")) as address:
            yield Site(address, url, db, filled)
        await db.close()


@dataclass
class Trouble:
    """What a browser noticed. An answer with the status `expected` is none."""

    host: str
    expected: int
    said: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Note what is said and asked by a page."""
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("request", lambda request: self._request(request.url))

    def _console(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and f"a status of {self.expected} " not in text:
            self.said.append(f"{kind}: {text}")

    def _request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob", "about"} and parts.netloc != self.host:
            self.said.append(f"asked {url}")


@dataclass(frozen=True)
class Windows:
    """Opens windows."""

    stack: AsyncExitStack
    browser: Browser
    url: str
    troubles: list[Trouble] = field(default_factory=list)

    async def __call__(
        self,
        path: str,
        *,
        js: bool = True,
        size: ViewportSize | None = None,
        dark: bool = False,
        url: str = "",
        status: int = 200,
    ) -> Page:
        """One that shows `path` of the site, or of another that is at `url`."""
        base = url or self.url
        context = await self.stack.enter_async_context(
            await self.browser.new_context(
                base_url=base,
                java_script_enabled=js,
                viewport=size or WIDE,
                color_scheme="dark" if dark else "light",
                locale="en-GB",
                timezone_id="Europe/London",
                permissions=["clipboard-read", "clipboard-write"],
            )
        )
        context.set_default_timeout(PATIENCE)
        trouble = Trouble(urlsplit(base).netloc, status)
        self.troubles.append(trouble)
        context.on("page", trouble.watch)
        page = await context.new_page()
        await page.goto(path)
        return page


@pytest.fixture
async def window(browser: Browser, site: Site) -> AsyncIterator[Windows]:
    """Opens windows on the site, in which there must be no trouble."""
    expect.set_options(timeout=PATIENCE)
    async with AsyncExitStack() as stack:
        windows = Windows(stack, browser, site.url)
        yield windows
        for trouble in windows.troubles:
            assert trouble.said == []


@pytest.fixture(params=[True, False], ids=["js", "plain"])
def js(request: pytest.FixtureRequest) -> bool:
    """Whether JavaScript runs: everything must work without it too."""
    return bool(request.param)

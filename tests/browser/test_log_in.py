"""Logging in and out, where a token is needed."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from playwright.async_api import expect

from rules.viewers import Scope
from store import tokens
from store.changes import By
from store.tokens import Token
from tests.browser.conftest import PHONE, Site, Windows, served
from tests.browser.seeing import overflow, violations

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
async def elsewhere(site: Site, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The same under a name that is not `localhost`, as somebody on another machine has it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    async with served(site.database, folder, web__hosts="reports.localhost") as address:
        yield address.replace("localhost", "reports.localhost")


async def token(db: asyncpg.Connection, name: str, *scopes: Scope, masked: bool = False) -> str:
    """A new token."""
    by = By("operator", "cli", await db.fetchval("select now()"))
    made = await tokens.create(db, Token(name, frozenset(scopes), masked), by)
    assert made is not None
    return made


async def test_one_logs_in_comes_to_where_one_wanted_and_logs_out(
    window: Windows, site: Site, elsewhere: str, *, js: bool
) -> None:
    made = await token(site.db, f"reports-{js}", Scope.READ)
    page = await window("/messages", url=elsewhere, js=js, status=401, size=PHONE)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    await page.get_by_label("Token").fill("landed_wrong")
    await page.get_by_role("button", name="Log in").click()

    await expect(page.get_by_role("alert")).to_contain_text("This token is not valid")

    await page.get_by_label("Token").fill(made)
    await page.get_by_label("Token").press("Enter")

    await expect(page.get_by_role("heading", level=1)).to_have_text("All messages")
    await expect(page.locator(".viewer span")).to_have_text(f"reports-{js}")

    await page.get_by_role("button", name="Log out").click()

    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")

    await page.goto("/messages")

    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


async def test_a_refused_log_in_is_sound(window: Windows, elsewhere: str) -> None:
    page = await window("/log-in", url=elsewhere, status=401, size=PHONE)
    await page.get_by_label("Token").fill("landed_wrong")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    fits, found = await overflow(page), await violations(page)

    assert (fits, found) == ([], [])


async def test_who_only_reads_is_offered_no_change_and_who_is_masked_sees_no_address(
    window: Windows, site: Site, elsewhere: str
) -> None:
    made = await token(site.db, "masked", Scope.READ, masked=True)
    page = await window("/log-in", url=elsewhere, status=401)
    await page.get_by_label("Token").fill(made)
    await page.get_by_role("button", name="Log in").click()
    await page.goto(f"/messages/{site.filled.bounced}/recipient")
    text = await page.locator("body").inner_text()

    await expect(page.locator("h1 s")).to_have_text("m***@example.org")
    await expect(page.get_by_text("Unblock on")).to_have_count(0)
    await expect(page.get_by_text("Block it by hand")).to_have_count(0)
    assert "moved.away" not in text

    await page.goto("/operations")

    await expect(page.get_by_role("button", name="Poll")).to_have_count(0)

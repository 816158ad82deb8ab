"""Every page, as people find it who have a phone, the dark, a keyboard, a screen reader, or no JavaScript."""

from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
from fastapi.routing import APIRoute

from embedded import Urls
from tests.browser.conftest import PHONE, Site, Windows, database_of, served
from tests.browser.filled import Filled
from tests.browser.seeing import COLOURS, overflow, unreached, violations
from web.app import routers

pytestmark = pytest.mark.once

#: A page by what it shows: its route, and its path on a site.
PAGES: dict[str, tuple[str, Callable[[Site], str]]] = {
    "home": ("/", lambda _: "/"),
    "communication": ("/communications/{number}", lambda site: f"{site.report}?status=Failed"),
    "page of a communication": ("/communications/{number}", lambda site: f"{site.report}?page=3"),
    "nobody": ("/communications/{number}", lambda site: f"{site.report}?text=nobody"),
    "messages": ("/messages", lambda _: "/messages?account=mail_main&status=Failed"),
    "message": ("/messages/{number}", lambda site: f"/messages/{site.filled.story}"),
    "open message": ("/messages/{number}", lambda site: f"/messages/{site.filled.messages[-1]}"),
    "bounced message": ("/messages/{number}", lambda site: f"/messages/{site.filled.bounced}"),
    "recipient": ("/messages/{number}/recipient", lambda site: f"/messages/{site.filled.story}/recipient"),
    "token": ("/messages/{number}/recipient", lambda site: f"/messages/{site.filled.messages[-2]}/recipient"),
    "blocked recipient": ("/messages/{number}/recipient", lambda site: f"/messages/{site.filled.bounced}/recipient"),
    "recipients": ("/recipients", lambda _: "/recipients"),
    "suppression": ("/suppression", lambda _: "/suppression"),
    "operations": ("/operations", lambda _: "/operations"),
    "schedules": ("/operations/schedules", lambda _: "/operations/schedules"),
    "schedule": ("/operations/schedules/{name}/{channel}", lambda _: "/operations/schedules/text_main/sms"),
    "quarantine": ("/operations/quarantine", lambda _: "/operations/quarantine"),
    "changes": ("/operations/changes", lambda _: "/operations/changes"),
    "api": ("/api-docs", lambda _: "/api-docs"),
    "log-in": ("/log-in", lambda _: "/log-in"),
}

#: The same where nothing is recorded, and what is said instead of a page.
EMPTY = ("/", "/communications/1", "/messages", "/recipients", "/suppression", "/operations", "/operations/schedules",
    "/operations/quarantine", "/operations/changes")  # fmt: skip
ERRORS = {"/nowhere": 404, "/communications/999": 404, "/messages/999": 404, "/communications/word": 422}

every_page = pytest.mark.parametrize("name", PAGES)


def test_every_page_that_there_is_is_among_them() -> None:
    """A page is what is answered to who only looks, and is neither a file nor for a program."""
    there = {
        route.path
        for router in routers()
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and not route.include_in_schema
    }
    pages = {
        path
        for path in there
        if not path.startswith(("/api/v1", "/static", "/healthz", "/readyz", "/favicon"))
        and "/files/" not in path
        and not path.endswith((".json", "/changes"))
    }

    assert {route for route, _ in PAGES.values()} - {"/operations/changes"} == pages


@every_page
async def test_axe_finds_nothing_in_a_page(window: Windows, site: Site, name: str) -> None:
    """Wide and on a phone, light and dark."""
    page = await window(PAGES[name][1](site))
    wide = await violations(page)
    await page.emulate_media(color_scheme="dark")
    dark = await violations(page, COLOURS)
    await page.set_viewport_size(PHONE)
    phone = await violations(page)
    await page.emulate_media(color_scheme="light")
    light = await violations(page, COLOURS)

    assert [wide, dark, phone, light] == [[], [], [], []]


@every_page
async def test_a_page_fits_a_phone(window: Windows, site: Site, name: str) -> None:
    plain = await window(PAGES[name][1](site), js=False, size=PHONE)
    page = await window(PAGES[name][1](site), size=PHONE)

    assert (await overflow(plain), await overflow(page)) == ([], [])
    assert await plain.get_by_role("heading", level=1).count() == 1


@every_page
async def test_a_keyboard_reaches_everything_and_one_sees_where_it_is(window: Windows, site: Site, name: str) -> None:
    page = await window(PAGES[name][1](site))
    await page.evaluate("document.activeElement.blur()")

    assert await unreached(page) == []


@pytest.mark.parametrize("name", ["communication", "operations"])
async def test_the_way_past_the_navigation_is_the_first_thing_that_a_keyboard_reaches(
    window: Windows, site: Site, name: str
) -> None:
    page = await window(PAGES[name][1](site))
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    box = await skip.bounding_box()

    assert await skip.evaluate("one => one === document.activeElement")
    assert box is not None
    assert box["x"] >= 0

    await page.keyboard.press("Enter")

    assert await page.evaluate("document.activeElement.id") == "content"


@pytest.fixture(scope="module")
async def bare(
    servers: Urls, admin: asyncpg.Connection, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """A site on which nothing is recorded but the name of a communication."""
    async with database_of(servers, admin, template) as url:
        db = await asyncpg.connect(url)
        await db.execute("insert into landed.communication (name) values ('Nobody yet')")
        async with served(url, tmp_path_factory.mktemp("bare")) as address:
            yield Site(address, url, db, Filled(1, []))
        await db.close()


@pytest.mark.parametrize("path", EMPTY)
async def test_a_page_without_anything_is_sound(window: Windows, bare: Site, path: str) -> None:
    page = await window(path, url=bare.url, size=PHONE)
    fits, found = await overflow(page), await violations(page)

    assert (fits, found) == ([], [])


@pytest.mark.parametrize("path", ERRORS)
async def test_what_is_said_instead_of_a_page_is_sound(window: Windows, path: str) -> None:
    page = await window(path, status=ERRORS[path], size=PHONE)
    fits, found = await overflow(page), await violations(page)

    assert (fits, found) == ([], [])
    assert await page.get_by_role("link", name="Landed", exact=True).count() == 1

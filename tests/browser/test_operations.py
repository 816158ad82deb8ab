"""The pages of who operates it: accounts are stopped, started and hurried, schedules tried."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE, Site, Windows

pytestmark = pytest.mark.once

SCHEDULE = "/operations/schedules/text_main/sms"


async def test_an_account_is_paused_and_resumed_with_who_and_why(window: Windows, *, js: bool) -> None:
    page = await window("/operations", js=js, size=PHONE if js else None)
    form = page.locator("details", has_text="Pause text_main")
    await form.locator("summary").click()
    await form.get_by_label("Why").fill("the provider asked us to")
    await form.get_by_role("button", name="Pause").click()

    await expect(page.locator("#told")).to_contain_text("text_main is paused.")
    await expect(page.get_by_text("the provider asked us to")).to_be_visible()

    await page.get_by_role("button", name="Resume text_main").click()

    await expect(page.locator("#told")).to_contain_text("text_main is asked again.")
    await expect(page.get_by_role("button", name="Resume text_main")).to_have_count(0)

    await page.goto("/operations/changes")

    await expect(page.get_by_text("text_main").first).to_be_visible()


async def test_an_account_is_polled_now(window: Windows, site: Site, *, js: bool) -> None:
    await site.db.execute("update landed.watch set next_look_at = next_look_at + interval '1 day'")
    page = await window("/operations", js=js)
    await page.get_by_role("button", name="Poll text_main now").click()

    await expect(page.locator("#told")).to_contain_text("text_main is asked about everything open")
    assert await site.db.fetchval(
        "select bool_and(next_look_at <= now()) from landed.watch join landed.account a on a.id = account"
        " where a.name = 'text_main'"
    )


async def test_the_simulator_draws_again_while_its_slider_moves(window: Windows) -> None:
    page = await window(SCHEDULE)
    before = await page.locator("#ticks").get_attribute("d")
    await page.evaluate("window.same = true")
    slider = page.get_by_role("slider")
    await slider.focus()
    for _ in range(4):
        await slider.press("ArrowRight")

    await expect(page.locator("#ticks")).not_to_have_attribute("d", before or "")
    await expect(page.locator("#tried")).to_be_visible()
    assert await page.evaluate("window.same")

    at = await page.locator("#ticks").get_attribute("d")
    toml = await page.locator("#toml").inner_text()
    await page.reload()

    await expect(page.locator("#ticks")).to_have_attribute("d", at or "")
    await expect(page.locator("#toml")).to_have_text(toml)


async def test_without_javascript_the_simulator_has_buttons(window: Windows) -> None:
    page = await window(SCHEDULE, js=False)
    await page.get_by_role("slider").fill("3")
    await page.get_by_role("button", name="Find the best").click()

    await expect(page.locator("#tried")).to_be_visible()
    await expect(page.get_by_role("slider")).to_have_value("3")


async def test_a_schedule_is_written_and_simulated(window: Windows, *, js: bool) -> None:
    page = await window(SCHEDULE, js=js, status=422)
    await page.get_by_label("Looks at these ages").fill("1m, 10m, 1h")
    await page.get_by_label("Then every").fill("6h")
    await page.get_by_role("button", name="Simulate").click()

    await expect(page.locator("#tried")).to_be_visible()
    await expect(page.locator("#toml")).to_contain_text("1m")

    await page.get_by_label("Looks at these ages").fill("soon")
    await page.get_by_role("button", name="Simulate").click()

    await expect(page.locator("#told")).not_to_be_empty()


async def test_quarantine_and_schedules_are_reached_from_the_accounts(window: Windows) -> None:
    page = await window("/operations")
    for name in ("Schedules", "Quarantine", "Changes"):
        await page.get_by_role("link", name=name).first.click()

        await expect(page.get_by_role("heading", level=1)).to_be_visible()

        await page.get_by_role("link", name="Operations").first.click()

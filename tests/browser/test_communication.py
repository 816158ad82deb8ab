"""The page of a communication, as somebody uses it: each of its buttons, with JavaScript and without."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from rules.statuses import Source, Status
from store import reports
from store.reports import Said
from tests.browser.conftest import Site, Windows
from tests.browser.filled import WARNING, said
from tests.store.written import account, record, recording

pytestmark = pytest.mark.once

#: How many messages a page lists.
SIZE = 100


async def test_it_begins_with_totals_in_the_words_of_the_product(window: Windows, site: Site, *, js: bool) -> None:
    page = await window(site.report, js=js)

    await expect(page.get_by_role("heading", level=1)).to_have_text(WARNING)
    await expect(page.locator("#totals-title")).to_have_text("258 messages")
    await expect(page.get_by_role("link", name="Bounced Temporarily 11")).to_be_visible()
    await expect(page.get_by_role("img", name="Read 31")).to_be_visible()
    await expect(page.locator("#messages tbody tr")).to_have_count(SIZE)


async def test_a_line_of_the_totals_is_a_filter(window: Windows, site: Site, *, js: bool) -> None:
    page = await window(site.report, js=js)
    await page.get_by_role("link", name="Bounced Temporarily 11").click()

    await expect(page.locator("#messages tbody tr")).to_have_count(11)
    await expect(page.locator("#messages .note").first).to_have_text("11 match.")
    await expect(page.locator(".totals [aria-current]")).to_contain_text("Bounced Temporarily")

    await page.get_by_role("link", name="Show everyone").click()

    await expect(page.locator("#messages tbody tr")).to_have_count(SIZE)


async def test_the_form_filters_by_everything_together(window: Windows, site: Site, *, js: bool) -> None:
    page = await window(site.report, js=js)
    await page.get_by_label("Status").select_option("Failed")
    await page.get_by_label("Channel").select_option("email")
    await page.get_by_label("Provider account").select_option("mail_main")
    await page.get_by_role("button", name="Filter").click()

    await expect(page.locator("#messages tbody tr")).to_have_count(4)
    await expect(page.get_by_label("Status")).to_have_value("Failed")
    await expect(page.get_by_label("Channel")).to_have_value("email")


@pytest.mark.parametrize("text", ["+447700900900", "moved.away@example.org", "avon-0254"])
async def test_a_recipient_or_a_reference_is_found(window: Windows, site: Site, text: str, *, js: bool) -> None:
    page = await window(site.report, js=js)
    await page.get_by_label("Recipient or reference").fill(text)
    await page.get_by_label("Recipient or reference").press("Enter")

    await expect(page.locator("#messages tbody tr")).to_have_count(1)

    await page.locator("#messages tbody a").click()

    await expect(page.get_by_text(text).first).to_be_visible()


async def test_nothing_found_is_said(window: Windows, site: Site) -> None:
    page = await window(f"{site.report}?text=nobody")

    await expect(page.locator("#messages")).to_contain_text("No message matches.")


async def test_the_list_is_sorted(window: Windows, site: Site, *, js: bool) -> None:
    page = await window(f"{site.report}?status=Failed", js=js)
    await page.get_by_label("Sort by").select_option("recipient")
    await page.get_by_label("Last first").check()
    await page.get_by_role("button", name="Filter").click()
    await expect(page.get_by_label("Last first")).to_be_checked()
    found = await page.locator("#messages td[data-title=Recipient]").all_inner_texts()

    assert found == sorted(found, reverse=True)
    assert len(found) == 15


async def test_one_turns_pages_in_both_directions(window: Windows, site: Site, *, js: bool) -> None:
    page = await window(site.report, js=js)
    seen = await page.locator("#messages td[data-title=Recipient]").all_inner_texts()
    for _ in range(2):
        await page.get_by_role("link", name="Next").click()
        await expect(page.locator("#messages tbody tr").first).not_to_contain_text(seen[-1])
        seen += await page.locator("#messages td[data-title=Recipient]").all_inner_texts()
    await expect(page.get_by_role("link", name="Next")).to_have_count(0)
    await page.get_by_role("link", name="Previous").click()
    second = await page.locator("#messages td[data-title=Recipient]").all_inner_texts()

    assert len(set(seen)) == 258
    assert second == seen[SIZE : 2 * SIZE]

    await page.get_by_role("link", name="First").click()

    await expect(page.get_by_role("link", name="Previous")).to_have_count(0)


async def test_one_goes_to_a_page_by_its_number(window: Windows, site: Site, *, js: bool) -> None:
    page = await window(site.report, js=js)
    await page.get_by_label("Go to page").fill("3")
    await page.get_by_role("button", name="Go").click()

    await expect(page.get_by_text("Page 3 of 3")).to_be_visible()
    await expect(page.locator("#messages tbody tr")).to_have_count(58)


async def test_the_words_of_another_product_are_chosen_and_remembered(window: Windows, site: Site, *, js: bool) -> None:
    page = await window(f"{site.report}?channel=email", js=js)
    await page.get_by_label("Words of").select_option("log")
    if not js:
        await page.get_by_role("button", name="Choose").click()

    await expect(page.get_by_role("link", name="Opened 31")).to_be_visible()
    await expect(page.get_by_role("columnheader", name="Last Attempt")).to_be_visible()
    await expect(page.get_by_label("Channel")).to_have_value("email")

    await page.goto(site.report)

    await expect(page.get_by_label("Words of")).to_have_value("log")


async def test_ids_of_all_that_is_filtered_are_copied(window: Windows, site: Site) -> None:
    """Not only of the page."""
    page = await window(site.report)
    await page.get_by_role("link", name="Copy IDs").click()
    await expect(page.locator("#told")).to_have_text("258 IDs copied")
    everyone = await page.evaluate("navigator.clipboard.readText()")
    await page.goto(f"{site.report}?status=Failed&channel=email")
    await page.get_by_role("link", name="Copy IDs").click()
    await expect(page.locator("#told")).to_have_text("4 IDs copied")
    failed = await page.evaluate("navigator.clipboard.readText()")

    assert len(set(everyone.split())) == 258
    assert set(failed.split()) < set(everyone.split())
    assert len(failed.split()) == 4


async def test_without_javascript_ids_are_a_list_to_copy(window: Windows, site: Site) -> None:
    page = await window(f"{site.report}?status=Failed&channel=email", js=False)
    await page.get_by_role("link", name="Copy IDs").click()
    shown = await page.locator("body").inner_text()

    assert len(shown.split()) == 4


@pytest.mark.parametrize(("form", "lines"), [("CSV", 12), ("NDJSON", 11)])
async def test_what_is_filtered_is_downloaded(
    window: Windows, site: Site, tmp_path: Path, form: str, lines: int, *, js: bool
) -> None:
    page = await window(f"{site.report}?status=Bounced+Temporarily", js=js)
    async with page.expect_download() as began:
        await page.get_by_role("link", name=form, exact=True).click()
    download = await began.value
    await download.save_as(tmp_path / "file")

    assert download.suggested_filename.endswith(f".{form.lower()}")
    assert len((tmp_path / "file").read_text().splitlines()) == lines


async def test_times_are_those_of_the_reader(window: Windows, site: Site) -> None:
    """With JavaScript, which knows the zone; the moment itself stays in the title."""
    page = await window(site.report)
    time = page.locator("#messages tbody time").first
    at = datetime.fromisoformat(await time.get_attribute("datetime") or "")

    await expect(time).to_contain_text(f"{at.day} {at:%b %Y}")
    await expect(time).to_have_attribute("title", await time.get_attribute("datetime") or "")


async def test_the_page_updates_by_itself_and_by_its_button(window: Windows, site: Site) -> None:
    """What a person types meanwhile stays, and so does the place in which they are."""
    number = await account(site.db, "text_main")
    await record(site.db, [recording(number, f"changing-{n}", communication="Changing") for n in range(3)])
    waiting = await site.db.fetch("select id from landed.message where provider_id like 'changing-%' order by id")
    report = await site.db.fetchval("select id from landed.communication where name = 'Changing'")
    page = await window(f"/communications/{report}")
    plain = await window(f"/communications/{report}", js=False)
    await expect(page.locator("#told")).to_have_text("This page updates by itself.")
    await page.evaluate("window.same = true")
    await page.get_by_label("Recipient or reference").press_sequentially("half a na")
    now = datetime.now(UTC)
    for row in waiting[:2]:
        word = said(Status.FAILED, now, 0)
        await reports.apply(site.db, number, Source.POLL, now, [Said(word, "", id=row["id"])])

    await expect(failed(page)).to_have_text("2")
    await expect(page.get_by_label("Recipient or reference")).to_have_value("half a na")
    await expect(page.get_by_label("Recipient or reference")).to_be_focused()
    assert await page.evaluate("window.same")

    await page.get_by_role("link", name="Refresh").click()

    await expect(page.locator("#told")).to_contain_text("Updated at")
    assert await page.evaluate("window.same")

    await plain.get_by_role("link", name="Refresh").click()

    await expect(failed(plain)).to_have_text("2")


def failed(page: Page) -> Locator:
    """How many texts failed, as the totals say."""
    return page.locator('.totals a[href*="channel=sms"][href*="status=Failed"] strong')


async def test_it_prints_without_what_is_only_for_a_screen(window: Windows, site: Site) -> None:
    page = await window(site.report)
    await page.emulate_media(media="print")

    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await expect(page.locator(".totals a").first).to_be_visible()
    await expect(page.get_by_role("button", name="Filter")).to_be_hidden()
    await expect(page.locator("#copy")).to_be_hidden()

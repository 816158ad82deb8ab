"""All messages, one message, a recipient and the blocked addresses, as somebody uses them."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PHONE, Site, Windows
from tests.browser.filled import SCRIPT, TOKEN

pytestmark = pytest.mark.once


async def test_all_messages_are_filtered_and_turned_by_page(window: Windows, site: Site, *, js: bool) -> None:
    page = await window("/messages", js=js)
    lines = page.locator("#messages tbody tr")
    await expect(lines).to_have_count(100)
    first = await lines.first.inner_text()
    await page.get_by_role("link", name="Next").click()

    await expect(lines.first).not_to_have_text(first)

    await page.get_by_label("Channel").select_option("push")
    await page.get_by_role("button", name="Filter").click()

    await expect(lines).to_have_count(1)
    await expect(lines).to_contain_text("Sent")

    await page.get_by_role("link", name="Show all").click()
    await page.get_by_label("Recipient, reference").fill("avon-0254")
    await page.get_by_role("button", name="Filter").click()
    await page.locator("#messages tbody a").first.click()

    await expect(page.get_by_role("heading", level=1)).to_have_text(f"Message {site.filled.bounced}")


async def test_ids_of_all_messages_are_copied(window: Windows) -> None:
    page = await window("/messages?account=mail_main&status=Failed")
    await page.get_by_role("link", name="Copy IDs").click()
    await expect(page.locator("#told")).to_have_text("4 IDs copied")
    copied = await page.evaluate("navigator.clipboard.readText()")

    assert len(copied.split()) == 4


@pytest.mark.parametrize(("form", "lines"), [("CSV", 5), ("NDJSON", 4)])
async def test_all_messages_are_downloaded(window: Windows, tmp_path: Path, form: str, lines: int, *, js: bool) -> None:
    page = await window("/messages?account=mail_main&status=Failed", js=js)
    async with page.expect_download() as began:
        await page.get_by_role("link", name=form, exact=True).click()
    await (await began.value).save_as(tmp_path / "file")

    assert len((tmp_path / "file").read_text().splitlines()) == lines


async def test_a_message_tells_its_story(window: Windows, site: Site, *, js: bool) -> None:
    """Also what was said too late to change anything."""
    page = await window(f"/messages/{site.filled.story}", js=js, size=PHONE)
    story = page.locator("#story")

    await expect(page.locator("#stands")).to_contain_text("Delivered")
    await expect(story).to_contain_text("Unreachable handset")
    await expect(story.locator("tr.kept")).to_contain_text("nothing: it was known better, and is kept")

    await page.get_by_label("Words of").select_option("engage")
    if not js:
        await page.get_by_role("button", name="Choose").click()
    await page.get_by_role("link", name="Refresh").click()

    await expect(page.get_by_label("Words of")).to_have_value("engage")
    await expect(page.locator("#stands")).to_contain_text("Delivered")


async def test_a_message_says_what_comes_next(window: Windows, site: Site) -> None:
    page = await window(f"/messages/{site.filled.messages[-2]}")

    await expect(page.locator("#next")).to_contain_text("until its deadline")
    await expect(page.locator("#next")).to_contain_text("The next look is due")
    await expect(page.get_by_role("link", name=TOKEN)).to_be_visible()


async def test_what_somebody_wrote_into_an_address_stays_text(window: Windows, site: Site) -> None:
    page = await window(f"/messages/{site.filled.messages[-1]}/recipient")

    await expect(page.get_by_role("heading", level=1)).to_contain_text(SCRIPT)
    await expect(page).to_have_title("Recipient - Landed")


async def test_a_recipient_is_found_blocked_and_unblocked(window: Windows, *, js: bool) -> None:
    """The address is struck out as long as it is blocked, and the note stays on record."""
    address = "+447700900007" if js else "+447700900008"
    page = await window("/recipients", js=js)
    await page.get_by_label("Address, telephone number").fill(address)
    await page.get_by_role("button", name="Show everything").click()
    await expect(page.locator("#messages tbody tr")).to_have_count(1)
    await expect(page.locator("#blocks-title")).to_have_text("Not blocked")
    await page.get_by_text("Block it by hand").click()
    await page.get_by_label("Channel").select_option("sms")
    await page.get_by_label("Why").fill("asked on the telephone")
    await page.get_by_role("button", name="Block", exact=True).click()

    await expect(page.locator("#told")).to_have_text("The address is blocked.")
    await expect(page.locator("h1 s")).to_have_text(address)
    await expect(page.locator("#blocks")).to_contain_text("asked on the telephone")

    await unblock(page, "asked again for them")

    await expect(page.locator("#told")).to_contain_text("The address is unblocked.")
    await expect(page.locator("h1 s")).to_have_count(0)
    await expect(page.locator("#blocks")).to_contain_text("asked again for them")


async def unblock(page: Page, note: str) -> None:
    """Open the form, write a note, and send it."""
    await page.get_by_text("Unblock on").first.click()
    await page.get_by_label("Note").first.fill(note)
    await page.get_by_role("button", name="Unblock").first.click()


async def test_nobody_unblocks_without_a_note(window: Windows, site: Site) -> None:
    page = await window(f"/messages/{site.filled.bounced}/recipient")
    await page.get_by_text("Unblock on").click()
    await page.get_by_role("button", name="Unblock").click()

    assert not await page.get_by_label("Note").evaluate("one => one.validity.valid")
    await expect(page.locator("h1 s")).to_have_text("moved.away@example.org")


async def test_blocked_addresses_are_added_found_unblocked_and_exported(
    window: Windows, site: Site, tmp_path: Path, *, js: bool
) -> None:
    address = "first@example.net" if js else "second@example.net"
    page = await window("/suppression", js=js)
    await expect(page.get_by_role("link", name="moved.away@example.org").locator("s")).to_be_visible()
    await page.get_by_text("Block an address by hand").click()
    form = page.locator("form[action='/suppression/add']")
    await form.get_by_label("Channel").select_option("email")
    await form.get_by_label("Address, number").fill(address)
    await form.get_by_label("Why").fill("by letter")
    await form.get_by_role("button", name="Block").click()

    await expect(page.locator("#told")).to_have_text("The address is blocked.")
    await expect(page.locator("#list tbody tr")).to_have_count(1)
    await expect(page.locator("#list")).to_contain_text(address)

    async with page.expect_download() as began:
        await page.get_by_role("link", name="CSV", exact=True).click()
    await (await began.value).save_as(tmp_path / "blocked.csv")
    await unblock(page, "a mistake")

    assert address in (tmp_path / "blocked.csv").read_text()
    await expect(page.locator("#told")).to_contain_text("The address is unblocked.")
    await expect(page.locator("#list")).to_contain_text(f"{address} is not blocked")

    await page.get_by_role("link", name="Show all").click()
    await page.get_by_role("search").get_by_role("searchbox").fill("moved.away@example.org")
    await page.get_by_role("button", name="Search").click()
    await page.locator("#list tbody a", has_text="message").click()

    await expect(page.get_by_role("heading", level=1)).to_have_text(f"Message {site.filled.bounced}")
    await expect(page.locator("dd s")).to_have_text("moved.away@example.org")


async def test_the_list_is_filtered_by_channel(window: Windows, *, js: bool) -> None:
    page = await window("/suppression", js=js)
    await page.get_by_label("Filter blocked addresses").get_by_label("Channel").select_option("letter")
    if not js:
        await page.get_by_role("button", name="Filter").click()

    await expect(page.locator("#list")).to_contain_text("No address is blocked.")

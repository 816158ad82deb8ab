"""The pictures of the pages in `docs/images`: `python -m tests.browser.screenshots` takes them anew.

They show made-up people: numbers and domains that nobody has.
"""

import asyncio
import io
import os
import random
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
from PIL import Image
from playwright.async_api import Browser, ViewportSize, async_playwright

from embedded import Servers
from store.migrations import migrate
from tests.browser.chromium import Chromium, chromium
from tests.browser.conftest import PHONE, ROOT, WIDE, served
from tests.browser.filled import TEXTS, Filled, fill
from tests.store.written import account

IMAGES = ROOT / "docs" / "images"

#: Colours of a picture: text stays sharp, and the file small.
COLOURS = 256

#: Messages of which it is recorded how long they took.
SETTLED = 3000


#: High enough for both of its charts.
TALL = ViewportSize(width=1280, height=990)


@dataclass(frozen=True, slots=True)
class Picture:
    """What a picture shows, and how."""

    path: str
    size: ViewportSize
    dark: bool = False


def pictures(filled: Filled) -> dict[str, Picture]:
    """Each picture by its name."""
    report = f"/communications/{filled.communication}?sort=recipient"
    return {
        "communication": Picture(report, WIDE),
        "communication-dark": Picture(report, WIDE, dark=True),
        "communication-phone": Picture(report, PHONE),
        "schedule": Picture("/operations/schedules/text_main/sms?looks_per_message=4#try-title", TALL),
    }


async def settled(db: asyncpg.Connection) -> None:
    """Texts that took as long as texts do: most some seconds, and some until their phone is on again."""
    dice = random.Random(7)  # noqa: S311 - always the same picture
    times = [
        dice.lognormvariate(2.3, 0.9) if dice.random() < 0.85 else dice.lognormvariate(8, 1.6) for _ in range(SETTLED)
    ]
    await db.execute(
        "insert into landed.settling (at, account, channel, kind, messages, looks, missed, froms, untils)"
        " values (now(), $1, 2, 1, $2, 4 * $2::integer, 0, $3, $3)",
        await account(db, TEXTS),
        SETTLED,
        times,
    )


async def take(url: str, found: Chromium, folder: Path) -> None:
    """Fill a database, serve it, and take every picture."""
    db = await asyncpg.connect(url)
    await migrate(db)
    filled = await fill(db, datetime.now(UTC).replace(microsecond=0), strange=False)
    await settled(db)
    async with served(url, folder) as address, async_playwright() as playwright:
        environment: dict[str, str | float | bool] = {**os.environ, **found.variables}
        browser = await playwright.chromium.launch(executable_path=found.program, env=environment)
        for name, one in pictures(filled).items():
            (IMAGES / f"{name}.png").write_bytes(await taken(browser, address, one))
        await browser.close()
    await db.close()


async def taken(browser: Browser, address: str, picture: Picture) -> bytes:
    """A picture as a small PNG."""
    context = await browser.new_context(
        viewport=picture.size,
        color_scheme="dark" if picture.dark else "light",
        locale="en-GB",
        timezone_id="Europe/London",
    )
    page = await context.new_page()
    await page.goto(f"{address}{picture.path}")
    if await page.locator("[data-changes]").count():
        await page.get_by_text("This page updates by itself.").wait_for()
    image = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    await context.close()
    small = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def main() -> None:
    """Take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="landed-pictures-"))
    home.chmod(0o711)  # root's servers run as someone else
    try:
        with Servers(home / "home") as urls, chromium(uuid4().hex) as found:
            os.environ |= found.variables
            asyncio.run(take(urls.database, found, home))
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()

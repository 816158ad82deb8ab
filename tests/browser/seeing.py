"""What people with a small screen, a keyboard or a screen reader would stumble over in a page, one line each."""

from typing import Any

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page

#: All that axe knows, best practices too.
AXE = Axe()

#: A field for a time has a stop for each of its parts.
SPARE = 40

EVERYTHING: dict[str, object] = {"resultTypes": ["violations"]}

#: What may differ between light and dark.
COLOURS = EVERYTHING | {"runOnly": ["color-contrast", "link-in-text-block"]}

#: Whatever a keyboard must reach: what can be seen of it.
REACHABLE = """() => [...document.querySelectorAll(
  'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]'
)].filter(one => !one.disabled && one.checkVisibility({ visibilityProperty: true })).map((one, n) => {
  one.setAttribute('data-counted', n)
  return one.outerHTML.slice(0, 120)
})"""

FOCUSED = """() => {
  const one = document.activeElement
  const style = getComputedStyle(one)
  const box = one.getBoundingClientRect()
  const inside = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth
  return {
    number: one === document.body ? null : one.getAttribute('data-counted'),
    what: one.outerHTML.slice(0, 120),
    ringed: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    inside,
  }
}"""

WIDER = """() => [...document.querySelectorAll('body *')]
  .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1
    && one.checkVisibility() && !one.closest('.scroll'))
  .map(one => one.outerHTML.slice(0, 120))"""


async def violations(page: Page, options: dict[str, object] = EVERYTHING) -> list[str]:
    """What axe finds."""
    found = await AXE.run(page, options=options)
    return [
        f"{one['id']}: {node['target']} {node['html'][:120]}: {node['failureSummary'][:300]}"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]


async def overflow(page: Page) -> list[str]:
    """What makes one scroll sideways."""
    sideways = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return [str(one) for one in await page.evaluate(WIDER)] or ["the page"] if sideways else []


async def unreached(page: Page) -> list[str]:
    """What a keyboard does not reach by Tab, or reaches without showing so."""
    wanted = await page.evaluate(REACHABLE)
    left, trouble = dict(enumerate(wanted)), []
    for _ in range(len(wanted) + SPARE):
        await page.keyboard.press("Tab")
        at: dict[str, Any] = await page.evaluate(FOCUSED)
        if at["number"] is not None and left.pop(int(at["number"]), None) is not None:
            trouble += [f"{word}: {at['what']}" for word in ("ringed", "inside") if not at[word]]
        if not left:
            break
    return trouble + [f"not reached: {one}" for one in left.values()]

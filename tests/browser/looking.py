"""What a person does with a page, and what is measured of it: pictures, accessibility, the keyboard, its weight."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page

from tests.browser.watched import NARROW, WIDE, Scheme

PICTURES = "SALUS_PICTURES"
_SCHEMES: tuple[Scheme, ...] = ("light", "dark")
_GRAVE = ("serious", "critical")

# What a screen reader would call whatever has the focus, as far as these pages need it; empty for the page itself.
_FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body || one === document.documentElement) return "";
  const label = one.labels && one.labels.length ? one.labels[0].innerText : "";
  const name = one.getAttribute("aria-label") || label || one.innerText || one.title || one.placeholder || "";
  return (one.getAttribute("role") || one.tagName.toLowerCase()) + " " + name.trim().replace(/\\s+/g, " ");
}"""
_FOCUS_IS_SEEN = """() => {
  const style = getComputedStyle(document.activeElement);
  return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
}"""


async def picture(page: Page, name: str) -> None:
    """Keep a picture of the whole page, if SALUS_PICTURES names a folder for it."""
    if folder := os.environ.get(PICTURES):
        path = Path(folder, f"{name}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=path, full_page=True, animations="disabled")


async def pictures(page: Page, name: str) -> None:
    """Keep four pictures: light and dark, on a phone and on a desk."""
    before = page.viewport_size
    for size in (NARROW, WIDE):
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        for scheme in _SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            await picture(page, f"{name}-{scheme}-{size[0]}")
    await page.emulate_media(color_scheme="null")
    if before:
        await page.set_viewport_size(before)


async def assert_accessible(page: Page) -> None:
    """See that axe-core finds nothing serious or critical."""
    found = (await Axe().run(page)).response["violations"]
    grave = [
        f"{one['impact']} {one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:5]]}"
        for one in found
        if one["impact"] in _GRAVE
    ]
    assert not grave, "\n".join(grave)


async def assert_fits(page: Page) -> None:
    """See that nobody has to scroll sideways."""
    wide: list[str] = await page.evaluate(
        """() => [...document.querySelectorAll("body *")]
          .filter((one) => document.documentElement.scrollWidth > document.documentElement.clientWidth
            && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
          .map((one) => one.outerHTML.slice(0, 160)).slice(0, 5)"""
    )
    assert not wide, f"wider than the window: {wide}"


# ── keyboard ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def focused(page: Page) -> str:
    """Return what has the focus, as ``button Sign in``; empty where nothing has."""
    told: str = await page.evaluate(_FOCUSED)
    return told


async def tab_to(page: Page, what: str, most: int = 200) -> None:
    """Press Tab until something has the focus that is called so, and see that a person sees that it has."""
    passed = []
    for _ in range(most):
        await page.keyboard.press("Tab")
        now = await focused(page)
        if what in now:
            assert await page.evaluate(_FOCUS_IS_SEEN), f"nobody sees that {now!r} has the focus"
            return
        passed.append(now)
    raise AssertionError(f"Tab never comes to {what!r}, but to {passed}")


async def tab_order(page: Page, most: int = 500) -> list[str]:
    """Return everything that Tab comes to, from the top of the page to its end; each shows that it has the focus."""
    await page.evaluate("() => document.activeElement.blur()")
    order: list[str] = []
    for _ in range(most):
        await page.keyboard.press("Tab")
        if not (now := await focused(page)):
            return order
        assert await page.evaluate(_FOCUS_IS_SEEN), f"nobody sees that {now!r} has the focus"
        order.append(now)
    raise AssertionError(f"Tab comes to more than {most} places")


# ── weight ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Weight:
    """What came over the wire, heads and compressed bodies.

    Attributes:
        bytes_of: url -> bytes; what still streams is not counted.
    """

    bytes_of: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.bytes_of.values())


@asynccontextmanager
async def weighed(page: Page) -> AsyncIterator[Weight]:
    """Weigh what a page loads in this block, with nothing from a cache."""
    weight, urls = Weight(), dict[str, str]()
    session = await page.context.new_cdp_session(page)

    def asked(event: dict[str, Any]) -> None:
        urls[event["requestId"]] = event["request"]["url"]

    def done(event: dict[str, Any]) -> None:
        url = urls.get(event["requestId"], "")
        weight.bytes_of[url] = weight.bytes_of.get(url, 0) + int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", asked)
    session.on("Network.loadingFinished", done)
    await session.send("Network.enable")
    await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    yield weight
    await page.title()
    await session.detach()

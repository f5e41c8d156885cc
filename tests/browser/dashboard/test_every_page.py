"""Every page of a real Salus in which there is everything: for everybody, on every screen, without a script too."""

from __future__ import annotations

import os

import pytest
from playwright.async_api import Page, expect

from salus.surfaces.dashboard import routes
from tests.browser.dashboard.everything import LONG, Everything
from tests.browser.dashboard.people import ROOT
from tests.browser.looking import PICTURES, assert_accessible, assert_fits, pictures, tab_order
from tests.browser.watched import NARROW, WIDE, Scheme, Watch

pytestmark = pytest.mark.timeout(180)  # many pages in one test

# Colours do not depend on how wide a page is, nor does its structure on its colours: two corners tell of all four.
_CORNERS: list[tuple[tuple[int, int], Scheme]] = [(WIDE, "light"), (NARROW, "dark")]
_ALL_CORNERS: list[tuple[tuple[int, int], Scheme]] = [*_CORNERS, (WIDE, "dark"), (NARROW, "light")]
_KINDS = {
    "plain": ["overview", "incidents", "recoveries", "services", "rules", "dependencies"],
    "about-salus": ["maintenance", "statistics", "system", "audit", "audit-events", "tokens", "overview-groups"],
    "alerts": ["alerts", "alerts-ended", "alerts-silences", "alerts-channels", "alert", "incident"],
    "healing": ["recovery", "recovery-running", "rule", "rule-off", "rule-exhausted", "service", "service-stopped"],
    "checks": ["check", "check-unhealthy", "check-unknown", "check-paused", "check-healing", "check-long"],
}


def test_the_list_of_pages_is_whole(everything: Everything) -> None:
    pages = everything.pages()
    assert sorted(name for names in _KINDS.values() for name in names) == sorted(pages)
    assert {path.partition("?")[0].partition("/")[0] for path in pages.values()} == {*routes._PAGES, *routes._NAMED}


@pytest.mark.parametrize("kind", _KINDS)
async def test_every_page_is_for_everybody(watch: Watch, everything: Everything, kind: str) -> None:
    page, pages = await everything.visit(watch), everything.pages()
    for name in _KINDS[kind]:
        await page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
        await _go(page, pages[name])
        await pictures(page, f"all/{name}")
        await _open_all(page)
        for size, scheme in _ALL_CORNERS if os.environ.get(PICTURES) else _CORNERS:
            await page.set_viewport_size({"width": size[0], "height": size[1]})
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await assert_fits(page)
            await assert_accessible(page)


async def test_tab_begins_with_the_way_past_the_navigation_and_goes_down_the_page(
    watch: Watch, everything: Everything
) -> None:
    page, pages = await everything.visit(watch), everything.pages()
    for name in ("overview", "check-unhealthy", "rule", "alerts-channels"):
        await _go(page, pages[name])
        await page.evaluate("() => scrollTo(0, 0)")
        order = await tab_order(page)
        assert order[0] == "a Skip to what matters"
        assert order.index("a Overview") < order.index("a System")
        places = await page.evaluate(
            """() => [...document.querySelectorAll("main a[href], main button, main input, main summary, main select")]
              .filter((one) => one.checkVisibility() && !one.closest("details:not([open]) > :not(summary)"))
              .map((one) => one.tabIndex)"""
        )
        assert set(places) == {0}, "something jumps out of the order in which it stands"
    await _go(page, "")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()


async def test_every_page_reads_without_a_script(watch: Watch, everything: Everything) -> None:
    await everything.visit(watch)
    page = await everything.visit(watch, script=False)
    for name, path in everything.pages().items():
        await _go(page, path)
        assert await page.locator("h1").count() == 1, name
        assert len(await page.locator("main").inner_text()) > 100, name
        assert await page.locator("main svg:visible, main table:visible").count(), name
        hidden = await page.locator("#live:visible, #toggle-live:visible, #keys:visible").count()
        assert not hidden, f"{name}: what needs a script is shown without one"


async def test_a_long_name_is_whole_somewhere_and_breaks_nothing(watch: Watch, everything: Everything) -> None:
    page = await everything.visit(watch, size=NARROW)
    await _go(page, f"checks/{LONG}")
    await expect(page.get_by_role("heading", level=1)).to_have_text(LONG)
    await assert_fits(page)


async def _go(page: Page, path: str) -> None:
    answer = await page.goto(ROOT + path)
    assert answer is not None
    assert answer.status == 200, path


async def _open_all(page: Page) -> None:
    await page.evaluate("() => { for (const one of document.querySelectorAll('details.more')) one.open = true }")

"""The dashboard by keyboard alone: from signing in to having something done, and back."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.dashboard.people import ROOT
from tests.browser.looking import focused, tab_to
from tests.browser.shop import Shop
from tests.browser.watched import Watch


async def test_a_person_without_a_mouse_does_everything(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url, ROOT)
    await expect(page.get_by_label("Token")).to_be_focused()
    await page.keyboard.type(shop.token("operator"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Checks", exact=True)).to_be_visible()
    await page.wait_for_load_state()  # keys are the work of its script
    await _filter(page)
    await _open_a_check(page)
    await _panel_closes_and_gives_the_focus_back(page)
    await _pause_and_resume(page)
    await _help(page)


async def _filter(page: Page) -> None:
    await page.keyboard.press("/")
    assert "Search" in await focused(page)
    await page.keyboard.type("web")
    await expect(page.locator(".check-row")).to_have_count(2)
    assert "Search" in await focused(page), "the focus is lost while one types"
    await page.keyboard.press("Tab")
    assert "Only failing" in await focused(page)
    await page.keyboard.press("Space")
    await expect(page.locator(".check-row")).to_have_count(0)
    await page.keyboard.press("Space")
    await expect(page.locator(".check-row")).to_have_count(2)
    await page.keyboard.press("Tab")
    assert "Status" in await focused(page)


async def _open_a_check(page: Page) -> None:
    await page.keyboard.press("j")
    await page.keyboard.press("Escape")
    await page.evaluate("() => document.activeElement.blur()")
    await page.keyboard.press("j")
    first = await focused(page)
    await page.keyboard.press("j")
    assert await focused(page) != first
    await page.keyboard.press("k")
    assert await focused(page) == first
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text(first.removeprefix("a "))
    await page.wait_for_load_state()


async def _panel_closes_and_gives_the_focus_back(page: Page) -> None:
    await tab_to(page, "Pause")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert "For how long" in await focused(page)
    await expect(page.get_by_role("button", name="Pause this check")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Pause this check")).to_be_hidden()
    assert await focused(page) == "summary Pause"


async def _pause_and_resume(page: Page) -> None:
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.type("30m")
    await page.keyboard.press("Tab")
    await page.keyboard.type("a new address")
    await page.keyboard.press("Tab")
    assert await focused(page) == "button Pause this check"
    await page.keyboard.press("Enter")
    await expect(page.locator("#said")).to_contain_text("paused until")  # which is said for a while only
    await expect(page.locator("#head .status")).to_contain_text("Paused")
    await tab_to(page, "Resume")
    await page.keyboard.press("Enter")
    await expect(page.locator("#head .status")).to_contain_text("Healthy")


async def _help(page: Page) -> None:
    await page.evaluate("() => document.activeElement.blur()")
    await page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    await expect(dialog).to_be_visible()
    assert "Close" in await focused(page)
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()

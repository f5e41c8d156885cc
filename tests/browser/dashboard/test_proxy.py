"""The dashboard below a path of a real nginx, over TLS and HTTP/2: a person notices nothing but the address."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import expect

from tests.acceptance.proxy.nginx import PREFIX, Nginx, location
from tests.browser.dashboard.people import ROOT
from tests.browser.dashboard.test_overview import row
from tests.browser.shop import Shop, until
from tests.browser.watched import Watch

HOME = f"{PREFIX}{ROOT}"


@pytest_asyncio.fixture(loop_scope="session")
async def nginx(watch: Watch, shop: Shop, tmp_path: Path) -> AsyncIterator[Nginx]:
    """The proxy before the shop; it goes after the pages that came by it, and before the shop."""
    started = Nginx(tmp_path / "nginx", location(shop.salus.port))
    try:
        yield started
        await watch.finish()
    finally:
        started.close()


async def test_below_a_path_of_a_proxy_a_person_signs_in_looks_acts_and_leaves(
    watch: Watch, shop: Shop, nginx: Nginx
) -> None:
    page = await watch.open(nginx.url, f"{PREFIX}/")
    await expect(page).to_have_url(re.compile(rf"^{nginx.url}{HOME}sign-in\?next="))
    await page.get_by_label("Token").fill(shop.token("operator", "olga"))
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(nginx.url + HOME)
    (session,) = [one for one in await page.context.cookies() if "session" in one["name"]]
    assert (session["path"], session["secure"]) == (f"{PREFIX}/", True)
    await expect(page.get_by_role("heading", level=1)).to_have_text("All systems operational")
    await expect(page.locator("#live")).to_contain_text("Live")

    await page.evaluate("() => { window.loadedOnce = true }")
    shop.fail("web", always=True)
    await expect(page.get_by_role("heading", name="Healing web-http")).to_be_visible()
    shop.mend("web")
    await until(shop.well, "a shop that is well again")
    await expect(row(page, "web-http").locator(".status")).to_contain_text("Healthy")
    await page.get_by_role("searchbox").fill("cart")
    await expect(page).to_have_url(re.compile(rf"^{nginx.url}{HOME}\?q=cart"))
    await expect(row(page, "web-http")).to_have_count(0)
    assert await page.evaluate("() => window.loadedOnce"), "the page was loaded again"

    await page.get_by_role("button", name="Dark").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.get_by_role("link", name="cart-http", exact=True).click()
    await expect(page).to_have_url(f"{nginx.url}{HOME}checks/cart-http")
    await page.get_by_role("button", name="Look now").click()
    await expect(page.locator("#said")).to_contain_text("looked: healthy")

    await page.get_by_label("Signed in as olga").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert "session" not in str(await page.context.cookies())
    outside = [url for url in watch.requests if not url.startswith(f"{nginx.url}{PREFIX}/")]
    assert outside == []


async def test_an_open_page_outlives_salus_behind_a_proxy_that_answers_in_its_place(
    watch: Watch, shop: Shop, nginx: Nginx
) -> None:
    shop.salus.stop()
    shop.show_everybody()
    shop.open()
    page = await watch.open(nginx.url, HOME)
    await expect(page.locator("#live")).to_contain_text("Live")
    await page.evaluate("() => { window.loadedOnce = true }")
    async with watch.expecting(r"(status of 502|broken: 502)", r"(ERR_|status of 502|broken: 502)"):
        shop.salus.kill()
        await expect(page.get_by_text("Salus does not answer.")).to_be_visible()
        shop.open()
        await expect(page.get_by_text("Salus does not answer.")).to_be_hidden()
    shop.fail("web", always=True)
    await expect(row(page, "web-http").locator(".status")).not_to_contain_text("Healthy")
    assert await page.evaluate("() => window.loadedOnce"), "the page was loaded again"

"""The overview in front of a real Salus: what happens is seen while it happens, without loading the page again."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from salus.model import Role, Status
from tests.browser.dashboard.people import ROOT, sign_in, visitor
from tests.browser.looking import assert_accessible, assert_fits, pictures, tab_order
from tests.browser.shop import Shop, until
from tests.browser.watched import NARROW, Watch
from tests.fake_agent import API, DISK, NEW, WEB, check
from tests.served_agent import Agent

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>'\"&amp;"


def row(page: Page, name: str) -> Any:
    return page.locator(".check-row", has=page.get_by_role("link", name=name, exact=True))


async def test_a_service_is_killed_and_healed_before_the_eyes_of_whoever_looks(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url)
    await sign_in(page, shop.token("operator"))
    await page.evaluate("() => { window.loadedOnce = true }")
    await expect(page.get_by_role("heading", level=1)).to_have_text("All systems operational")
    shop.fail("web", always=True)
    await expect(page.get_by_role("heading", name="Healing web-http")).to_be_visible()
    await expect(row(page, "web-http").locator(".status")).to_contain_text("Healing")
    await pictures(page, "overview-healing")
    shop.mend("web")
    await until(shop.well, "a shop that is well again")
    await expect(page.get_by_role("heading", name="Healing web-http")).to_have_count(0)
    await expect(row(page, "web-http").locator(".status")).to_contain_text("Healthy")
    assert await page.evaluate("() => window.loadedOnce"), "the page was loaded again"


async def test_salus_goes_away_and_comes_back_and_the_page_says_so(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url)
    await sign_in(page, shop.token("viewer"))
    await expect(page.locator("#live")).to_contain_text("Live")
    async with watch.expecting(
        r"console: .*(ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|status of 401)"
    ):
        shop.salus.kill()
        await expect(page.get_by_text("Salus does not answer.")).to_be_visible()
        shop.salus.start()
        shop.salus.ready()
        # A restart signs everybody out; whoever looked is asked again instead of looking at an old picture.
        await expect(page.get_by_label("Token")).to_be_visible()


async def test_names_and_messages_full_of_markup_are_text(watch: Watch, served: Agent) -> None:
    served.view.reports = [check(MARKUP, Status.UNHEALTHY, MARKUP, tags=(MARKUP,), service=MARKUP)]
    page = await visitor(watch, served, Role.OPERATOR)
    await expect(page.get_by_role("link", name=MARKUP).first).to_be_visible()
    assert await page.locator("img").count() == 0


async def test_the_filter_filters_while_one_types_and_the_address_remembers_it(watch: Watch, served: Agent) -> None:
    page = await visitor(watch, served)
    await page.keyboard.press("/")
    await page.keyboard.type("disk")
    await expect(page.locator(".check-row")).to_have_count(1)
    await expect(page).to_have_url(f"{served.url}{ROOT}?q=disk")
    await page.reload()
    await expect(page.locator(".check-row")).to_have_count(1)


async def test_without_a_script_the_overview_reads_and_filters(watch: Watch, served: Agent) -> None:
    served.view.reports = [API, DISK, NEW, WEB]
    page = await visitor(watch, served, script=False)
    await expect(page.locator(".check-row")).to_have_count(4)
    await page.get_by_role("searchbox").fill("disk")
    await page.get_by_role("button", name="Filter").click()
    await expect(page.locator(".check-row")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_overview_is_for_everybody(watch: Watch, served: Agent, scheme: Any) -> None:
    served.view.reports = [API, DISK, NEW, WEB]
    page = await watch.open(served.url, scheme=scheme)
    await sign_in(page, await served.api.door.token(Role.OPERATOR))
    await assert_accessible(page)
    order = await tab_order(page)
    assert order[0] == "a Skip to what matters"
    assert any("Search" in one for one in order)
    await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    await assert_fits(page)
    await assert_accessible(page)


async def test_pictures_of_the_overview(watch: Watch, served: Agent) -> None:
    served.view.reports = [API, DISK, NEW, WEB]
    await pictures(await visitor(watch, served, Role.OPERATOR), "overview")

"""What one sees when something is missing: a page, the ledger, an answer, Salus itself."""

from __future__ import annotations

import asyncio

from playwright.async_api import Page, Route, expect

from salus.model import Role
from tests.browser.dashboard.people import ROOT, sign_in, visitor
from tests.browser.looking import assert_accessible, assert_fits, pictures
from tests.browser.shop import Shop
from tests.browser.watched import Watch
from tests.fake_agent import WEB
from tests.served_agent import Agent

_GONE = r"console: .*(ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|status of 401)"


async def test_salus_dies_and_the_page_stays_until_it_is_back_and_leads_to_where_one_was(
    watch: Watch, shop: Shop
) -> None:
    page = await watch.open(shop.url)
    token = shop.token("operator")
    await sign_in(page, token)
    await page.goto(f"{ROOT}checks/web-http?hours=24")
    await expect(page.locator("#live")).to_have_attribute("data-state", "on")
    async with watch.expecting(_GONE):
        shop.salus.kill()
        await expect(page.locator("#lost")).to_be_visible()
        await expect(page.get_by_role("heading", level=1)).to_have_text("web-http")
        await assert_accessible(page)
        await pictures(page, "lost")
        await page.get_by_role("button", name="Look now").click()
        await expect(page.locator("#said")).to_contain_text("Salus does not answer")
        shop.salus.start()
        shop.salus.ready()
        await expect(page.get_by_label("Token")).to_be_visible()
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(f"{shop.url}{ROOT}checks/web-http?hours=24")
    await expect(page.locator("#live")).to_have_attribute("data-state", "on")
    await expect(page.locator("#lost")).to_be_hidden()


async def test_a_page_that_does_not_exist_says_so_and_leads_on(watch: Watch, served: Agent) -> None:
    page = await visitor(watch, served)
    for path in ("nothing-here", "checks/no-such-check", "recoveries/0", "alerts/0", "incidents/0", "rules/%3Cb%3E"):
        async with watch.expecting(r"status of 404"):
            await page.goto(ROOT + path)
        await expect(page.locator(".code")).to_have_text("404")
        await assert_fits(page)
    await assert_accessible(page)
    await pictures(page, "missing")
    await page.locator("main").get_by_role("link", name="Overview").click()
    await expect(page.get_by_role("heading", name="Checks", exact=True)).to_be_visible()


async def test_a_ledger_that_cannot_be_read_leaves_what_is_known_and_says_what_is_not(
    watch: Watch, served: Agent
) -> None:
    served.view.reports = [WEB]
    page = await visitor(watch, served, Role.OPERATOR)
    served.api.past.broken = True
    for path in ("", "checks/web", "recoveries", "services/web", "rules", "rules/web", "alerts", "system"):
        answer = await page.goto(ROOT + path)
        assert answer is not None
        assert answer.status == 200, path
        await assert_fits(page)
    for path in ("recoveries", "checks/web", "services/web"):
        await page.goto(ROOT + path)
        await expect(page.locator("main")).to_contain_text("cannot be read")
    await pictures(page, "ledger-unreadable")
    for path in ("audit?tab=events", "alerts?tab=ended", "recoveries/gone-by"):
        async with watch.expecting(r"status of 503", r"broken: 503"):
            await page.goto(ROOT + path)
        await expect(page.locator(".code")).to_have_text("503")
    await assert_accessible(page)


async def test_an_answer_that_takes_long_shows_that_it_is_awaited(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url)
    await sign_in(page, shop.token("operator"))
    await page.goto(f"{ROOT}checks/disk")
    go_on = asyncio.Event()

    async def late(route: Route) -> None:
        await go_on.wait()
        await route.continue_()

    await page.route("**/do/**", late)
    button = page.get_by_role("button", name="Look now")
    await button.click()
    await expect(button).to_be_disabled()
    go_on.set()
    await expect(page.locator("#said")).to_contain_text("looked: healthy")
    await expect(button).to_be_enabled()


async def test_a_young_salus_has_nothing_to_tell_and_says_so_everywhere(watch: Watch, served: Agent) -> None:
    served.view.reports, served.view.rule_list = [], []
    page = await visitor(watch, served, Role.ADMIN)
    for path in ("", "incidents", "recoveries", "alerts", "alerts?tab=ended", "services", "rules", "dependencies"):
        await _empty(page, path)


async def _empty(page: Page, path: str) -> None:
    await page.goto(ROOT + path)
    assert len((await page.locator("main").inner_text()).strip()) > 30, path
    await assert_fits(page)

"""The status page as a person meets it: in a real Chromium, narrow and wide, by day and by night, by keyboard."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped] # it has no types
from playwright.async_api import Browser, Page, Request, async_playwright

from salus.model import Maintenance, PolicyReport, Selector, Status
from salus.model.statuspage import Impact
from salus.surfaces.server import Server
from tests.fake_agent import NOW
from tests.fake_past import day
from tests.fake_status import CONFIG, NAMES, Shop

SCREENS: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", 390), ("dark", 1440))
LARGEST = 20 * 1024
States = Literal["well", "degraded", "outage", "maintenance", "nodata", "empty"]


async def shop_that_is(state: States) -> Shop:
    """Return a shop in some state, with a past."""
    if state == "empty":
        return Shop("status_page: {title: Soon}")
    if state == "nodata":
        return Shop(statuses=dict.fromkeys(NAMES, Status.UNKNOWN), days=0)
    statuses = {"degraded": {"search-es": Status.DEGRADED}, "outage": dict.fromkeys(NAMES, Status.UNHEALTHY)}
    shop = Shop(CONFIG + "  show_messages: true\n", statuses.get(state))
    days = list(shop.past.days_of["web-http"])
    days[-3:-1] = [day(days[-3].date, down=720), day(days[-2].date, degraded=4000)]
    shop.past.days_of["web-http"] = days[20:]
    shop.outage("web-http", ago=timedelta(days=2, hours=3), lasted=timedelta(minutes=12))
    if state == "outage":
        shop.outage("pay-api", ago=timedelta(minutes=6), lasted=None)
        await shop.book.announce("We have no power", Impact.CRITICAL, ["Website"], text="The generators start")
    if state == "maintenance":
        window = Maintenance(id="x", since=NOW, until=NOW + timedelta(hours=1), members=Selector(everything=True))
        shop.hold(PolicyReport(maintenance=(window,)))
    return shop


@dataclass
class Visit:
    """What a browser asked for, and what it complained of."""

    root: str
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))


@asynccontextmanager
async def served(shop: Shop, folder: Path) -> AsyncIterator[Visit]:
    server = Server()
    await server.start(shop.app, "127.0.0.1", 0, shop.app, folder / "salus.sock")
    try:
        yield Visit(f"http://127.0.0.1:{server.addresses[0][1]}/status")
    finally:
        await server.stop(1.0)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    found = shutil.which("chromium")
    assert found, "scripts/install-test-peers installs it"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            await browser.close()


@pytest.mark.parametrize("state", ["well", "degraded", "outage", "maintenance", "nodata", "empty"])
async def test_it_reads_well_for_everybody_in_every_state(state: States, tmp_path: Path) -> None:
    shop = await shop_that_is(state)
    async with served(shop, tmp_path) as visit, chromium() as browser:
        for scheme, width in SCREENS:
            context = await browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page = await context.new_page()
            visit.watch(page)
            for path in ("", "/history", "/incidents/gone") if state == "well" else ("",):
                await page.goto(visit.root + path)
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
                found: dict[str, Any] = (await Axe().run(page)).response
                assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
            await context.close()
    assert all(url.startswith(visit.root) for url in visit.asked)
    assert [line for line in visit.said if "404" not in line] == []


async def test_it_is_light_and_reads_without_any_script(tmp_path: Path) -> None:
    shop = await shop_that_is("outage")
    async with served(shop, tmp_path) as visit, chromium() as browser:
        context = await browser.new_context(java_script_enabled=False)
        page = await context.new_page()
        visit.watch(page)
        weights: list[Request] = []
        page.on("requestfinished", lambda request: weights.append(request))  # noqa: PLW0108 - it must be a function
        await page.goto(visit.root)
        await page.wait_for_load_state("networkidle")
        assert await page.get_by_role("heading", name="Major outage").is_visible()
        assert await page.get_by_role("img", name="last 90 days").count() == 3
        sizes = [await request.sizes() for request in weights]
        assert 0 < sum(one["responseBodySize"] for one in sizes) < LARGEST
        assert len(visit.asked) <= 3
        await context.close()


async def test_the_keyboard_reaches_everything_and_begins_with_the_content(tmp_path: Path) -> None:
    shop = await shop_that_is("outage")
    async with served(shop, tmp_path) as visit, chromium() as browser:
        page = await browser.new_page()
        await page.goto(visit.root)
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "content"
        reached = set()
        for _ in range(20):
            await page.keyboard.press("Tab")
            reached.add(await page.evaluate("document.activeElement.textContent"))
        assert {"We have no power", "Outage of Website", "Older incidents", "Atom", "RSS", "JSON"} <= reached
        await page.get_by_role("link", name="We have no power").click()
        await page.wait_for_url("**/incidents/*")
        assert await page.get_by_role("heading", level=1, name="We have no power").is_visible()

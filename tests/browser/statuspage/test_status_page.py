"""The status page as a person meets it: narrow and wide, by day and by night, by keyboard, and without any script."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import expect

from salus.model import Maintenance, PolicyReport, Selector, Status
from salus.model.statuspage import Impact
from salus.surfaces.server import Server
from tests.browser.looking import assert_accessible, assert_fits, focused, pictures, tab_to, weighed
from tests.browser.watched import NARROW, WIDE, Scheme, Watch
from tests.fake_agent import NOW
from tests.fake_past import day
from tests.fake_status import CONFIG, NAMES, Shop

SCREENS: tuple[tuple[Scheme, tuple[int, int]], ...] = (
    ("light", NARROW),
    ("light", WIDE),
    ("dark", NARROW),
    ("dark", WIDE),
)
LARGEST = 20 * 1024
State = Literal["well", "degraded", "outage", "maintenance", "nodata", "empty"]
STATES: tuple[State, ...] = ("well", "degraded", "outage", "maintenance", "nodata", "empty")


async def shop_that_is(state: State) -> Shop:
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


@asynccontextmanager
async def served(watch: Watch, shop: Shop, folder: Path) -> AsyncIterator[str]:
    """Serve the page alone; gives the origin. What the browser still loads is closed before the server ends."""
    server = Server()
    await server.start(shop.app, "127.0.0.1", 0, shop.app, folder / "salus.sock")
    try:
        yield f"http://127.0.0.1:{server.addresses[0][1]}"
        await watch.finish()
    finally:
        await server.stop(1.0)


@pytest.mark.parametrize("state", STATES)
async def test_it_reads_well_for_everybody_in_every_state(state: State, watch: Watch, tmp_path: Path) -> None:
    async with served(watch, await shop_that_is(state), tmp_path) as origin:
        for scheme, size in SCREENS:
            page = await watch.open(origin, "/status", scheme=scheme, size=size)
            await assert_fits(page)
            await assert_accessible(page)
        await pictures(await watch.open(origin, "/status"), f"status-page-{state}")


@pytest.mark.parametrize("path", ["/status/history", "/status/history?month=2026-02"])
async def test_history_and_incidents_read_well_too(path: str, watch: Watch, tmp_path: Path) -> None:
    async with served(watch, await shop_that_is("well"), tmp_path) as origin:
        page = await watch.open(origin, path, scheme="dark", size=NARROW)
        await assert_fits(page)
        await assert_accessible(page)
        if await page.get_by_role("link", name="Outage of Website").count():
            await page.get_by_role("link", name="Outage of Website").click()
            await page.wait_for_url("**/incidents/*")
            await assert_fits(page)
            await assert_accessible(page)


async def test_it_is_light_and_reads_without_any_script(watch: Watch, tmp_path: Path) -> None:
    async with served(watch, await shop_that_is("outage"), tmp_path) as origin:
        page = await watch.open(origin, script=False)
        async with weighed(page) as weight:
            await page.goto("/status")
        assert await page.get_by_role("heading", name="Major outage").is_visible()
        assert await page.get_by_role("img", name="last 90 days").count() == 3
        assert 0 < weight.total < LARGEST
        assert len(watch.requests) <= 3


async def test_the_keyboard_reaches_everything_and_begins_with_the_content(watch: Watch, tmp_path: Path) -> None:
    async with served(watch, await shop_that_is("outage"), tmp_path) as origin:
        page = await watch.open(origin, "/status")
        await page.keyboard.press("Tab")
        assert "Skip to the content" in await focused(page)
        await page.keyboard.press("Enter")
        for what in ("We have no power", "Outage of Website", "Older incidents", "Atom", "RSS", "JSON"):
            await tab_to(page, what)
        await page.get_by_role("link", name="We have no power").click()
        await page.wait_for_url("**/incidents/*")
        assert await page.get_by_role("heading", level=1, name="We have no power").is_visible()


async def test_who_finds_nothing_is_shown_the_way_back(watch: Watch, tmp_path: Path) -> None:
    async with served(watch, await shop_that_is("well"), tmp_path) as origin:
        page = await watch.open(origin)
        async with watch.expecting(r"status of 404"):
            await page.goto("/status/incidents/gone")
        await assert_accessible(page)
        await page.get_by_role("link", name="How it is now").click()
        await expect(page.get_by_role("heading", name="All systems operational")).to_be_visible()

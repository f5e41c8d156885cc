"""Incidents and statistics: the story of a trouble is told while it goes on, and the numbers are for everybody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import expect

from salus.model import Event, EventKind, Role, Status
from salus.ports import Batch
from tests.browser.dashboard.people import ROOT, sign_in, visitor
from tests.browser.looking import assert_accessible, assert_fits, pictures, tab_order
from tests.browser.shop import Shop, until
from tests.browser.watched import NARROW, Watch
from tests.fake_agent import NOW, RECOVERY, WEB, check
from tests.fake_incidents import OPEN_INCIDENT, PAST_INCIDENT
from tests.served_agent import Agent

PATHS = [
    "incidents",
    f"incidents/{OPEN_INCIDENT.id}",
    f"incidents/{PAST_INCIDENT.id}",
    "statistics",
    "statistics?days=1&sort=name",
]


async def filled(served: Agent) -> Agent:
    """Give a Salus with fakes behind it something to tell on each of these pages."""
    served.view.reports = [check("api", Status.DEGRADED, "slow"), check("disk"), WEB]
    served.api.incidents.happened = [
        Event(
            id=number,
            at=OPEN_INCIDENT.started_at,
            kind=EventKind.STATUS_CHANGED,
            check=name,
            old="healthy",
            new="unhealthy",
        )
        for number, name in enumerate(("api", "web"), start=1)
    ]
    refused = Event(
        id=5, at=NOW, kind=EventKind.RECOVERY_REFUSED, check="web", rule="restart-web", reason="cooling_down"
    )
    await served.api.past.open()
    await served.api.past.write(Batch(recoveries=[replace(RECOVERY, id="r1")], events=[refused]))
    return served


async def test_an_incident_is_told_while_it_goes_on_and_to_its_end(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url)
    await sign_in(page, shop.token("viewer"))
    await page.goto(f"{ROOT}incidents")
    await page.evaluate("() => { window.loadedOnce = true }")
    shop.fail("web", always=True)
    await expect(page.locator("#going-on article")).to_be_visible()
    assert await page.evaluate("() => window.loadedOnce"), "the page was loaded again"
    await page.locator("#going-on article h2 a").first.click()
    await page.evaluate("() => { window.loadedOnce = true }")
    await expect(page.locator("#head")).to_contain_text("It goes on")
    await expect(page.locator("#story")).to_contain_text("web-http turned unhealthy")
    await expect(page.locator("#story")).to_contain_text("Healing web-http")
    shop.mend("web")
    await until(shop.well, "a shop that is well again")
    await expect(page.locator("#head")).to_contain_text("It is over")
    await expect(page.locator("#story")).to_contain_text("Everything is well again")
    assert await page.evaluate("() => window.loadedOnce"), "the page was loaded again"


async def test_what_one_chooses_stands_in_the_address(watch: Watch, served: Agent) -> None:
    page = await visitor(watch, await filled(served))
    await page.goto(f"{ROOT}incidents")
    await page.get_by_label("State").select_option("over")
    await expect(page.locator("#incidents .past-incident")).to_have_count(1)
    await expect(page.locator("#going-on article")).to_have_count(0)
    assert "state=over" in page.url
    await page.goto(f"{ROOT}statistics")
    await page.get_by_role("link", name="Last 7 d").click()
    await page.wait_for_load_state()  # the field filters by the script of the page
    await page.get_by_role("searchbox").fill("disk")
    await expect(page.locator("#available tr")).to_have_count(1)
    assert "days=7" in page.url
    assert "q=disk" in page.url


@pytest.mark.parametrize("path", PATHS)
async def test_each_page_is_for_everybody(watch: Watch, served: Agent, path: str) -> None:
    page = await visitor(watch, await filled(served), Role.ADMIN)
    await page.goto(ROOT + path)
    schemes: tuple[Any, ...] = ("light", "dark")
    for scheme in schemes:
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await assert_accessible(page)
    assert (await tab_order(page))[0] == "a Skip to what matters"
    await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    await assert_fits(page)
    await assert_accessible(page)
    await pictures(page, path.replace("/", "-").replace("?", "-"))


@pytest.mark.parametrize("path", PATHS)
async def test_each_page_reads_without_a_script(watch: Watch, served: Agent, path: str) -> None:
    page = await visitor(watch, await filled(served), script=False)
    await page.goto(ROOT + path)
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await expect(
        page.get_by_role("link", name="disk" if path.endswith(PAST_INCIDENT.id) else "web").first
    ).to_be_visible()

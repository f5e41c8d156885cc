from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from salus.model import Role
from tests.browser.dashboard.people import ROOT, sign_in, visitor
from tests.browser.looking import assert_accessible, assert_fits, pictures, tab_to
from tests.browser.shop import Shop
from tests.browser.watched import NARROW, Watch
from tests.served_agent import Agent


async def test_a_person_signs_in_with_a_token_of_the_command_line_and_out_again(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url, "/")
    await expect(page).to_have_url(re.compile(r"/health-dashboard/sign-in\?next="))
    await expect(page.get_by_label("Token")).to_be_focused()
    await page.get_by_label("Token").fill("salus_wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("not known here")
    await sign_in(page, shop.token("operator", "olga"))
    await expect(page).to_have_url(shop.url + ROOT)
    await page.get_by_label("Signed in as olga").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_text("You are signed out.")).to_be_visible()
    await page.goto(ROOT)
    await expect(page.get_by_label("Token")).to_be_visible()


@pytest.mark.parametrize("script", [True, False])
async def test_signing_in_leads_to_the_page_that_was_asked_for(watch: Watch, served: Agent, script: bool) -> None:
    page = await watch.open(served.url, f"{ROOT}?failing=1&q=web", script=script)
    await page.get_by_label("Token").fill(await served.api.door.token(Role.VIEWER))
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(f"{served.url}{ROOT}?failing=1&q=web")
    await expect(page.get_by_role("searchbox")).to_have_value("web")


@pytest.mark.parametrize(
    "where", ["https://example.org/", "//example.org/", "/health-dashboard/../../x", "/\\example.org"]
)
async def test_nobody_is_led_to_another_site(watch: Watch, served: Agent, where: str) -> None:
    page = await watch.open(served.url, f"{ROOT}sign-in?next={where}")
    await page.get_by_label("Token").fill(await served.api.door.token(Role.VIEWER))
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(served.url + ROOT)


async def test_the_cookie_of_a_session_is_out_of_reach_of_scripts_and_other_sites(watch: Watch, served: Agent) -> None:
    page = await visitor(watch, served)
    (cookie,) = [one for one in await page.context.cookies() if "session" in one["name"]]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert await page.evaluate("() => document.cookie") == ""


async def test_the_label_of_the_token_stands_apart_from_the_heading_with_a_notice_and_without(
    watch: Watch, served: Agent
) -> None:
    page = await watch.open(served.url, ROOT)
    heading = await page.get_by_role("heading", name="Sign in").bounding_box()
    label = await page.get_by_text("Token", exact=True).bounding_box()
    assert heading is not None
    assert label is not None
    assert label["y"] - (heading["y"] + heading["height"]) >= 8


async def test_signing_in_needs_no_mouse(watch: Watch, served: Agent) -> None:
    page = await watch.open(served.url, ROOT)
    await expect(page.get_by_label("Token")).to_be_focused()
    await page.keyboard.type(await served.api.door.token(Role.VIEWER))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Checks", exact=True)).to_be_visible()
    await tab_to(page, "Signed in as viewer")
    await page.keyboard.press("Enter")
    await tab_to(page, "Sign out", most=1)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("You are signed out.")).to_be_visible()


async def test_the_page_that_asks_for_a_token_is_for_everybody(watch: Watch, served: Agent) -> None:
    page = await watch.open(served.url, ROOT)
    await pictures(page, "sign-in")
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        await assert_accessible(page)
    await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    await assert_fits(page)

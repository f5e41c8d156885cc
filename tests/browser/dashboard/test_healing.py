"""Checks, recoveries and rules: what is done is seen while it is done, and people have it done."""

from __future__ import annotations

from dataclasses import replace

from playwright.async_api import expect

from salus.model import RefusalReason, Role, Status
from salus.ports import Batch
from tests.browser.dashboard.people import ROOT, sign_in, visitor
from tests.browser.looking import pictures, tab_to
from tests.browser.shop import Shop, until
from tests.browser.watched import Watch
from tests.fake_agent import RECOVERY, RUNNING, WAITING, WEB, WEB_RULE, explanation, look, refusal
from tests.served_agent import Agent


async def filled(served: Agent) -> Agent:
    """Give a Salus with fakes behind it something to tell on each of these pages."""
    served.view.reports = [WEB, *served.view.reports]
    served.view.rule_list = [replace(WEB_RULE, state=replace(WEB_RULE.state, approval=replace(WAITING, id="web")))]
    served.view.running = [replace(RUNNING, id="now")]
    served.view.explained = [explanation(refusal(RefusalReason.COOLING_DOWN, "18 s ago", 42))]
    looks = [("web", look(Status.UNHEALTHY, "500", ago=number)) for number in range(9, 0, -1)]
    await served.api.past.open()
    await served.api.past.write(Batch(recoveries=[replace(RECOVERY, id="r")], observations=looks))
    return served


async def test_a_recovery_walks_to_its_end_before_the_eyes_of_whoever_looks(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url)
    await sign_in(page, shop.token("operator"))
    await page.goto(f"{ROOT}checks/web-http")
    await page.evaluate("() => { window.loadedOnce = true }")
    shop.fail("web", always=True)
    await expect(page.get_by_role("heading", name="Healing web-http")).to_be_visible()
    await expect(page.locator("#head .status")).to_contain_text("Unhealthy")
    await expect(page.locator("#look")).to_contain_text("Expected")
    await expect(page.locator("#why")).to_contain_text("A recovery runs at this moment.")
    assert await page.evaluate("() => window.loadedOnce"), "the page was loaded again"
    await page.get_by_role("link", name="Watch it").first.click()
    await page.evaluate("() => { window.loadedOnce = true }")
    await expect(page.locator("#story")).to_contain_text("Looking afresh whether it helped")
    await expect(page.locator("#head .doing")).to_contain_text("of at most 40 s")
    await pictures(page, "recovery-running")
    shop.mend("web")
    await until(shop.well, "a shop that is well again")
    await expect(page.get_by_role("heading", name="Recovery of web-http")).to_be_visible()
    await expect(page.locator("#outcome")).to_be_visible()
    assert await page.evaluate("() => window.loadedOnce"), "the page was loaded again"


async def test_a_check_is_paused_and_resumed_by_its_buttons(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url)
    await sign_in(page, shop.token("operator"))
    await page.goto(f"{ROOT}checks/disk")
    await page.locator("#pause > summary").click()
    await page.get_by_label("For how long").first.fill("30m")
    await page.get_by_label("Reason").fill("moving house")
    await page.get_by_role("button", name="Pause this check").click()
    await expect(page.locator("#head")).to_contain_text("moving house")
    await expect(page.locator("#head .status")).to_contain_text("Paused")
    await page.get_by_role("button", name="Resume").click()
    await expect(page.locator("#head .status")).to_contain_text("Healthy")


async def test_a_recovery_is_called_off_by_its_button(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url)
    await sign_in(page, shop.token("operator"))
    shop.fail("web", always=True)
    await page.get_by_role("link", name="Watch it").click()
    await page.locator("#cancel > summary").click()
    await page.locator("#cancel").get_by_role("button", name="Call it off").click()
    await expect(page.locator("#outcome")).to_contain_text("Called off")
    shop.mend("web")


async def test_a_rule_is_set_to_observe_and_given_back_by_keyboard_alone(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url)
    await sign_in(page, shop.token("operator"))
    await page.goto(f"{ROOT}rules/web-up")
    for mode, words in (("observe", "only says what it would do"), ("", "acts by itself")):
        await tab_to(page, "Mode")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.locator("#mode select").select_option(mode)
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("#head")).to_contain_text(words)
        await expect(page.locator("#mode")).not_to_have_attribute("open", "")  # it closes when the answer is in
        await page.evaluate("() => document.activeElement.blur()")


async def test_a_form_works_without_a_script(watch: Watch, served: Agent) -> None:
    page = await visitor(watch, await filled(served), Role.OPERATOR, script=False)
    await page.goto(f"{ROOT}rules/web")
    await page.locator("#approve > summary").click()
    await page.get_by_label("Note").first.fill("looks right")
    await page.get_by_role("button", name="Let it act").click()
    await expect(page.locator("#said")).to_contain_text("done")
    await expect(page).to_have_url(f"{served.url}{ROOT}rules/web")
    assert served.control.asked[-1] == ("approve", "web")
    assert served.control.said["note"] == "looks right"

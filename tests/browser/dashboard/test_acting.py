"""Services, alerts, maintenance, tokens and the audit in a browser: every button is used, its outcome seen."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect

from salus.model import Role
from tests.browser.dashboard.people import ROOT, sign_in, visitor
from tests.browser.looking import tab_to
from tests.browser.shop import Shop, until
from tests.browser.watched import Watch
from tests.fake_api import SILENCE, FakeApi
from tests.fake_desk import WEB_DOWN, FakeDesk
from tests.served_agent import Agent


@pytest.fixture
def busy(served: Agent) -> Agent:
    """A Salus with alerts, a silence, channels, and everything else that there can be."""
    rich, desk = FakeApi(), FakeDesk(silence_list=[SILENCE])
    served.desk.alerts, served.desk.channel_list, served.desk.silence_list = desk.alerts, desk.channel_list, [SILENCE]
    served.view.reports, served.view.report = rich.view.reports, rich.view.report
    return served


async def ask(page: Page, within: Locator, label: str, **fields: str) -> None:
    """Open a panel, fill it in, and send it."""
    await within.locator("details.ask > summary", has_text=re.compile(f"^\\s*{label}\\s*$")).click()
    panel = within.locator("details.ask[open] form")
    for name, text in fields.items():
        await panel.locator(f"[name={name}]").fill(text)
    await panel.locator("button").click()


async def said(page: Page, words: str) -> None:
    await expect(page.locator("#said")).to_contain_text(words)


async def test_a_service_is_stopped_started_and_restarted_before_ones_eyes(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url)
    await sign_in(page, shop.token("operator"))
    await page.goto(f"{ROOT}services/cart")
    head = page.locator("#service-head")
    await expect(head).to_contain_text("Running")
    await page.evaluate("() => { window.loadedOnce = true }")
    await head.locator("#ask-stop summary").click()
    await expect(head.locator("#ask-stop .panel")).to_contain_text("web depends on it")
    await head.locator("#ask-stop .panel button").click()
    await said(page, "cart is stopped")
    await expect(head).to_contain_text("kept stopped by a person")
    await head.get_by_role("button", name="Start").click()
    await said(page, "cart is running")
    await expect(head.locator("#ask-stop")).to_be_visible()
    first = shop.salus.service("cart")["pid"]
    await ask(page, head, "Restart")
    await until(lambda: shop.salus.service("cart")["pid"] not in (first, None), "another process of cart")
    await said(page, "cart is running")
    await expect(page.locator("#service-output")).to_contain_text("salus: started pid")
    assert await page.evaluate("() => window.loadedOnce"), "the page was loaded again"
    await page.goto(f"{ROOT}audit?who=operator")
    await expect(page.locator("#events")).to_contain_text("Stop a service: cart")


async def test_what_a_silence_would_keep_quiet_is_seen_while_one_types(watch: Watch, busy: Agent) -> None:
    page = await visitor(watch, busy, Role.OPERATOR)
    await page.goto(f"{ROOT}alerts?tab=silences")
    await page.get_by_label("Matchers").press_sequentially('level="warning"', delay=20)
    preview = page.locator("#silence-preview")
    await expect(preview).to_contain_text("It would keep 2 alerts")
    await expect(page.get_by_label("Matchers")).to_be_focused()
    await preview.locator("[name=comment]").fill("moving house")
    await preview.get_by_role("button", name="Silence").click()
    await said(page, 'level="warning" is silenced until')
    assert busy.api.desk.said["comment"] == "moving house"


async def test_an_alert_is_acknowledged_silenced_and_ended_by_keyboard(watch: Watch, busy: Agent) -> None:
    page = await visitor(watch, busy, Role.OPERATOR)
    await page.goto(f"{ROOT}alerts/{WEB_DOWN.id}")
    await tab_to(page, "Acknowledge")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.type("on it")
    await page.keyboard.press("Enter")
    await said(page, "acknowledged")
    assert busy.api.desk.said == {"by": "operator", "note": "on it"}
    head = page.locator("#alert-head")
    await ask(page, head, "Silence", comment="known")
    await said(page, "is silenced until")
    await ask(page, head, "Resolve", note="gone")
    await said(page, "resolved")
    assert [what for what, _ in busy.api.desk.asked] == ["acknowledge", "silence", "resolve"]


async def test_a_channel_is_tested_and_a_letter_tried_again(watch: Watch, busy: Agent) -> None:
    page = await visitor(watch, busy, Role.OPERATOR)
    await page.goto(f"{ROOT}alerts?tab=channels")
    await page.locator("#channel-log").get_by_role("button", name="Test").click()
    await said(page, "written")
    async with watch.expecting(r"502"):
        await page.locator("#channel-ops").get_by_role("button", name="Test").click()
        await said(page, "no answer within 15 s")
    await page.locator("#dead-list").get_by_role("button", name="Try again").click()
    await said(page, "is tried again")


async def test_recovery_is_paused_and_a_window_opened_and_ended(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url)
    await sign_in(page, shop.token("operator"))
    await page.goto(f"{ROOT}maintenance")
    pause = page.locator("#pause")
    await ask(page, pause, "Pause all recovery", seconds="2h", reason="moving house")
    await said(page, "paused until")
    await expect(pause).to_contain_text("moving house")
    await expect(page.locator("#held")).to_contain_text("Automatic recovery is paused")
    await pause.get_by_role("button", name="Resume").click()
    await expect(pause).to_contain_text("is not paused")
    form = page.locator("#open-window")
    await form.get_by_label("Services").fill("web, cart")
    await form.locator("[name=name]").fill("deploy")
    await form.get_by_role("button", name="Open the window").click()
    await expect(page.locator("#windows")).to_contain_text("service web, cart")
    await ask(page, page.locator("#window-deploy"), "End")
    await expect(page.locator("#windows-end")).to_contain_text("No window is open")


async def test_a_token_is_made_shown_once_and_revoked(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url)
    await sign_in(page, shop.token("admin"))
    await page.goto(f"{ROOT}tokens")
    await page.get_by_label("Name").fill("grafana")
    await page.get_by_role("button", name="Make it").click()
    await expect(page.locator("#said .secret")).to_have_text(re.compile(r"^salus_"))
    row = page.locator("#tokens tr", has_text="grafana")
    await expect(row).to_contain_text("viewer")
    await ask(page, row, "Revoke")
    await said(page, "grafana is refused from now on")
    await expect(row).to_have_count(0)
    await page.goto(f"{ROOT}audit?who=admin&what=token")
    await expect(page.locator("#events")).to_contain_text("Make a token")


async def test_without_a_script_everything_is_done_as_well(watch: Watch, busy: Agent) -> None:
    page = await visitor(watch, busy, Role.ADMIN, script=False)
    await page.goto(f"{ROOT}alerts?tab=silences")
    await page.get_by_label("Matchers").fill("check=disk")
    await page.get_by_role("button", name="Preview").click()
    await page.locator("#silence-preview [name=comment]").fill("moving")
    await page.locator("#silence-preview").get_by_role("button", name="Silence").click()
    await said(page, 'check="disk" is silenced until')
    await page.goto(f"{ROOT}services/web")
    await ask(page, page.locator("#service-head"), "Stop")
    await said(page, "web is stopped")
    await page.goto(f"{ROOT}audit?tab=events")
    await page.locator("select[name=kind]").select_option("alerts")
    await page.get_by_role("button", name="Filter").click()
    await expect(page).to_have_url(re.compile("kind=alerts"))

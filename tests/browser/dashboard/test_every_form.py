"""Every form that stands on any page is used in front of a real Salus: what it says, and what has changed, is seen.

The forms are found in the pages themselves: one that nobody here uses fails the first of these tests.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.dashboard.everything import Everything
from tests.browser.dashboard.people import ROOT
from tests.browser.dashboard.uses import USES, Use, shape
from tests.browser.watched import Watch

pytestmark = pytest.mark.timeout(180)  # many pages in one test

# Signing in and out has tests of its own (test_signing_in.py); what filters is below.
_ELSEWHERE = {"sign-in", "sign-out"}
_FILTERS = {
    "Filter the checks": "",
    "Filter the incidents": "incidents",
    "Filter the recoveries": "recoveries",
    "Filter the alerts": "alerts",
    "Filter the alerts that have ended": "alerts?tab=ended",
    "Say what is to be silenced": "alerts?tab=silences",
    "Filter the rules": "rules",
    "Choose what is shown": "dependencies",
    "Search the checks": "statistics",
    "Filter the events": "audit",
}
_ENDS = [name for name in USES if name not in {use.before for use in USES.values()}]


async def test_there_is_no_form_that_nobody_uses(watch: Watch, everything: Everything) -> None:
    page = await everything.visit(watch)
    acts, filters = set[str](), set[str]()
    for path in everything.pages().values():
        await page.goto(ROOT + path)
        for method, action, label in await page.evaluate(
            """() => [...document.forms].map((one) => [one.method, one.action, one.getAttribute("aria-label") || ""])"""
        ):
            if method == "get":
                filters.add(label)
            else:
                acts.add(shape(action))
    assert acts - _ELSEWHERE <= set(USES)
    assert filters == set(_FILTERS)
    assert {name for name in USES if name not in acts} <= {name for name, use in USES.items() if use.before}


@pytest.mark.parametrize("name", _ENDS)
async def test_a_form_does_what_it_says(watch: Watch, everything: Everything, name: str) -> None:
    page = await everything.visit(watch)
    for step in _chain(name):
        assert step in await _use(page, everything, USES[step])


@pytest.mark.parametrize("name", ["checks/*/resume", "maintenance/*/end", "silences/*/expire", "theme"])
async def test_a_form_does_the_same_without_a_script(watch: Watch, everything: Everything, name: str) -> None:
    await everything.visit(watch)
    page = await everything.visit(watch, script=False)
    for step in _chain(name):
        assert step in await _use(page, everything, USES[step])
        assert page.url.startswith(everything.url + ROOT)


@pytest.mark.parametrize("script", [True, False])
async def test_every_filter_filters_and_its_address_says_so(watch: Watch, everything: Everything, script: bool) -> None:
    await everything.visit(watch)
    page = await everything.visit(watch, script=script)
    for label, path in _FILTERS.items():
        await page.goto(ROOT + path)
        names = await page.get_by_label(label, exact=True).evaluate(
            "(form) => [...form.elements].filter((one) => one.name && one.type !== 'hidden').map((one) => one.name)"
        )
        chosen = {}
        for field in dict.fromkeys(names):
            chosen[field] = await _choose(page.get_by_label(label, exact=True).locator(f"[name={field}]"))
            if script:
                await expect(page).to_have_url(re.compile(rf"[?&]{field}={re.escape(chosen[field])}"))
        if not script:
            await page.get_by_label(label, exact=True).locator("button").click()
        asked = dict(parse_qsl(urlsplit(page.url).query))
        assert chosen.items() <= asked.items(), label
        for field, value in chosen.items():
            again = page.get_by_label(label, exact=True).locator(f"[name={field}]")
            if await again.get_attribute("type") == "checkbox":
                await expect(again).to_be_checked()
            else:
                await expect(again).to_have_value(value)


async def _choose(field: Locator) -> str:
    """Fill a field of a filter in, and return what stands in the address then."""
    if await field.evaluate("(one) => one.tagName") == "SELECT":
        value: str = await field.evaluate("(one) => one.options[one.options.length - 1].value")
        await field.select_option(value)
        return value
    if await field.get_attribute("type") == "checkbox":
        await field.check()
        return await field.get_attribute("value") or "on"
    await field.fill("zzz")
    return "zzz"


def _chain(name: str) -> list[str]:
    """Return what is used one after the other: a pause is made before it is ended."""
    return [*filter(None, [USES[name].before]), name]


async def _use(page: Page, everything: Everything, use: Use) -> list[str]:
    """Use a form as a person would; return where it went."""
    sent: list[str] = []
    page.on("request", lambda one: sent.append(shape(one.url)) if one.method == "POST" else None)
    await page.goto(ROOT + use.where(everything))
    form = page.locator(use.form).first
    await form.wait_for(state="attached")
    panel = form.locator("xpath=ancestor::details[contains(@class, 'ask')]")
    if await panel.count():
        await panel.locator("> summary").click()
    for field, value in use.fields.items():
        box = form.locator(f"[name={field}]").first
        if await box.evaluate("(one) => one.tagName") == "SELECT":
            await box.select_option(value)
        else:
            await box.fill(value)
    await form.locator("button:visible").first.click()
    if use.says:
        await expect(page.locator("#said")).to_contain_text(use.says)
    await expect(page.locator(use.then).first).to_contain_text(use.shows)
    return sent

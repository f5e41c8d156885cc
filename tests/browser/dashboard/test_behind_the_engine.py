"""A service is killed while pages are open: how long after Salus itself knows does one see it?"""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.dashboard.people import ROOT, sign_in
from tests.browser.shop import Shop, until
from tests.browser.watched import Watch

LIMIT = 0.5
"""Seconds that the middle one of all changes may take from the engine to the eye."""

# Its ladder has steps that take a moment, so that each of them can be seen.
_MORE = {
    "services": """\
  till: {process: {command: [sleep, "1000000"]}}
""",
    "checks": """\
  till: {process: {service: till}, interval: 1s, service: till, high_flap_threshold: 0}
""",
    "rules": """\
  till: {cooldown_period: 1s, reset_after: 1s, actions: [{wait: 1500ms}, restart_service]}
""",
}

# What is looked for at every change of the page, one after the other, and when each was first there.
_LOOKING = """(signs) => {
  window.loadedOnce = true;
  window.seen = {};
  const look = () => {
    for (const [name, [selector, words]] of Object.entries(signs)) {
      if (name in window.seen) continue;
      const there = [...document.querySelectorAll(selector)];
      if (!there.some((one) => one.textContent.includes(words))) return;
      window.seen[name] = Date.now();
    }
  };
  const all = { subtree: true, childList: true, characterData: true, attributes: true };
  new MutationObserver(look).observe(document.body, all);
}"""
_OVERVIEW = {
    "recovery_started": ["#healing", "Healing till"],
    "status_changed unhealthy": ["#worries", "till"],
    "action_started wait": ["#healing .steps .now", "wait"],
    "status_changed healthy": [".check-row.s-healthy", "till"],
}
_RECOVERY = {
    "action_finished restart_service": ["#story", "2. restart_service"],
    "recovery_finished": ["#head", "Recovery of"],
}


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    """Return a shop with a till."""
    opened = Shop(tmp_path, _MORE)
    try:
        opened.open()
        yield opened
    finally:
        opened.close()


@pytest.mark.alone
async def test_what_one_sees_is_less_than_half_a_second_behind_the_engine(watch: Watch, shop: Shop) -> None:
    token = shop.token("operator")
    overview = await watch.open(shop.url)
    await sign_in(overview, token)
    await expect(overview.locator("#live")).to_have_attribute("data-state", "on")
    recovery = await watch.open(shop.url)
    await sign_in(recovery, token)
    delays: dict[str, float] = {}
    for turn in range(3):
        await overview.evaluate(_LOOKING, _OVERVIEW)
        before = await overview.evaluate("() => new Date().toISOString()")
        shop.kill("till")
        await recovery.get_by_role("link", name="Watch it").click()
        await recovery.evaluate(_LOOKING, _RECOVERY)
        for page, signs in ((overview, _OVERVIEW), (recovery, _RECOVERY)):
            seen = await _all_seen(page, signs)
            happened = await _happened(overview, before)
            delays |= {f"{turn} {name}": seen[name] - happened[name] for name in signs}
            assert await page.evaluate("() => window.loadedOnce"), "the page was loaded again"
        await expect(recovery.locator("#outcome")).to_be_visible()
        await recovery.goto(ROOT)
        await until(shop.well, "a shop that is well again")
        await asyncio.sleep(1.5)  # the cooldown of the rule, in a real Salus
    assert statistics.median(delays.values()) < LIMIT, delays
    assert max(delays.values()) < 8 * LIMIT, delays
    await watch.finish()


async def _all_seen(page: Page, signs: dict[str, list[str]]) -> dict[str, float]:
    """Wait until everything was seen, and return when, in seconds."""
    deadline = time.monotonic() + 20
    while len(seen := await page.evaluate("() => window.seen")) < len(signs):
        assert time.monotonic() < deadline, f"of {list(signs)} there were only {list(seen)}"
        await asyncio.sleep(0.05)
    return {name: at / 1000 for name, at in seen.items()}


async def _happened(page: Page, since: str) -> dict[str, float]:
    """Return when the engine did what, as its own events tell."""
    answer = await page.request.get("/api/v1/events", params={"since": since, "limit": "200"})
    found: dict[str, float] = {}
    for event in (await answer.json())["items"]:
        if event.get("check") != "till":
            continue
        name = event["kind"]
        if name == "status_changed":
            name += f" {event['new']}"
        elif name in ("action_started", "action_finished"):
            name += f" {event['action']}"
        found[name] = datetime.fromisoformat(event["at"]).timestamp()
    return found

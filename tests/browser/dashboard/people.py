"""What people do on the dashboard, the way people do it."""

from __future__ import annotations

from playwright.async_api import Page, expect

from salus.model import Role
from tests.browser.watched import Watch
from tests.served_agent import Agent

ROOT = "/health-dashboard/"


async def sign_in(page: Page, token: str) -> None:
    """Type a token, and arrive at the overview with its script at work: a page that still loads knows no keys."""
    await page.goto(ROOT)
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Checks", exact=True)).to_be_visible()
    await page.wait_for_load_state()


async def visitor(watch: Watch, served: Agent, role: Role = Role.VIEWER, *, script: bool = True) -> Page:
    """Return a page of somebody who is signed in to the Salus with fakes behind it."""
    page = await watch.open(served.url, script=script)
    await sign_in(page, await served.api.door.token(role))
    return page

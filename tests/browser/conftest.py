"""What the tests in a real browser share: one Chromium, watched pages, a real Salus, and one with fakes behind it.

All of them run on one event loop, the session's: the browser is started once, and talks only to the loop it came from.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.chromium import MISSING, PROGRAM, chromium
from tests.browser.shop import Shop
from tests.browser.watched import Watch, watching
from tests.served_agent import Agent

_ROOM = Path(__file__).parent

# Limits, never the pace: nothing is measured by them, and a browser on a busy machine takes its time.
expect.set_options(timeout=45_000)
_LONGEST = 240


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Run every test of this room on the loop of the browser, or not at all where there is none."""
    for item in items:
        if _ROOM not in item.path.parents:
            continue
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_LONGEST))
        if pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        if PROGRAM is None:
            item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for the whole room."""
    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def watch(browser: Browser) -> AsyncIterator[Watch]:
    """Open watched pages; the test fails over whatever went wrong in them that it did not expect."""
    async with watching(browser) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def shop(tmp_path: Path, watch: Watch) -> AsyncIterator[Shop]:
    """A real Salus with real services, all of them well."""
    opened = Shop(tmp_path)
    try:
        opened.open()
        yield opened
        await watch.finish()
    finally:
        opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def served(tmp_path: Path, watch: Watch) -> AsyncIterator[Agent]:
    """A server with fakes behind it, for states that a real one is seldom in."""
    agent = Agent(tmp_path)
    try:
        yield agent
        await watch.finish()
    finally:
        agent.stop()

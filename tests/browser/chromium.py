"""The real Chromium of the system, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

PROGRAM = shutil.which("chromium")
# Where it can be had, the build fails over a skip (scripts/check-skips).
_CAN_BE_HAD = os.getuid() == 0 and shutil.which("apt-get") is not None
MISSING = (
    "chromium is missing, and can be had: scripts/install-test-peers"
    if _CAN_BE_HAD
    else "not on this platform: there is no chromium (scripts/install-test-peers)"
)
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run it; nothing of it is left afterwards, and it can reach nobody but this host."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=PROGRAM, args=list(_QUIET))
        try:
            yield browser
        finally:
            await browser.close()

"""An agent that is a process of its own: it runs until a signal ends it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

from salus.processes import OrphanReaper, become_subreaper


async def until_signalled(
    start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]], reload: Callable[[], object]
) -> None:
    """Start, wait for SIGTERM or SIGINT, and stop; children of children that lost their parent are taken on.

    Args:
        start: starts everything, or nothing.
        stop: stops everything.
        reload: begins to read the config again, at every SIGHUP.
    """
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    become_subreaper()
    reaper = OrphanReaper()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await start()
    reaper.start()
    try:
        await done.wait()
    finally:
        await stop()
        reaper.stop()

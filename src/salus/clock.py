"""The only file that reads time or sleeps.

Everything that decides takes ``now`` as an argument; everything that waits asks the running event loop. So a loop that
jumps (``salus.virtual.VirtualLoop``) makes hours of test run in milliseconds.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """Time as the machine tells it: wall clock, monotonic clock, and the clock that counts suspended time."""

    def now(self) -> datetime:
        """Return the wall clock as aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back; they stand still while the machine is suspended."""
        return time.monotonic()

    def boottime(self) -> float:
        """Return seconds that never go back and go on while the machine is suspended (Linux ``CLOCK_BOOTTIME``)."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the running loop.

        Args:
            seconds: how long; zero gives other tasks a turn.
        """
        await asyncio.sleep(seconds)

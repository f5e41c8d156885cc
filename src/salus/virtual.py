"""Time that jumps: a year in minutes, for tests and for ``salus simulate``.

A ``VirtualLoop`` stands still while anything can run, and moves on to the next timer when nothing can. A call that it
awaits in a thread can run, and takes no virtual time; one that hangs does not hold up time for ever.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from salus.clock import SystemClock
from salus.threads import awaited_on

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
RESOLUTION = 1e-6
PATIENCE = 1.0
_monotonic = SystemClock().monotonic

_Ready = list[tuple[selectors.SelectorKey, int]]


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: when nothing is ready it moves virtual time on to the next timer."""

    now = 0.0

    def __init__(self, threads: Callable[[], bool]) -> None:
        """Ask ``threads`` whether a call in a thread is awaited."""
        super().__init__()
        self._threads = threads
        self._patience = PATIENCE

    def select(self, timeout: float | None = None) -> _Ready:
        if timeout != 0:
            if not self._threads():
                self._patience = PATIENCE
            elif self._patience > 0 and (ready := self._wait()):
                return ready
        if timeout is not None and len(self.get_map()) <= 1:
            # Only the loop's own wake-up pipe is there. What it would tell stands in the loop's queue by itself, so
            # that no turn needs the kernel: a simulated year has ten million of them.
            self.now += timeout
            return []
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            # Only a thread or a signal can wake the loop now: give it a moment of real time.
            return super().select(0.05)
        self.now += timeout
        return ready

    def _wait(self) -> _Ready:
        """Give threads real time; one that lets all of it pass hangs, and is waited for no more."""
        began = _monotonic()
        ready = super().select(self._patience)
        self._patience -= _monotonic() - began
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while anything can run, and jumps when nothing can."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._jumping = _JumpingSelector(lambda: awaited_on(self))
        super().__init__(self._jumping)
        # A timer fires when it is due within the clock's resolution, which asyncio takes from the machine's clock: a
        # nanosecond. From 2**24 s (194 days) on, the next float is further away than that, and a timer that is due
        # now would never fire. A microsecond is enough for 270 years.
        self._clock_resolution = RESOLUTION

    def time(self) -> float:
        """Return virtual seconds."""
        return self._jumping.now


class VirtualClock:
    """The clock of a ``VirtualLoop``, with hands that a test may move."""

    def __init__(self, loop: VirtualLoop, start: datetime = EPOCH) -> None:
        """Show ``start`` when the loop shows zero."""
        self._loop = loop
        self._start = start
        self._slept = 0.0
        self._shown = (-1.0, start)

    def now(self) -> datetime:
        """Return the wall clock."""
        seconds, shown = self._shown
        passed = self._loop.time() + self._slept
        if passed != seconds:
            shown = self._start + timedelta(seconds=passed)
            self._shown = (passed, shown)
        return shown

    def monotonic(self) -> float:
        """Return the loop's seconds."""
        return self._loop.time()

    def boottime(self) -> float:
        """Return the loop's seconds and those that the machine was suspended."""
        return self._loop.time() + self._slept

    async def sleep(self, seconds: float) -> None:
        """Wait virtual seconds."""
        await asyncio.sleep(seconds)

    def set_wall(self, by: timedelta) -> None:
        """Let the wall clock jump."""
        self._start += by
        self._shown = (-1.0, self._start)

    def suspend(self, seconds: float) -> None:
        """Suspend the machine: wall clock and boot time go on, the monotonic clock stands still."""
        self._slept += seconds


@contextmanager
def virtual_time(start: datetime = EPOCH) -> Iterator[tuple[asyncio.Runner, VirtualClock]]:
    """Give a runner on a virtual loop, and its clock, which begins at ``start``."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        yield runner, VirtualClock(loop, start)

"""The ``event_loop`` check: does the application's event loop answer, and if not, what blocks it."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

from salus.checks._bounds import BoundedOptions, Findings
from salus.checks._watchdog import Block, Watchdog, Watcher, unwatch, watch
from salus.clock import SystemClock
from salus.model import Json, Metric, Observation
from salus.ports import Check, Look, Site
from salus.stacks import Place
from salus.units import Duration, format_duration

_monotonic = SystemClock().monotonic


class EventLoop(BoundedOptions, frozen=True, kw_only=True):
    """The event loop of the application that Salus lives in: its lag, and which line of code blocks it.

    A thread of its own puts a call on the loop every 0.4 s. When one is not answered it reads the stack of the loop's
    thread, and the check is looked at **at once**, while the loop is still blocked: also at an interval of a minute it
    takes under a second (0.4 s and ``blocked_after``) until file and line are told. The culprit is the innermost line
    that belongs neither to Python nor to an installed package.

    Where there is no application (an agent by itself), it watches Salus' own loop; what blocks that is told afterwards.

    Limits: code that never lets go of the GIL holds up the watching thread too, and is told when it has ended, by the
    line where the loop's thread was then. A block shorter than ``blocked_after`` is in the lag, and has no culprit.

    Metrics: ``lag_seconds`` (the worst since the last look), ``lag_mean_seconds``, ``blocked_seconds`` (the block that
    goes on now). Costs 0.03% of a core at any interval; a look, 15 us.

    Attributes:
        blocked_after: a loop that does not answer for this long counts as blocked; at once degraded.
        blocked_below: unhealthy once it has been blocked for this long without an end.
        remember: for how long a block that has ended is still told (degraded).
        lag_below: unhealthy unless the worst lag since the last look is less than this.
        warn_lag_below: degraded unless the worst lag since the last look is less than this.
    """

    blocked_after: Duration = Duration(0.5)
    blocked_below: Duration = Duration(1)
    remember: Duration = Duration(60)
    lag_below: Duration | None = None
    warn_lag_below: Duration | None = None

    def problems(self) -> list[tuple[str, str]]:
        """See that a block is seen before it is bad."""
        found = super().problems()
        if self.blocked_after < 0.02:
            found.append(("blocked_after", "must be at least 20ms: less is the scheduler of the system, not a block"))
        if self.blocked_below < self.blocked_after:
            found.append(("blocked_below", "is less than blocked_after, from which a block is seen at all"))
        return found

    def build(self, site: Site) -> Check:
        """Make the check; its thread begins with the first look."""
        return EventLoopCheck(options=self)


class EventLoopCheck:
    """Watches one event loop: the application's, or the one that it is given.

    ``EventLoopCheck(loop, thread)`` watches a further loop of the program that runs on that thread
    (``threading.get_ident()`` there).
    """

    instant = True

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop | None = None,
        thread: int | None = None,
        *,
        options: EventLoop | None = None,
    ) -> None:
        """Take the loop; nothing runs before the first look.

        Raises:
            ValueError: a loop without its thread.
        """
        if (loop is None) != (thread is None):
            raise ValueError("give the loop together with the identifier of its thread (threading.get_ident())")
        self._given = (loop, thread)
        self._options = options or EventLoop()
        self._dog: Watchdog | None = None
        self._watcher = Watcher((self._options.blocked_after, self._options.blocked_below), _nobody)

    async def look(self, look: Look) -> Observation:
        """Say what the watching thread has seen."""
        loop, thread = self._place(look)
        if loop.is_closed():
            self._leave()
            return look.unknown("the application's event loop has ended")
        if not loop.is_running():
            return look.unknown("the application's event loop does not run")
        if self._dog is None or self._dog.loop is not loop or not self._dog.alive:
            self._leave()
            self._watcher.tell = partial(look.site.look_now, look.spec.name)
            self._dog = watch(loop, thread, self._watcher)
        return self._judge(look, self._dog, "Salus" if loop is asyncio.get_running_loop() else "application")

    async def aclose(self) -> None:
        """End the watching thread, if nobody else watches that loop."""
        self._leave()

    def _leave(self) -> None:
        if self._dog is not None:
            unwatch(self._dog, self._watcher)
            self._dog = None

    def _place(self, look: Look) -> tuple[asyncio.AbstractEventLoop, int]:
        for loop, thread in (self._given, (look.site.home.loop, look.site.home.thread)):
            if loop is not None and thread is not None:
                return loop, thread
        return asyncio.get_running_loop(), threading.get_ident()

    def _judge(self, look: Look, dog: Watchdog, whose: str) -> Observation:
        findings, now = Findings(), _monotonic()
        block, last = dog.block, dog.last
        lasted = block.lasted(now) if block else 0.0
        worst, mean = self._watcher.take()
        worst = max(worst, dog.unanswered)
        metadata: dict[str, Json] = {"loop": whose}
        if block is not None and lasted >= self._options.blocked_after:
            note = findings.unhealthy if lasted >= self._options.blocked_below else findings.degraded
            note(f"the event loop has been blocked for {format_duration(lasted)}{_by(block)}")
            metadata |= _seen(block)
        elif last is not None and last.until is not None and self._recent(last, now):
            ago = format_duration(max(0.0, now - last.until))
            findings.degraded(f"the event loop {_was(last)} until {ago} ago{_by(last)}")
            metadata |= _seen(last)
        lag = f"lag up to {format_duration(worst)}"
        findings.judge(self._options, "lag", worst, lag, show=format_duration)
        metrics = {
            "lag_seconds": Metric(worst, "seconds"),
            "lag_mean_seconds": Metric(mean, "seconds"),
            "blocked_seconds": Metric(lasted, "seconds"),
        }
        return findings.answer(look, lag, metrics=metrics, metadata=metadata)

    def _recent(self, last: Block, now: float) -> bool:
        long_enough = last.lasted(now) >= self._options.blocked_after
        return long_enough and now - (last.until or now) < self._options.remember


def _nobody() -> None:
    """Do nothing."""


def _was(block: Block) -> str:
    lasted = format_duration(block.lasted(block.until or 0.0))
    return f"and the whole interpreter stood still for {lasted}" if block.stalled else f"was blocked for {lasted}"


def _by(block: Block) -> str:
    """Name the culprit; of several, the one that was seen most often."""
    culprit = block.culprit
    if culprit is None or block.stack is None:
        return ""
    innermost = block.stack.innermost
    others = len(block.places) - 1
    inside = "" if culprit != block.stack.culprit or _same(innermost, culprit) else f" (inside {innermost})"
    return f" by {culprit}{inside}" + (f" and {others} other place{'s'[: others > 1]}" if others else "")


def _same(one: Place, other: Place) -> bool:
    return one.file == other.file and one.function == other.function


def _seen(block: Block) -> dict[str, Json]:
    if block.stack is None or block.culprit is None:
        return {}
    culprit = block.culprit
    return {
        "file": culprit.file,
        "line": culprit.line,
        "function": culprit.function,
        "innermost": str(block.stack.innermost),
        "stack": [*block.stack.lines],
        **({"task": block.task} if block.task else {}),
        **({"places": {str(place): count for place, count in block.places.items()}} if len(block.places) > 1 else {}),
    }

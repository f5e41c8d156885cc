"""Collect garbage in this process."""

from __future__ import annotations

import gc
import os
from typing import ClassVar

from salus.actions._threads import in_thread
from salus.model import Effect, Json
from salus.options import ActionOptions
from salus.ports import ActionResult, Scene
from salus.units import format_size


class GarbageCollect(ActionOptions, frozen=True, kw_only=True):
    """Collect cyclic garbage in the process that Salus runs in: for applications that use Salus as a library.

    Attributes:
        generation: 0, 1 or 2 (all).
        trim: also give freed memory back to the system (``malloc_trim``, where the C library is glibc).
    """

    effect: ClassVar[Effect] = Effect.CHANGES

    generation: int = 2
    trim: bool = True

    def problems(self) -> list[tuple[str, str]]:
        """Find a generation that does not exist."""
        if self.generation not in range(3):
            return [("generation", f"there is no generation {self.generation}: write 0, 1 or 2 (all)")]
        return []

    async def run(self, scene: Scene) -> ActionResult:
        """Collect, here and not in a thread: finalizers may belong to the loop."""
        _, before = await in_thread(lambda _: _measure(trim=False))
        collected = gc.collect(self.generation)
        trimmed, after = await in_thread(lambda _: _measure(trim=self.trim))
        evidence: dict[str, Json] = {
            "collected": collected,
            "uncollectable": len(gc.garbage),
            "trimmed": trimmed,
            "rss_before_bytes": before,
            "rss_after_bytes": after,
        }
        sizes = f"; {format_size(before)} resident before, {format_size(after)} after" if before else ""
        return ActionResult(message=f"collected {collected} objects{sizes}", evidence=evidence)


def _measure(*, trim: bool) -> tuple[bool, int]:
    """Give memory back if asked to, and return whether any went and how many bytes are resident (0: cannot tell)."""
    trimmed = trim and _malloc_trim()
    try:
        with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 -- two numbers, no path object
            return trimmed, int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return trimmed, 0


def _malloc_trim() -> bool:
    """Tell whether the C library gave anything back."""
    import ctypes

    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (OSError, AttributeError):
        return False

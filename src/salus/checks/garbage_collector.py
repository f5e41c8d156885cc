"""The ``garbage_collector`` check: for how long the collector stops this process, and what it cannot collect."""

from __future__ import annotations

import gc
from typing import Any

from salus.checks._bounds import BoundedOptions, Findings, show_share
from salus.clock import SystemClock
from salus.model import Metric, Observation
from salus.ports import Check, Look, Site
from salus.units import Duration, Share, format_duration

_monotonic = SystemClock().monotonic


class GarbageCollector(BoundedOptions, frozen=True, kw_only=True):
    """Pauses of the garbage collector of the process that Salus lives in: while it collects, no Python code runs.

    They are measured from the first look on, by ``gc.callbacks``: under a microsecond for each collection. A remedy for
    long ones is ``gc.freeze()`` after the start, or a higher threshold for the oldest generation.

    Metrics: ``pause_seconds`` (the longest since the last look), ``paused_seconds`` (all of them), ``paused_ratio``
    (their share of the time), ``uncollectable`` (objects in ``gc.garbage``), ``collections_0`` to ``collections_2``
    (by generation, since the last look). A look costs 25 us.

    Attributes:
        pause_below: unhealthy unless the longest pause since the last look was shorter than this.
        warn_pause_below: degraded unless the longest pause was shorter than this.
        share_below: unhealthy unless less than this share of the time since the last look went into pauses.
        warn_share_below: degraded unless less than this share went into pauses.
        uncollectable_below: unhealthy unless fewer objects than this cannot be collected.
        warn_uncollectable_below: degraded unless fewer objects than this cannot be collected; 1 when neither is given.
    """

    pause_below: Duration | None = None
    warn_pause_below: Duration | None = None
    share_below: Share | None = None
    warn_share_below: Share | None = None
    uncollectable_below: int | None = None
    warn_uncollectable_below: int | None = None

    def build(self, site: Site) -> Check:
        """Make a check that listens to the collector from its first look on."""
        return _GarbageCollectorCheck(self)


class _GarbageCollectorCheck:
    """Measures pauses between two looks."""

    instant = True

    def __init__(self, options: GarbageCollector) -> None:
        self._options = options
        self._listening = False
        self._began = 0.0
        self._since = 0.0
        self._worst = 0.0
        self._sum = 0.0
        self._collections = [0, 0, 0]

    async def look(self, look: Look) -> Observation:
        now = _monotonic()
        worst, paused, over = self._worst, self._sum, max(now - self._since, 1e-9)
        counts = [generation["collections"] for generation in gc.get_stats()]
        if not self._listening:
            gc.callbacks.append(self._hear)
            self._listening, over, self._collections = True, 1.0, counts
        self._since, self._worst, self._sum = now, 0.0, 0.0
        before, self._collections = self._collections, counts
        return self._judge(look, worst, paused, paused / over, [b - a for a, b in zip(before, counts, strict=False)])

    async def aclose(self) -> None:
        """Listen no more."""
        if self._listening:
            self._listening = False
            gc.callbacks.remove(self._hear)

    def _hear(self, phase: str, info: dict[str, Any]) -> None:
        """Hear that a collection begins or ends: in whatever thread, never two at once."""
        if phase == "start":
            self._began = _monotonic()
        elif self._began:
            pause = _monotonic() - self._began
            self._began = 0.0
            self._sum += pause
            self._worst = max(self._worst, pause)

    def _judge(self, look: Look, worst: float, paused: float, share: float, collections: list[int]) -> Observation:
        findings, options, uncollectable = Findings(), self._options, len(gc.garbage)
        longest = f"longest pause {format_duration(worst)}"
        findings.judge(options, "pause", worst, longest, show=format_duration)
        findings.judge(options, "share", share, f"{show_share(share)} of the time in pauses", show=show_share)
        left = f"{uncollectable} objects cannot be collected (gc.garbage)"
        findings.judge(options, "uncollectable", uncollectable, left)
        if uncollectable and not options.bounds("uncollectable"):
            findings.degraded(left)
        metrics = {
            "pause_seconds": Metric(worst, "seconds"),
            "paused_seconds": Metric(paused, "seconds"),
            "paused_ratio": Metric(share, "ratio"),
            "uncollectable": Metric(uncollectable),
            **{f"collections_{generation}": Metric(count) for generation, count in enumerate(collections)},
        }
        summary = f"{sum(collections)} collections, {longest}, {show_share(share)} of the time in pauses"
        return findings.answer(look, summary, metrics=metrics)

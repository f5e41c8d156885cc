"""The ``swap`` check: how much swap space is in use, and how busy it is."""

from __future__ import annotations

import os

from salus.checks import _host
from salus.checks._bounds import BoundedOptions, Findings, show_share
from salus.model import Metric, Observation
from salus.ports import Look
from salus.units import Amount, Size, format_size


class Swap(BoundedOptions, frozen=True, kw_only=True):
    """Swap space of the host. A host without swap is healthy.

    Attributes:
        used_below: unhealthy unless less than this is in use.
        warn_used_below: degraded unless less than this is in use.
        free_above: unhealthy unless more than this is free.
        warn_free_above: degraded unless more than this is free.
        traffic_below: unhealthy unless fewer bytes than this move in and out in a second.
        warn_traffic_below: degraded unless fewer bytes than this move in and out in a second.
    """

    used_below: Amount | None = None
    warn_used_below: Amount | None = None
    free_above: Amount | None = None
    warn_free_above: Amount | None = None
    traffic_below: Size | None = None
    warn_traffic_below: Size | None = None

    async def look(self, look: Look) -> Observation:
        """Read how much is used, and what moved since the look before."""
        swap = _host.swap()
        if not swap.total:
            return look.healthy("this host has no swap space", metrics={"total_bytes": Metric(0, "bytes")})
        return self.judge(look, swap, sum(_host.pages()) * os.sysconf("SC_PAGE_SIZE"))

    def judge(self, look: Look, swap: _host.Swap, moved: int) -> Observation:
        """Hold what was read against the bounds.

        Args:
            look: the look to answer.
            swap: the space.
            moved: bytes moved in and out since boot.
        """
        used, whole = swap.total - swap.free, max(swap.total, 1)
        of = f"of {format_size(swap.total)}"
        said = f"{show_share(used / whole)} of swap used ({format_size(used)} {of})"
        findings = Findings()
        findings.judge(self, "used", used, said, whole=whole)
        free = f"{show_share(swap.free / whole)} of swap free ({format_size(swap.free)} {of})"
        findings.judge(self, "free", swap.free, free, whole=whole)
        metrics = {
            "total_bytes": Metric(swap.total, "bytes"),
            "used_bytes": Metric(used, "bytes"),
            "used_ratio": Metric(used / whole, "ratio"),
            "free_bytes": Metric(swap.free, "bytes"),
            "moved_bytes": Metric(moved, "bytes"),
        }
        rate = self._rate(look, moved)
        if rate is not None:
            traffic = f"{format_size(rate)} swapped in and out per second"
            findings.judge(self, "traffic", rate, traffic, show=format_size)
            metrics["traffic_bytes_per_second"] = Metric(rate, "bytes_per_second")
        return findings.answer(look, said, metrics=metrics)

    @staticmethod
    def _rate(look: Look, moved: int) -> float | None:
        before = look.previous and look.previous.metrics.get("moved_bytes")
        if look.previous is None or not before:
            return None
        seconds = (look.at - look.previous.at).total_seconds()
        # Less than before: the host was booted in between.
        return (moved - before.value) / seconds if seconds > 0 and moved >= before.value else None

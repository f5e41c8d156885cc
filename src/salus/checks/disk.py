"""The ``disk`` check: room on a file system, in bytes and in inodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from salus.checks._bounds import BoundedOptions, Findings, show_count, show_share
from salus.checks._paths import PathError, PathOptions, ask, trouble
from salus.model import Metric, Observation
from salus.ports import Look
from salus.units import Amount, Duration, format_duration, format_size

# Weight of the newest reading in the speed at which a disk fills: about the last five looks count.
_NEWEST = 0.3


class Disk(BoundedOptions, PathOptions, frozen=True, kw_only=True):
    """Room on the file system that holds a path, as a program that is not root may use it.

    Attributes:
        path: any path on the file system.
        free_above: unhealthy unless more than this is free.
        warn_free_above: degraded unless more than this is free.
        used_below: unhealthy unless less than this is used.
        warn_used_below: degraded unless less than this is used.
        inodes_free_above: unhealthy unless more than this share of the inodes is free.
        warn_inodes_free_above: degraded unless more than this share of the inodes is free.
        full_in_above: unhealthy unless it takes longer than this to fill, at the speed of the last looks.
        warn_full_in_above: degraded unless it takes longer than this to fill.
    """

    path: Path
    free_above: Amount | None = None
    warn_free_above: Amount | None = None
    used_below: Amount | None = None
    warn_used_below: Amount | None = None
    inodes_free_above: Amount | None = None
    warn_inodes_free_above: Amount | None = None
    full_in_above: Duration | None = None
    warn_full_in_above: Duration | None = None

    async def look(self, look: Look) -> Observation:
        """Ask the file system how full it is."""
        try:
            room = await ask(look, "space", self.path)
        except PathError as error:
            return trouble(look, self.path, error)
        return self.judge(look, room)

    def judge(self, look: Look, room: dict[str, Any]) -> Observation:
        """Hold what the file system says against the bounds."""
        free, used = room["free"], room["used"]
        # What is kept for root belongs to neither, so "full" is 0% free.
        whole = free + used
        if not whole:
            return look.healthy(f"{self.path} is on a file system without a size, such as /proc")
        of = f"of {format_size(whole)}"
        said = f"{show_share(free / whole)} free ({format_size(free)} {of})"
        findings = Findings()
        findings.judge(self, "free", free, said, whole=whole)
        findings.judge(self, "used", used, f"{show_share(used / whole)} used ({format_size(used)} {of})", whole=whole)
        metrics = {
            "total_bytes": Metric(whole, "bytes"),
            "free_bytes": Metric(free, "bytes"),
            "free_ratio": Metric(free / whole, "ratio"),
            "used_bytes": Metric(used, "bytes"),
            "used_ratio": Metric(used / whole, "ratio"),
        }
        metrics |= self._inodes(findings, room)
        metrics |= self._filling(findings, look, free)
        metadata = {"path": str(self.path), "read_only": room["read_only"]}
        return findings.answer(look, said, metrics=metrics, metadata=metadata)

    def _inodes(self, findings: Findings, room: dict[str, Any]) -> dict[str, Metric]:
        free, used = room["inodes_free"], room["inodes_used"]
        whole = free + used
        if not whole:  # such as btrfs, which makes them as it goes
            return {}
        said = f"{show_share(free / whole)} of inodes free ({show_count(free)} of {show_count(whole)})"
        findings.judge(self, "inodes_free", free, said, whole=whole)
        return {"inodes_free": Metric(free), "inodes_free_ratio": Metric(free / whole, "ratio")}

    def _filling(self, findings: Findings, look: Look, free: float) -> dict[str, Metric]:
        """Tell how fast it fills, smoothed over the last looks, and when it will be full at that speed."""
        speed = _speed(look, free)
        if speed is None:
            return {}
        metrics = {"filling_bytes_per_second": Metric(speed, "bytes_per_second")}
        if speed >= 1:
            seconds = free / speed
            said = f"full in {format_duration(seconds)} ({format_size(speed)} more per second)"
            findings.judge(self, "full_in", seconds, said, show=format_duration)
            metrics["full_in_seconds"] = Metric(seconds, "seconds")
        return metrics


def _speed(look: Look, free: float) -> float | None:
    before = look.previous.metrics.get("free_bytes") if look.previous else None
    if look.previous is None or before is None:
        return None
    seconds = (look.at - look.previous.at).total_seconds()
    if seconds <= 0:
        return None
    newest = (before.value - free) / seconds
    known = look.previous.metrics.get("filling_bytes_per_second")
    return newest if known is None else _NEWEST * newest + (1 - _NEWEST) * known.value

"""The ``memory`` check: how much a program could still get."""

from __future__ import annotations

from salus.checks import _host
from salus.checks._bounds import BoundedOptions, Findings, show_share
from salus.model import Json, Metric, Observation
from salus.ports import Look
from salus.units import Amount, Share, format_size


class Memory(BoundedOptions, frozen=True, kw_only=True):
    """Memory of the host, or of the tightest control group (version 2) that Salus runs in.

    Attributes:
        available_above: unhealthy unless more than this is available without swapping.
        warn_available_above: degraded unless more than this is available.
        used_below: unhealthy unless less than this is in use (the whole less what is available).
        warn_used_below: degraded unless less than this is in use.
        pressure_below: unhealthy unless tasks waited for memory in less than this share of the last ten seconds.
        warn_pressure_below: degraded unless they waited less than this.
    """

    available_above: Amount | None = None
    warn_available_above: Amount | None = None
    used_below: Amount | None = None
    warn_used_below: Amount | None = None
    pressure_below: Share | None = None
    warn_pressure_below: Share | None = None

    async def look(self, look: Look) -> Observation:
        """Read memory and pressure."""
        return self.judge(look, _host.memory(), _host.pressure("memory"))

    def judge(self, look: Look, memory: _host.Memory, pressure: dict[str, float]) -> Observation:
        """Hold what was read against the bounds."""
        used = memory.total - memory.available
        whole = max(memory.total, 1)
        of = f"of {format_size(memory.total)}"
        free = f"{show_share(memory.available / whole)} available ({format_size(memory.available)} {of})"
        findings = Findings()
        findings.judge(self, "available", memory.available, free, whole=whole)
        findings.judge(self, "used", used, f"{show_share(used / whole)} used ({format_size(used)} {of})", whole=whole)
        if "some" in pressure:
            waited = f"tasks waited for memory {show_share(pressure['some'])} of the last 10 s"
            findings.judge(self, "pressure", pressure["some"], waited, show=show_share)
        metrics = {
            "total_bytes": Metric(memory.total, "bytes"),
            "available_bytes": Metric(memory.available, "bytes"),
            "available_ratio": Metric(memory.available / whole, "ratio"),
            "used_bytes": Metric(used, "bytes"),
            "used_ratio": Metric(used / whole, "ratio"),
        }
        metadata: dict[str, Json] = {"limited_by": memory.limited_by} if memory.limited_by else {}
        return findings.answer(look, free, metrics=metrics | _host.pressure_metrics(pressure), metadata=metadata)

"""The ``load`` check: how many tasks run or wait, averaged over 1, 5 and 15 minutes."""

from __future__ import annotations

import os

from salus.checks import _host
from salus.checks._bounds import BoundedOptions, Findings
from salus.model import Metric, Observation
from salus.ports import Look


class Load(BoundedOptions, frozen=True, kw_only=True):
    """Load averages, for each core unless told otherwise: 1.0 is a host that has just as much to do as it can.

    Attributes:
        load1_below: unhealthy unless the average over 1 minute is less than this.
        warn_load1_below: degraded unless it is less than this.
        load5_below: unhealthy unless the average over 5 minutes is less than this.
        warn_load5_below: degraded unless it is less than this.
        load15_below: unhealthy unless the average over 15 minutes is less than this.
        warn_load15_below: degraded unless it is less than this.
        per_core: the bounds are for each core; false makes them bounds on the plain averages.
    """

    load1_below: float | None = None
    warn_load1_below: float | None = None
    load5_below: float | None = None
    warn_load5_below: float | None = None
    load15_below: float | None = None
    warn_load15_below: float | None = None
    per_core: bool = True

    async def look(self, look: Look) -> Observation:
        """Read the averages."""
        return self.judge(look, _host.load(), os.cpu_count() or 1)

    def judge(self, look: Look, averages: tuple[float, float, float], cores: int) -> Observation:
        """Hold the averages against the bounds."""
        findings = Findings()
        metrics = {"cores": Metric(cores)}
        for minutes, average in zip((1, 5, 15), averages, strict=True):
            each = average / cores
            said = f"load{minutes} {each:.2f} per core ({average:.2f} on {cores})"
            if not self.per_core:
                said = f"load{minutes} {average:.2f}"
            findings.judge(self, f"load{minutes}", each if self.per_core else average, said)
            metrics[f"load{minutes}"] = Metric(average)
            metrics[f"load{minutes}_per_core"] = Metric(each)
        summary = "load " + " ".join(f"{average:.2f}" for average in averages) + f" on {cores} cores"
        return findings.answer(look, summary, metrics=metrics)

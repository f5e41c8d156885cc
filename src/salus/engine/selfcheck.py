"""Salus' own trouble is a check like any other: its ledger, its healing, its timing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from salus.model import CheckSpec, Metric, Observation
from salus.ports import Look

NAME = "salus"
LATE = 1.0


class SelfCheck:
    """Asks Salus how it is. Degraded when anything keeps it from doing its work; it never heals itself."""

    def __init__(self, troubles: Callable[[], Sequence[str]], lateness: Callable[[], float]) -> None:
        """Ask ``troubles`` (a line each) and ``lateness`` (the worst since it was last asked, seconds)."""
        self._troubles = troubles
        self._lateness = lateness

    async def look(self, look: Look) -> Observation:
        """Look once."""
        late = self._lateness()
        lines = list(self._troubles())
        if late > LATE:
            lines.append(f"looks began up to {late:.1f} s late: this process or its host is overloaded")
        metrics = {"lateness_seconds": Metric(late, "seconds")}
        if lines:
            return look.degraded("; ".join(lines), metrics=metrics)
        return look.healthy("keeping watch", metrics=metrics)

    async def aclose(self) -> None:
        """Nothing is kept."""


def self_check_spec() -> CheckSpec:
    """Return how Salus looks at itself."""
    return CheckSpec(name=NAME, kind="salus", interval=10.0, timeout=5.0, description="Salus itself")

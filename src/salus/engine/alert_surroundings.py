"""The engine, as the desk of alerts sees it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from salus.engine.engine import Engine


class AlertSurroundings:
    """What hangs on what, what is worked on, and what is being healed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def roots(self, check: str) -> Sequence[str]:
        """Return the checks that a check depends on, directly or not."""
        unit = self._engine.units.get(check)
        return [root.spec.name for root in self._engine.graph.roots(unit)] if unit else ()

    def leaves(self, check: str) -> Sequence[str]:
        """Return the checks that hang on a check, directly or not."""
        unit = self._engine.units.get(check)
        return [leaf.spec.name for leaf in self._engine.graph.leaves(unit)] if unit else ()

    def maintenance(self, check: str, now: datetime) -> tuple[str, datetime | None] | None:
        """Return what is being done to a check or its service, and until when, or None."""
        unit = self._engine.units.get(check)
        hold = self._engine.policy.holds.maintenance_hold(unit, now) if unit else None
        return (hold.detail, hold.until) if hold else None

    def healing(self, check: str) -> bool:
        """Tell whether a recovery of a check is under way."""
        unit = self._engine.units.get(check)
        return unit is not None and unit.healing

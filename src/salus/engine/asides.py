"""What becomes of a check that a person sets aside, and when it comes back.

paused ──> its verdict is unknown, nobody looks, it holds nobody and counts for nothing ──> resumed
   └─> a recovery under way, and one that a person begins, look and judge as ever          │
                                              counts again <── its first verdict <─────────┘

A verdict of before proves nothing about now, so none is kept: whatever reads verdicts (conditions, alerts, statistics)
needs no rule of its own for paused checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from salus.engine.checkpauses import check_pause_in_words
from salus.engine.policy import Policy
from salus.engine.units import CheckUnit
from salus.model import CheckPause, CheckState, Observation, Status


class Around(Protocol):
    """What setting a check aside needs from the engine."""

    policy: Policy
    units: dict[str, CheckUnit]

    def now(self) -> datetime:
        """Return the wall clock, once everything that is remembered has followed a jump of it."""
        ...

    def put_aside(self, unit: CheckUnit, seen: Observation, before: CheckState) -> None:
        """Hear that a check has no verdict any more, and why."""
        ...

    def nudge(self, unit: CheckUnit) -> None:
        """Look now at one check."""
        ...


class Asides:
    """Sets checks aside and takes them back."""

    def __init__(self, around: Around) -> None:
        """Work within ``around``."""
        self._around = around

    def take(self, units: Mapping[str, CheckUnit]) -> None:
        """Know the paused ones among a new set of checks."""
        pauses = self._around.policy.check_pauses
        for name, unit in units.items():
            unit.paused = pauses.of(name) is not None

    def pause(self, unit: CheckUnit, seconds: float | None, *, reason: str, by: str) -> CheckPause:
        """Set a check aside."""
        around, name = self._around, unit.spec.name
        pause = around.policy.check_pauses.start(name, seconds, around.now(), reason=reason, by=by)
        unit.paused, unit.returning = True, False
        self.settle(unit)
        return pause

    def settle_all(self) -> None:
        """Settle every paused check that is not: new in the config, or left in the middle of a recovery by a kill."""
        for unit in self._around.units.values():
            if unit.paused and (unit.state.last is None or unit.state.status is not Status.UNKNOWN):
                self.settle(unit)

    def settle(self, unit: CheckUnit) -> None:
        """Forget the verdict of a check that is paused, once no recovery of it needs one."""
        pause = self._around.policy.check_pauses.of(unit.spec.name)
        if pause is None or unit.healing:
            return
        now, before = self._around.now(), unit.state
        seen = Observation(status=Status.UNKNOWN, message=check_pause_in_words(pause), at=now)
        since = before.since if before.status is Status.UNKNOWN else now
        unit.state = CheckState(since=since, started=before.started, settled=before.settled, last=seen)
        # Whoever replaces the target meanwhile is the person who works on it, not a rival.
        unit.ailing, unit.waits, unit.incarnation, unit.eased_at = False, False, None, None
        for rule in unit.rules:
            rule.refusal = None
        self._around.put_aside(unit, seen, before)

    def resume(self, name: str, why: str) -> None:
        """Take a check back, and look at it at once.

        Raises:
            ConflictError: it is not paused.
        """
        self._around.policy.check_pauses.end(name, why)
        unit = self._around.units.get(name)
        if unit is not None:
            unit.paused, unit.returning = False, True
            self._around.nudge(unit)

    def tick(self, now: datetime) -> float | None:
        """End the pauses that are over; returns seconds until the next one ends."""
        pauses = self._around.policy.check_pauses
        for name in pauses.over(now):
            self.resume(name, "the pause is over")
        end = pauses.next_end()
        return None if end is None else max(0.0, (end - now).total_seconds())


def still_away(unit: CheckUnit, seen: Observation) -> bool:
    """Tell whether a check that was resumed does not count yet: it does from its first verdict on, or if none comes."""
    return unit.state.status is Status.UNKNOWN and seen.status is not Status.UNKNOWN

"""What becomes of a check that a person sets aside, and when it comes back. Loaded when somebody does.

paused ──> its verdict is unknown, nobody looks, it holds nobody and counts for nothing ──> resumed
   └─> a recovery under way, and one that a person begins, look and judge as ever          │
                                              counts again <── its first verdict <─────────┘

A verdict of before proves nothing about now, so none is kept: whatever reads verdicts (conditions, alerts, statistics)
needs no rule of its own for paused checks.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from salus.engine.holds import pause_in_words
from salus.engine.memos import memo
from salus.engine.policy import Policy
from salus.engine.units import CheckUnit
from salus.errors import ConflictError
from salus.model import CheckState, EventKind, Observation, Pause, Status


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
    """Sets checks aside and takes them back; which are stands in the policy, and survives a restart."""

    def __init__(self, around: Around) -> None:
        """Work within ``around``."""
        self._around = around
        self._policy = around.policy

    def pause(self, unit: CheckUnit, seconds: float | None, *, reason: str, by: str) -> Pause:
        """Set a check aside; where it is already, this is what holds from now on."""
        name, now = unit.spec.name, self._around.now()
        until = None if seconds is None else now + timedelta(seconds=seconds)
        pause = Pause(check=name, since=now, until=until, reason=reason, by=by)
        self._put(pause)
        self._policy.tell(EventKind.CHECK_PAUSED, check=name, message=pause_in_words(pause))
        unit.paused, unit.returning = True, False
        self.settle(unit)
        return pause

    def resume(self, name: str, why: str) -> None:
        """Take a check back, and look at it at once.

        Raises:
            ConflictError: it is not paused.
        """
        if self._policy.check_pauses.pop(name, None) is None:
            raise ConflictError(f"check {name!r} is not paused", remedy="`salus status` shows which are")
        self._policy.keep(memo(f"check_pause:{name}", None))
        self._policy.tell(EventKind.CHECK_RESUMED, check=name, message=why)
        unit = self._around.units.get(name)
        if unit is not None:
            unit.paused, unit.returning = False, True
            self._around.nudge(unit)

    def settle_all(self) -> None:
        """Settle every paused check that is not: new in the config, or left in the middle of a recovery by a kill."""
        for unit in self._around.units.values():
            if unit.paused and (unit.state.last is None or unit.state.status is not Status.UNKNOWN):
                self.settle(unit)

    def settle(self, unit: CheckUnit) -> None:
        """Forget the verdict of a check that is paused, once no recovery of it needs one."""
        pause = self._policy.check_pauses.get(unit.spec.name)
        if pause is None or unit.healing:
            return
        now, before = self._around.now(), unit.state
        seen = Observation(status=Status.UNKNOWN, message=pause_in_words(pause), at=now)
        since = before.since if before.status is Status.UNKNOWN else now
        unit.state = CheckState(since=since, started=before.started, settled=before.settled, last=seen)
        # Whoever replaces the target meanwhile is the person who works on it, not a rival.
        unit.ailing, unit.waits, unit.incarnation, unit.eased_at = False, False, None, None
        for rule in unit.rules:
            rule.refusal = None
        self._around.put_aside(unit, seen, before)

    def tick(self, now: datetime) -> float | None:
        """End the pauses that are over; returns seconds until the next one ends."""
        ends = {name: pause.until for name, pause in self._policy.check_pauses.items() if pause.until is not None}
        for name in [name for name, end in ends.items() if now >= end]:
            del ends[name]
            self.resume(name, "the pause is over")
        return (min(ends.values()) - now).total_seconds() if ends else None

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock: what was to last half an hour still does."""
        for pause in [*self._policy.check_pauses.values()]:
            until = pause.until + by if pause.until else None
            self._put(replace(pause, since=pause.since + by, until=until))

    def _put(self, pause: Pause) -> None:
        self._policy.check_pauses[pause.check] = pause
        self._policy.keep(memo(f"check_pause:{pause.check}", pause))

"""What really is: the subjects of the simulated world, their incidents, and what every step of a recovery was worth."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum, StrEnum

from salus.simulate.faults import AnyFault, Curable, Kind, Leak


class Symptom(Enum):
    """What is wrong with something that runs."""

    NONE = 0
    DEGRADED = 1
    UNHEALTHY = 2
    HANGS = 3


class End(StrEnum):
    """How an incident ended."""

    HEALED = "healed"  # by an action of a recovery
    PREVENTED = "prevented"  # by an action, before it was felt
    PASSED = "passed"  # by itself
    REPAIRED = "repaired"  # by the person who was called


@dataclass(slots=True, eq=False)
class Incident:
    """One thing that went wrong.

    Attributes:
        subject: what it happened to.
        kind: the kind of the fault, or ``harmed`` where Salus itself left a healthy service down.
        fault: the fault, with its options.
        began: seconds since the start.
        hurts_at: since when it is felt; None while a leak only grows.
        detected_at: when a check's verdict said so.
        ended_at: when it was over.
        end: how.
        by: the action that healed it.
        timers: what still has to happen to it by itself.
    """

    subject: Subject
    kind: str
    fault: AnyFault
    began: float
    hurts_at: float | None = None
    detected_at: float | None = None
    ended_at: float | None = None
    end: End | None = None
    by: str = ""
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    @property
    def actionable(self) -> bool:
        """Tell whether acting on the subject is called for: the fault is its own, and not a whim."""
        return isinstance(self.fault, Curable)

    @property
    def healable(self) -> bool:
        """Tell whether there is an action that heals it."""
        if self.fault.kind is Kind.RESTART_DOES_NOT_HELP:
            return bool(isinstance(self.fault, Curable) and self.fault.healed_by)
        return self.actionable


@dataclass(slots=True, eq=False)
class Subject:
    """Something that can be well or not: a service, what a check without a service looks at, a shared dependency.

    Attributes:
        name: of the service, check or shared dependency.
        room: ``service``, ``check`` or ``dependency``.
        needs: what must be well for it to be well.
        needed_by: the other way round.
        up: a ready copy runs.
        symptom: what is wrong with that copy.
        incident: what is wrong with the subject itself, or None.
        leak: it leaks now and then, so looks report its metric.
        every_copy_leaks: from its start.
        leaking_since: when the present leak began; None while there is none.
        hard_starts: starts that will fail before one succeeds.
        hard_start: seconds that the next start takes; None for as long as always.
        well: it does its work.
        bad_since: when it last stopped doing so.
        lost: seconds in which it did not, up to ``bad_since``.
        hand: the action that touched it last.
    """

    name: str
    room: str
    needs: list[Subject] = field(default_factory=list)
    needed_by: list[Subject] = field(default_factory=list)
    up: bool = True
    symptom: Symptom = Symptom.NONE
    incident: Incident | None = None
    leak: Leak | None = None
    every_copy_leaks: bool = False
    leaking_since: float | None = None
    hard_starts: int = 0
    hard_start: float | None = None
    well: bool = True
    bad_since: float = 0.0
    lost: float = 0.0
    hand: str = ""

    def failing_need(self) -> Subject | None:
        """Return the root of what it needs and does not get, or None."""
        for need in self.needs:
            if not need.well:
                return need.failing_need() or need
        return None

    def refresh(self, now: float) -> None:
        """Find out whether it is well, and tell those that need it."""
        well = self.up and self.symptom is Symptom.NONE and all(need.well for need in self.needs)
        if well == self.well:
            return
        self.well = well
        if well:
            self.lost += now - self.bad_since
        else:
            self.bad_since = now
        for other in self.needed_by:
            other.refresh(now)

    def lost_until(self, now: float) -> float:
        """Return the seconds in which it did not do its work."""
        return self.lost + (0.0 if self.well else now - self.bad_since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a recovery that changes the world, judged by the truth at the moment it began.

    Attributes:
        at: seconds since the start.
        check: of the recovery.
        rule: likewise.
        action: its label.
        needless: why it was not called for; empty when it was.
    """

    at: float
    check: str
    rule: str
    action: str
    needless: str = ""

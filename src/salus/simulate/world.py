"""The simulated world: faults strike it, actions heal it, and it knows at every moment what is really the matter."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from random import Random

from salus.model import Status
from salus.ports import Clock
from salus.simulate.chance import draw, stream
from salus.simulate.faults import (
    AnyFault,
    BrokenCheck,
    Crash,
    Curable,
    Fault,
    Flap,
    Kind,
    Leak,
    RestartDoesNotHelp,
    SharedDependency,
    SlowStart,
)
from salus.simulate.parts import SimCheck, SimService
from salus.simulate.scenario import Scenario
from salus.simulate.truth import End, Incident, Step, Subject, Symptom

HARMED = "harmed"
FALSE_POSITIVE = "false_positive"
NOTHING_WRONG = "nothing_was_wrong"

_HARM = Crash()
_SAYS = {"degraded": Symptom.DEGRADED, "unhealthy": Symptom.UNHEALTHY}


class World:
    """All subjects, and what happens to them."""

    def __init__(self, scenario: Scenario, clock: Clock, seed: int) -> None:
        """Begin empty; ``service``, ``check`` and ``begin`` fill it."""
        self.scenario = scenario
        self.clock = clock
        self.seed = seed
        self.subjects: dict[str, Subject] = {}
        self.services: dict[str, SimService] = {}
        self.checks: dict[str, SimCheck] = {}
        self.incidents: list[Incident] = []
        self.steps: list[Step] = []
        self.strikes_until = float("inf")

    # ── before it begins ──────────────────────────────────────────────────────────────────────────────────────────────

    def subject(self, room: str, name: str) -> Subject:
        """Return a subject; it is made when it is first asked for."""
        key = f"{room}:{name}"
        if key not in self.subjects:
            self.subjects[key] = Subject(name, room)
        return self.subjects[key]

    def begin(self) -> None:
        """Say who needs whom, and let the faults begin to strike."""
        for name in self.services:
            for need in self.scenario.needs_of(name):
                room = "service" if need in self.services else "dependency"
                self._join(self.subject("service", name), self.subject(room, need))
        for name, service in self.services.items():
            for label, fault in self.scenario.faults_of("services", name):
                self._prepare(label, fault, service.subject)
        for name, check in self.checks.items():
            for label, fault in self.scenario.faults_of("checks", name):
                self._prepare(label, fault, check if isinstance(fault, BrokenCheck) else check.subject)
        for name, shared in self.scenario.shared_dependencies.items():
            self._prepare(f"shared_dependencies/{name}", shared, self.subject("dependency", name))

    @staticmethod
    def _join(subject: Subject, need: Subject) -> None:
        subject.needs.append(need)
        need.needed_by.append(subject)

    def _prepare(self, label: str, fault: AnyFault, at: Subject | SimCheck) -> None:
        if isinstance(fault, Leak) and isinstance(at, Subject):
            at.leak = fault
            if fault.every is None and not fault.at:
                at.every_copy_leaks = True
                self._strike(fault, at)
                return
        chance = stream(self.seed, label)
        for instant in fault.at:
            self._later(float(instant), self._due, fault, at, chance)
        if fault.every is not None:
            self._arm(fault, at, chance)

    # ── faults ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _later(self, at: float, call: object, *given: object) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_at(at, call, *given)  # type: ignore[arg-type]  # any function will do

    def _arm(self, fault: Fault, at: Subject | SimCheck, chance: Random) -> None:
        assert fault.every is not None  # noqa: S101 - only such are armed
        when = self.clock.monotonic() + chance.expovariate(1.0 / float(fault.every))
        if when < self.strikes_until:
            self._later(when, self._due_again, fault, at, chance)

    def _due_again(self, fault: AnyFault, at: Subject | SimCheck, chance: Random) -> None:
        self._arm(fault, at, chance)
        self._due(fault, at, chance)

    def _due(self, fault: AnyFault, at: Subject | SimCheck, chance: Random) -> None:
        if fault.probability >= 1 or chance.random() < fault.probability:
            self._strike(fault, at)

    def _strike(self, fault: AnyFault, at: Subject | SimCheck) -> None:
        """Let a fault happen, unless its subject is in trouble already."""
        if isinstance(at, SimCheck):
            if isinstance(fault, BrokenCheck) and at.lie is None:
                self._break_check(fault, at)
        elif at.incident is None and at.up:
            self._begin(fault, at)

    def _break_check(self, fault: BrokenCheck, check: SimCheck) -> None:
        incident = self._open(fault, self.subject("lie", check.name))
        incident.hurts_at = incident.began
        check.lie = Status(fault.says)
        check.cause = fault.cause
        incident.timers.append(self._later(incident.began + float(fault.lasts), self._mend_check, check))

    def _mend_check(self, check: SimCheck) -> None:
        check.lie = None
        if incident := self.subject("lie", check.name).incident:
            self.close(incident, End.PASSED)

    def _begin(self, fault: AnyFault, subject: Subject) -> None:
        incident = self._open(fault, subject)
        if isinstance(fault, Leak):
            self._begin_leak(incident, fault)
            return
        incident.hurts_at = incident.began
        if isinstance(fault, Crash | SlowStart):
            if isinstance(fault, SlowStart):
                subject.hard_starts, subject.hard_start = fault.fails, float(fault.takes)
            self._end_copy(subject)
        elif isinstance(fault, Flap):
            self._toggle(incident, fault)
        elif isinstance(fault, SharedDependency):
            subject.up = False
        else:
            says = fault.says if isinstance(fault, RestartDoesNotHelp) else ""
            subject.symptom = _SAYS.get(says, Symptom.HANGS)
        self._felt(incident)

    def _open(self, fault: AnyFault, subject: Subject, kind: str = "") -> Incident:
        incident = Incident(subject, kind or fault.kind.value, fault, began=self.clock.monotonic())
        subject.incident = incident
        self.incidents.append(incident)
        return incident

    def _felt(self, incident: Incident) -> None:
        """Let the consequences begin: whoever needs it is bad, and it may pass by itself."""
        now = self.clock.monotonic()
        incident.subject.refresh(now)
        if incident.fault.lasts is not None:
            timer = self._later(now + float(incident.fault.lasts), self._pass, incident)
            incident.timers.append(timer)

    def _begin_leak(self, incident: Incident, fault: Leak) -> None:
        incident.subject.leaking_since = incident.began
        incident.timers.append(self._later(incident.began + float(fault.grows_for), self._overflow, incident, fault))

    def _overflow(self, incident: Incident, fault: Leak) -> None:
        incident.hurts_at = self.clock.monotonic()
        incident.subject.symptom = _SAYS[fault.says]
        self._felt(incident)

    def _toggle(self, incident: Incident, fault: Flap) -> None:
        subject = incident.subject
        subject.symptom = Symptom.NONE if subject.symptom is Symptom.UNHEALTHY else Symptom.UNHEALTHY
        now = self.clock.monotonic()
        subject.refresh(now)
        incident.timers[:1] = [self._later(now + float(fault.period) / 2, self._toggle, incident, fault)]

    def _end_copy(self, subject: Subject) -> None:
        """End the running copy of a service; what a check without one looks at just stops working."""
        if service := self.services.get(subject.name) if subject.room == "service" else None:
            service.exit()
        else:
            subject.symptom = Symptom.UNHEALTHY

    def _pass(self, incident: Incident) -> None:
        self.close(incident, End.PASSED)

    def close(self, incident: Incident, end: End) -> None:
        """End an incident; whatever it did to its subject is undone."""
        subject = incident.subject
        if incident.ended_at is not None:
            return
        incident.end, incident.ended_at = end, self.clock.monotonic()
        incident.by = subject.hand if end in (End.HEALED, End.PREVENTED) else ""
        for timer in incident.timers:
            timer.cancel()
        incident.timers.clear()
        subject.incident, subject.symptom, subject.leaking_since = None, Symptom.NONE, None
        subject.hard_starts, subject.hard_start = 0, None
        service = self.services.get(subject.name) if subject.room == "service" else None
        if service is None:
            subject.up = True
        elif not subject.up and end in (End.PASSED, End.REPAIRED, End.HEALED):
            service.revive()
        subject.refresh(incident.ended_at)
        if subject.every_copy_leaks and incident.ended_at < self.strikes_until and subject.leak is not None:
            self._strike(subject.leak, subject)

    def repair(self, check: SimCheck) -> None:
        """Let the person who was called mend what a check is about, and what that needs."""
        self._mend_check(check)
        for subject in _with_needs(check.subject):
            if subject.incident is not None:
                self.close(subject.incident, End.REPAIRED)

    # ── actions ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def touched(self, check: str, services: Iterable[str]) -> list[Subject]:
        """Return what an action touches: the services it names, else what its check is about."""
        named = [self.services[name].subject for name in sorted(services) if name in self.services]
        return named or [self.checks[check].subject]

    def step(self, check: str, rule: str, action: str, subjects: list[Subject]) -> None:
        """Judge a step that is about to change the world."""
        why = self._needless(self.checks[check], subjects)
        self.steps.append(Step(at=self.clock.monotonic(), check=check, rule=rule, action=action, needless=why))
        for subject in subjects:
            subject.hand = action

    def _needless(self, check: SimCheck, subjects: list[Subject]) -> str:
        """Say why acting on these subjects is not called for; an empty string when it is."""
        incidents = [subject.incident for subject in subjects if subject.incident]
        down = any(not subject.up and subject.room == "service" for subject in subjects)
        if down or any(incident.actionable for incident in incidents):
            return ""
        if check.lie is not None:
            return Kind.BROKEN_CHECK.value
        if check.told_false:
            return FALSE_POSITIVE
        if incidents:
            return incidents[0].kind
        root = next((need for subject in subjects if (need := subject.failing_need())), None)
        if root is not None:
            return f"needs {root.name}"
        return NOTHING_WRONG

    def replaced(self, subject: Subject) -> None:
        """Take in that a new copy is ready: that heals what a restart heals."""
        now = self.clock.monotonic()
        incident = subject.incident
        if incident is None:
            subject.refresh(now)
            return
        fault = incident.fault
        if isinstance(fault, Curable) and not fault.healed_by and not isinstance(fault, RestartDoesNotHelp):
            self._healed(incident)
            return
        if isinstance(fault, Crash | SlowStart):
            subject.symptom = Symptom.UNHEALTHY  # it runs again, and what ended it is still there
        subject.refresh(now)

    def succeeded(self, labels: tuple[str, ...], subjects: list[Subject], *, replaces: bool) -> None:
        """Take in that an action which changes things is done: that heals what it is said to heal."""
        for subject in subjects:
            incident = subject.incident
            service = self.services.get(subject.name) if subject.room == "service" else None
            if replaces and service is not None:
                service.revive()
            if incident is None or not isinstance(incident.fault, Curable) or incident.ended_at is not None:
                continue
            anything = service is None and not isinstance(incident.fault, RestartDoesNotHelp)
            if set(labels) & set(incident.fault.healed_by) or (anything and not incident.fault.healed_by):
                self._healed(incident)

    def _healed(self, incident: Incident) -> None:
        self.close(incident, End.PREVENTED if incident.hurts_at is None else End.HEALED)

    def left_down(self, subject: Subject) -> None:
        """Take in that a start failed or was called off: where nothing was wrong before, Salus did harm."""
        now = self.clock.monotonic()
        if subject.incident is None:
            incident = self._open(_HARM, subject, HARMED)
            incident.hurts_at = now
        elif subject.incident.hurts_at is None:
            subject.incident.hurts_at = now  # it only leaked; now it is down
            self._felt(subject.incident)
        subject.refresh(now)

    def start_takes(self, subject: Subject, chance: Random) -> float:
        """Return how long the next start takes."""
        if subject.hard_start is not None:
            return subject.hard_start
        part = self.scenario.services.get(subject.name)
        return draw((part.starts_in if part else None) or self.scenario.everywhere.starts_in, chance)

    # ── what came of it ───────────────────────────────────────────────────────────────────────────────────────────────

    def detected(self, check: str, now: float) -> None:
        """Take in that a check's verdict turned bad, or that a recovery of it began."""
        for subject in (*_with_needs(self.checks[check].subject), self.subjects.get(f"lie:{check}")):
            incident = subject.incident if subject else None
            if incident is None or incident.hurts_at is None or incident.detected_at is not None:
                continue
            if subject is self.checks[check].subject or incident.subject.room in ("dependency", "lie"):
                incident.detected_at = now

    def availability(self, now: float) -> Mapping[str, float]:
        """Return for every service the share of time in which it did its work."""
        lost = {name: service.subject.lost_until(now) for name, service in self.services.items()}
        return {name: 1.0 - seconds / now if now else 1.0 for name, seconds in lost.items()}


def _with_needs(subject: Subject) -> list[Subject]:
    """Return a subject and all that it needs, directly or not, each once."""
    found = [subject]
    for one in found:
        found += [need for need in one.needs if need not in found]
    return found

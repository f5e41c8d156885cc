"""The parts of a replay that the real engine meets: checks, services, actions. They repeat the past, no more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Protocol

from salus.actions.service import ServiceAction, StopService
from salus.actions.wait import Wait
from salus.engine.units import CheckUnit
from salus.errors import ActionError
from salus.model import (
    Effect,
    Event,
    EventKind,
    Observation,
    ServiceRecord,
    ServiceState,
    ServiceStatus,
    Status,
)
from salus.ports import Action, ActionResult, Look, Scene, Site
from salus.simulate.backtest.course import Course
from salus.simulate.backtest.spells import Run

INSTANT = 0.1  # a look that took less takes no time in a replay: a second of them would cost a minute
LIVELY = 40  # looks after which nothing changes any more: flapping looks back over 21, m of n over 31
REST = 1e9  # seconds until the next look at what does not change
_WITHIN = 0.999  # of its time-out: what was seen then is seen again, also where it had more time
_TAKES = 0.1  # an action that was never tried
_ACTING = (Effect.CHANGES, Effect.REPLACES)
_BY_PERSON = "stopped by a person"
_STATES = {
    EventKind.SERVICE_STARTED: ServiceState.RUNNING,
    EventKind.SERVICE_ADOPTED: ServiceState.RUNNING,
    EventKind.SERVICE_EXITED: ServiceState.EXITED,
    EventKind.SERVICE_STOPPED: ServiceState.STOPPED,
}


class ReplayCheck:
    """Answers what the past answers at this moment, and takes as long."""

    __slots__ = ("_course", "_idle", "_said", "looks", "unit")

    instant = True  # as long as it does not want to wait after all

    def __init__(self, course: Course | None) -> None:
        """Follow a course; without one nothing is known of this check."""
        self._course = course
        self._idle = 0
        self._said: Observation | None = None
        self.looks = 0
        self.unit: CheckUnit | None = None

    async def look(self, look: Look) -> Observation:
        """Look once."""
        clock = look.site.clock
        seen = self._course.answer(clock.monotonic()) if self._course else None
        if seen is not None and seen.duration >= INSTANT:
            await clock.sleep(min(seen.duration, look.spec.timeout * _WITHIN))
        self.looks += 1
        self._said = seen
        self._pace(seen)
        if seen is None:
            why = "nobody looked" if self._course else "the ledger does not know this check"
            return look.observe(Status.UNKNOWN, why)
        return replace(seen, at=look.at, duration=look.elapsed)

    def has_said(self, seen: Observation | None) -> bool:
        """Tell whether its newest look said that."""
        return self._said is seen and self.looks > 0

    def changed(self, now: float) -> None:
        """Hear that it says something else from now on; the looks that follow keep step with that."""
        self._idle = 0
        if self.unit is not None and self.unit.entry is not None:
            self.unit.entry.interval = self.unit.spec.interval
            self.unit.entry.origin = now

    def _pace(self, seen: Observation | None) -> None:
        """Look no more at what is well and stays so: nothing comes of it, and a month of it is millions of looks."""
        unit = self.unit
        self._idle += 1
        if unit is None or unit.entry is None:
            return
        busy = seen is not None and seen.status.bad and bool(unit.rules)
        unit.entry.interval = unit.spec.interval if busy or self._idle < LIVELY else REST

    async def aclose(self) -> None:
        """Nothing is kept."""


class ReplayService:
    """A service as the ledger tells of it, but for what the replay does to it."""

    def __init__(self, name: str, kind: str, site: Site) -> None:
        """Run, as long as nothing is told."""
        self._site = site
        self.in_truth = ServiceState.RUNNING
        self._status = ServiceStatus(
            name=name,
            kind=kind,
            state=ServiceState.RUNNING,
            since=site.clock.now(),
            incarnation=_copy(name, 1),
            starts=1,
        )

    @property
    def status(self) -> ServiceStatus:
        """Return what is known now."""
        return self._status

    def hear(self, event: Event, *, follow: bool) -> None:
        """Hear what happened to it in truth; ``follow`` it, unless the replay has it otherwise."""
        state = _STATES.get(event.kind)
        if state is None:
            return
        self.in_truth = state
        wanted = self._status.wanted
        if state is ServiceState.STOPPED:
            wanted = wanted and not is_stop_by_person(event)
        elif state is ServiceState.RUNNING:
            wanted = True
        self._status = replace(self._status, wanted=wanted)
        if follow:
            self.be(state, event.message)

    def be(self, state: ServiceState, message: str = "") -> None:
        """Take a state; one that runs anew is another copy."""
        starts = self._status.starts
        if state is ServiceState.RUNNING and self._status.state is not state:
            starts += 1
        up = state in (ServiceState.RUNNING, ServiceState.STARTING)
        self._status = replace(
            self._status,
            state=state,
            since=self._site.clock.now(),
            starts=starts,
            incarnation=_copy(self._status.name, starts) if up else None,
            message=message,
        )

    async def adopt(self, record: ServiceRecord | None, *, start: bool) -> None:
        """Do nothing."""

    async def start(self) -> None:
        """Run."""
        self.be(ServiceState.RUNNING)

    async def stop(self, *, by_person: bool = False) -> None:
        """Be stopped."""
        self.be(ServiceState.STOPPED)

    async def restart(self) -> None:
        """Be another copy."""
        self.be(ServiceState.STOPPED)
        self.be(ServiceState.RUNNING)

    async def signal(self, number: int) -> None:
        """Take a signal, and nothing comes of it."""

    def last_output(self, lines: int = 50) -> list[str]:
        """Return nothing: nobody writes."""
        return []

    async def aclose(self) -> None:
        """Nothing is kept."""


class Repeat(Protocol):
    """An action of the replay that goes as one of the past went."""

    @property
    def run(self) -> Run | None:
        """Return the one of the past; None when it was never tried in this trouble."""
        ...

    def done(self) -> None:
        """Hear that it is done, so that what it healed then is well soon."""
        ...


class Past(Protocol):
    """What an action needs of the replay around it."""

    def repeat(self, kind: str, targets: Collection[str]) -> Repeat:
        """Begin an action on these targets."""
        ...


class ReplayAction:
    """A real action's effect and targets, and in place of what it does, what came of it then."""

    def __init__(self, past: Past, kind: str, real: Action) -> None:
        """Stand for ``real``."""
        self._past = past
        self._kind = kind
        self._real = real

    @property
    def effect(self) -> Effect:
        """Return the real effect."""
        return self._real.effect

    def targets(self, own: str | None) -> frozenset[str]:
        """Name the real targets."""
        return self._real.targets(own)

    async def run(self, scene: Scene) -> ActionResult:
        """Repeat the past.

        Raises:
            ActionError: it failed then.
            ServiceError: it makes no sense now.
        """
        if isinstance(self._real, Wait):
            return await self._real.run(scene)
        if self.effect not in _ACTING:
            return ActionResult(message="replayed")
        repeat = self._past.repeat(self._kind, scene.plan.targets)
        run = repeat.run
        await scene.site.clock.sleep(run.took if run else _TAKES)
        if run is not None and run.failed:
            raise ActionError(run.message or "it failed then")
        if isinstance(self._real, ServiceAction):
            await self._touch(scene, known=run is not None)
        repeat.done()
        return ActionResult(message=run.message if run else "never tried in this trouble")

    async def _touch(self, scene: Scene, *, known: bool) -> None:
        """Do it to services of paper: as the real action would, or as the ledger has it, where that knows better."""
        if not known or self.effect is not Effect.REPLACES:
            await self._real.run(scene)
            return
        for name in sorted(self.targets(scene.check.service)):
            if service := scene.site.services.get(name):
                await (service.stop() if isinstance(self._real, StopService) else service.restart())


def is_stop_by_person(event: Event) -> bool:
    """Tell whether a service was stopped by a person, and so is to be left alone."""
    return event.kind is EventKind.SERVICE_STOPPED and event.message == _BY_PERSON


def _copy(name: str, number: int) -> str:
    """Name a copy of paper as no copy of the past was named: what the record shows is never mistaken for it."""
    return f"replayed:{name}:{number}"

"""The parts of a simulated world that the real engine meets: checks, services, actions. They keep to the ports."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from random import Random
from typing import Protocol

from salus.actions.service import ServiceAction
from salus.actions.wait import Wait
from salus.errors import ActionError, ServiceError, StartError
from salus.model import (
    NO_METRICS,
    NOTHING,
    Effect,
    EventKind,
    Metric,
    Observation,
    ServiceRecord,
    ServiceState,
    ServiceStatus,
    Status,
)
from salus.ports import Action, ActionResult, Clock, Look, Scene, Site
from salus.simulate.chance import draw, looks_until
from salus.simulate.scenario import ActionPart, Scenario
from salus.simulate.truth import Subject, Symptom
from salus.units import format_duration

_ENDING_SIGNALS = frozenset({2, 3, 6, 9, 15})
_ACTING = (Effect.CHANGES, Effect.REPLACES)
_SAID = {
    Symptom.DEGRADED: (Status.DEGRADED, "answers, and not as it should"),
    Symptom.UNHEALTHY: (Status.UNHEALTHY, "answers with an error"),
}


class World(Protocol):
    """What these parts need of the world around them."""

    scenario: Scenario
    clock: Clock

    def subject(self, room: str, name: str) -> Subject:
        """Return a subject."""
        ...

    def start_takes(self, subject: Subject, chance: Random) -> float:
        """Return how long the next start takes."""
        ...

    def replaced(self, subject: Subject) -> None:
        """Hear that a new copy is ready."""
        ...

    def left_down(self, subject: Subject) -> None:
        """Hear that a start failed or was called off."""
        ...

    def touched(self, check: str, services: Iterable[str]) -> list[Subject]:
        """Return what an action touches."""
        ...

    def step(self, check: str, rule: str, action: str, subjects: list[Subject]) -> None:
        """Hear that a step is about to change the world."""
        ...

    def succeeded(self, labels: tuple[str, ...], subjects: list[Subject], *, replaces: bool) -> None:
        """Hear that it did."""
        ...


class SimCheck:
    """Looks at its subject. A look takes no time, unless the scenario says so or the subject hangs."""

    __slots__ = (
        "_chance",
        "_clock",
        "_left",
        "_rate",
        "_takes",
        "cause",
        "direct",
        "lie",
        "looks",
        "name",
        "subject",
        "told_false",
    )

    def __init__(self, world: World, name: str, subject: Subject, chance: Random, *, direct: bool) -> None:
        """Look at ``subject``; ``direct`` sees only whether its copy runs, as a look at a process does."""
        everywhere, own = world.scenario.everywhere, world.scenario.checks.get(name)
        rate = (
            own.false_positive_rate if own and own.false_positive_rate is not None else everywhere.false_positive_rate
        )
        self.name = name
        self.subject = subject
        self.direct = direct
        self.lie: Status | None = None
        self.cause = ""
        self.told_false = False
        self.looks = 0
        self._clock = world.clock
        self._chance = chance
        self._rate = rate
        self._left = looks_until(rate, chance)
        self._takes = (own.takes if own else None) or everywhere.takes

    @property
    def instant(self) -> bool:
        """Tell whether the next look takes no time."""
        return self._takes is None and not self._hangs

    @property
    def _hangs(self) -> bool:
        subject = self.subject
        return subject.symptom is Symptom.HANGS and subject.up and not self.direct and self.lie is None

    async def look(self, look: Look) -> Observation:
        """Look once."""
        if self._takes is not None:
            await self._clock.sleep(draw(self._takes, self._chance))
        if self._hangs:
            await self._clock.sleep(look.spec.timeout * 2)  # the prober ends it at its time-out
        return self._answer(look)

    def _answer(self, look: Look) -> Observation:
        subject = self.subject
        self.looks += 1
        self.told_false = False
        if self._left:
            self._left -= 1
            if not self._left:
                self._left = looks_until(self._rate, self._chance)
                self.told_false = True
        metrics = self._metrics() if subject.leak is not None and subject.up else NO_METRICS
        status, message, cause = Status.HEALTHY, "well", ""
        if self.lie is not None:
            status, message, cause = self.lie, "the check is broken", self.cause
        elif not subject.well:
            status, message = self._trouble()
        elif self.told_false:
            status, message = Status.UNHEALTHY, "answers with an error"
        return Observation(
            status=status,
            message=message,
            at=look.at,
            duration=look.elapsed if self._takes is not None else 0.0,
            metrics=metrics,
            metadata=NOTHING,
            incarnation=look.incarnation,
            cause=cause,
        )

    def _trouble(self) -> tuple[Status, str]:
        subject = self.subject
        if not subject.up:
            return Status.UNHEALTHY, "is not running"
        if self.direct:
            return Status.HEALTHY, "runs"
        if subject.symptom in _SAID:
            return _SAID[subject.symptom]
        root = subject.failing_need()
        return Status.UNHEALTHY, f"cannot do without {root.name if root else 'what it needs'}"

    def _metrics(self) -> Mapping[str, Metric]:
        leak, since = self.subject.leak, self.subject.leaking_since
        assert leak is not None  # noqa: S101 - asked only then
        grown = (self._clock.monotonic() - since) / float(leak.grows_for) if since is not None else 0.0
        return {leak.metric: Metric(leak.base + (leak.limit - leak.base) * grown, leak.unit)}

    async def aclose(self) -> None:
        """Nothing is kept."""


class SimService:
    """A service that exists on paper: copies of it start, end and are replaced in virtual time."""

    def __init__(self, world: World, site: Site, name: str, chance: Random, *, kind: str, start_timeout: float) -> None:
        """Run from the start, as a service does that was taken over."""
        self.subject = world.subject("service", name)
        self._world = world
        self._site = site
        self._kind = kind
        self._chance = chance
        self._start_timeout = start_timeout
        self._turn = asyncio.Lock()
        self._copies = 1
        self._status = self._known(ServiceState.RUNNING)

    @property
    def status(self) -> ServiceStatus:
        """Return what is known now."""
        return self._status

    async def adopt(self, record: ServiceRecord | None, *, start: bool) -> None:
        """Do nothing: it runs."""

    async def start(self) -> None:
        """Start it.

        Raises:
            StartError: it did not get ready.
        """
        async with self._turn:
            if not self.subject.up:
                await self._start()

    async def stop(self, *, by_person: bool = False) -> None:
        """Stop it."""
        async with self._turn:
            self._become(ServiceState.STOPPED)

    async def restart(self) -> None:
        """Replace it.

        Raises:
            StartError: the new copy did not get ready.
        """
        async with self._turn:
            self._become(ServiceState.STOPPED)
            await self._start()

    async def signal(self, number: int) -> None:
        """Take a signal; those that end a program end it.

        Raises:
            ServiceError: nothing runs.
        """
        if not self.subject.up:
            raise ServiceError(f"{self.subject.name} does not run")
        if number in _ENDING_SIGNALS:
            self.exit()
            self._world.left_down(self.subject)

    def exit(self) -> None:
        """End the running copy, as a crash does; a supervisor of processes sees that at once."""
        self._become(ServiceState.EXITED, "exited with 1")
        if self._kind == "process":
            name = self.subject.name
            self._site.tell(EventKind.SERVICE_EXITED, service=name, message=self._status.message)
            self._site.nudge(name)

    def revive(self) -> None:
        """Let a new copy run, by other hands than ours."""
        self._copies += 1
        self._become(ServiceState.RUNNING)
        self._world.replaced(self.subject)

    async def _start(self) -> None:
        takes = self._world.start_takes(self.subject, self._chance)
        self._become(ServiceState.STARTING)
        try:
            await self._site.clock.sleep(min(takes, self._start_timeout))
            if takes > self._start_timeout:
                raise StartError(f"not ready within {format_duration(self._start_timeout)}")
            if self.subject.hard_starts:
                self.subject.hard_starts -= 1
                raise StartError("ended while it started")
        except (StartError, asyncio.CancelledError):
            self._become(ServiceState.EXITED, "did not get ready")
            self._world.left_down(self.subject)
            raise
        self._copies += 1
        self._become(ServiceState.RUNNING)
        self._site.tell(EventKind.SERVICE_STARTED, service=self.subject.name, message=f"copy {self._copies}")
        self._world.replaced(self.subject)
        self._site.nudge(self.subject.name)

    def _become(self, state: ServiceState, message: str = "") -> None:
        self.subject.up = state is ServiceState.RUNNING
        self._status = self._known(state, message)
        self.subject.refresh(self._site.clock.monotonic())

    def _known(self, state: ServiceState, message: str = "") -> ServiceStatus:
        running = state in (ServiceState.RUNNING, ServiceState.STARTING)
        name = self.subject.name
        return ServiceStatus(
            name=name,
            kind=self._kind,
            state=state,
            since=self._site.clock.now(),
            incarnation=f"{name}-{self._copies}" if running else None,
            starts=self._copies,
            message=message,
        )

    def last_output(self, lines: int = 50) -> list[str]:
        """Return nothing: nobody writes."""
        return []

    async def aclose(self) -> None:
        """Nothing is kept."""


class SimAction:
    """A real action's effect and targets, and in place of what it does, what the scenario says that comes of it."""

    def __init__(self, world: World, kind: str, real: Action, chance: Random) -> None:
        """Stand for ``real``."""
        self._world = world
        self._real = real
        self._chance = chance
        self.labels = (kind, f"{kind}:{word}") if (word := _word(real)) else (kind,)
        parts = world.scenario.actions
        self._part = next((parts[label] for label in reversed(self.labels) if label in parts), ActionPart())

    @property
    def effect(self) -> Effect:
        """Return the real effect."""
        return self._real.effect

    def targets(self, own: str | None) -> frozenset[str]:
        """Name the real targets."""
        return self._real.targets(own)

    async def run(self, scene: Scene) -> ActionResult:
        """Do to the world what the action would do to it.

        Raises:
            ActionError, ServiceError: it failed.
        """
        if self.effect not in _ACTING:
            if isinstance(self._real, Wait):
                return await self._real.run(scene)
            return ActionResult(message="simulated")
        world, check = self._world, scene.check
        own = frozenset({check.service} if check.service else ())
        subjects = world.touched(check.name, self.targets(check.service) or own)
        world.step(check.name, scene.plan.rule.name, self.labels[-1], subjects)
        if isinstance(self._real, ServiceAction):
            result = await self._real.run(scene)  # the real one, on services of paper
            world.succeeded(self.labels, subjects, replaces=False)
            return result
        await scene.site.clock.sleep(draw(self._part.takes, self._chance))
        if self._part.fails and self._chance.random() < self._part.fails:
            raise ActionError(f"{self.labels[-1]} failed, as the scenario has it")
        world.succeeded(self.labels, subjects, replaces=self.effect is Effect.REPLACES)
        return ActionResult(message="simulated")


def _word(real: Action) -> str:
    """Return the word that tells actions of one kind apart: the program of ``run``, else the bare value."""
    value = getattr(real, getattr(real, "scalar", "") or "_none", None)
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        return PurePath(value[0]).name
    return value if isinstance(value, str) else ""

"""A whole engine in virtual time: scripted checks, fake services, recording actions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from salus.engine.bus import Bus
from salus.engine.control import EngineControl
from salus.engine.engine import Engine
from salus.engine.healer import targets_of
from salus.engine.heartbeats import HeartbeatBox
from salus.engine.recorder import Recorder
from salus.engine.units import CheckUnit, RuleUnit
from salus.engine.view import EngineView
from salus.home import Home
from salus.model import (
    ActionSpec,
    CheckSpec,
    CheckState,
    Event,
    EventKind,
    Observation,
    RecoveryRule,
    RuleState,
    Status,
)
from salus.ports import Action, Look, Received, Store
from salus.store.memory import MemoryStore
from salus.testing import EventLog, FakeService, RecordingAction, ScriptedCheck, VirtualClock, make_site, run_until
from salus.threads import Threads


class World:
    """One engine and everything around it."""

    def __init__(
        self,
        clock: VirtualClock,
        store: Store | None = None,
        received: Received | None = None,
        boot: str = "",
        home: Home | None = None,
    ) -> None:
        self.clock = clock
        self.store = store or MemoryStore()
        self.bus = Bus(clock)
        self.log = EventLog()
        self.bus.subscribe(self.log)
        self.recorder = Recorder(self.store, clock, self.bus.tell, boot=boot)
        self.bus.subscribe(self.recorder.event)
        self.services: dict[str, FakeService] = {}
        self.site = make_site(
            clock, services=self.services, tell=self.bus.tell, nudge=self._nudge, received=received, home=home
        )
        self.engine = Engine(self.site, self.bus, self.recorder, Threads(2))
        self.units: dict[str, CheckUnit] = {}

    @property
    def control(self) -> EngineControl:
        """Return what a person asks."""
        return EngineControl(self.engine, HeartbeatBox(), _no_reload)

    @property
    def view(self) -> EngineView:
        """Return what a person sees."""
        return EngineView(self.engine, environment="test", show_details="always")

    def _nudge(self, name: str) -> None:
        self.engine.nudge_service(name)

    def service(self, name: str, **options: Any) -> FakeService:
        self.services[name] = FakeService(name, self.site, **options)
        return self.services[name]

    def check(self, name: str, script: Any = Status.HEALTHY, *, takes: float = 0.0, **spec: Any) -> ScriptedCheck:
        check = ScriptedCheck(script, takes=takes)
        self.add(name, check, **spec)
        return check

    def add(self, name: str, check: Any, **spec: Any) -> CheckUnit:
        made = CheckSpec(name=name, kind="scripted", **{"interval": 10.0, "timeout": 2.0, **spec})
        service = self.services.get(made.service) if made.service else None
        watches = (made.service,) if made.service else ()
        self.units[name] = CheckUnit(spec=made, check=check, state=CheckState(), service=service, watches=watches)
        return self.units[name]

    def rule(self, check: str, *actions: Action, **rule: Any) -> RuleUnit:
        return self.rule_with_ladders(check, [actions], **rule)

    def rule_with_ladders(
        self, check: str, ladders: Sequence[Sequence[Action]], on_exhausted: Sequence[Action] = (), **rule: Any
    ) -> RuleUnit:
        named = [
            _named(actions, f"ladder_{place}") if len(ladders) > 1 else _named(actions, "action")
            for place, actions in enumerate(ladders)
        ]
        last = _named(on_exhausted, "last")
        made = RecoveryRule(
            name=rule.pop("name", check),
            check=check,
            ladders=tuple(tuple(spec for spec, _ in ladder) for ladder in named),
            on_exhausted=tuple(spec for spec, _ in last),
            **rule,
        )
        unit = self.units[check]
        every = [action for ladder in [*ladders, on_exhausted] for action in ladder]
        touched = {name for action in every for name in action.targets(unit.spec.service)}
        added = RuleUnit(made, tuple(named), last, targets_of(unit.spec, touched), RuleState(rule=made.name))
        unit.rules = (*unit.rules, added)
        return added

    def limits(self, **limits: Any) -> None:
        self.engine.limits = replace(self.engine.limits, **limits)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        await self.store.open()
        self.engine.replace_units(self.units)
        self.engine.start()
        try:
            yield self
        finally:
            await self.engine.stop(1.0)
            await self.recorder.stop()

    async def until(self, condition: Callable[[], bool], within: float = 3600.0) -> None:
        await run_until(condition, self.clock, within=within)

    async def wait_for(self, kind: EventKind, count: int = 1, within: float = 3600.0) -> list[Event]:
        await self.until(lambda: len(self.log.of(kind)) >= count, within)
        return self.log.of(kind)


async def _no_reload() -> str:
    return ""


def _named(actions: Sequence[Action], word: str) -> tuple[tuple[ActionSpec, Action], ...]:
    return tuple((ActionSpec(kind=f"{word}_{place}"), action) for place, action in enumerate(actions))


def up(service: FakeService) -> Callable[[Look], Observation]:
    """See whether a fake service is up."""

    def look(look: Look) -> Observation:
        status = Status.HEALTHY if service.up else Status.UNHEALTHY
        return look.observe(status, "up" if service.up else "down", incarnation=service.status.incarnation)

    return look


def restarting(service: FakeService, **options: Any) -> RecordingAction:
    """Restart a fake service."""

    def restart(_: object) -> None:
        service.copies += 1
        service.up = True

    return RecordingAction(does=restart, touches=frozenset({service.name}), **options)

"""What a person may ask of a running engine: each request is checked, carried out, and told as an event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from salus.engine.engine import Engine
from salus.engine.heartbeats import HeartbeatBox
from salus.engine.units import CheckUnit, RuleUnit
from salus.errors import ConflictError, NotFoundError
from salus.model import Observation, RecoveryRecord, ServiceStatus
from salus.ports import Heartbeat, Service


class EngineControl:
    """Implements ``ports.Control`` over an engine."""

    def __init__(self, engine: Engine, heartbeats: HeartbeatBox, reload: Callable[[], Awaitable[str]]) -> None:
        """Command ``engine``; ``reload`` reads the config again."""
        self._engine = engine
        self._heartbeats = heartbeats
        self._reload = reload

    async def check_now(self, name: str) -> Observation:
        """Look afresh."""
        return await self._engine.look(self._engine.unit(name))

    async def heal(self, rule: str) -> RecoveryRecord:
        """Run a rule now."""
        unit, found = self._rule(rule)
        return await self._engine.healer.heal_now(unit, found, self._engine.site.clock.now())

    async def reset(self, rule: str) -> None:
        """Forget a rule's attempts and its giving up, and look at its check."""
        unit, found = self._rule(rule)
        if found.record is not None:
            message = f"a recovery of {rule!r} is running"
            raise ConflictError(message, remedy="wait for it to end; `salus status` shows it")
        self._engine.healer.reset(found, "a person asked")
        await self._engine.commit()
        self._engine.nudge(unit)

    async def start_service(self, name: str) -> ServiceStatus:
        """Start a service."""
        return await self._exclusively(name, lambda service: service.start())

    async def stop_service(self, name: str) -> ServiceStatus:
        """Stop a service; it is not started again until a person asks."""
        return await self._exclusively(name, lambda service: service.stop(by_person=True))

    async def restart_service(self, name: str) -> ServiceStatus:
        """Restart a service."""
        return await self._exclusively(name, lambda service: service.restart())

    async def reload(self) -> str:
        """Read the config again."""
        return await self._reload()

    def beat(self, heartbeat: Heartbeat) -> bool:
        """Take a job's report and look at once at the checks that listen to it."""
        listeners = self._heartbeats.take(heartbeat)
        for check in listeners:
            if unit := self._engine.units.get(check):
                self._engine.nudge(unit)
        return bool(listeners)

    async def _exclusively(self, name: str, act: Callable[[Service], Awaitable[None]]) -> ServiceStatus:
        """Keep recoveries off a service while a person works on it."""
        if (service := self._engine.site.services.get(name)) is None:
            message = f"there is no service {name!r}"
            raise NotFoundError(message, remedy="`salus status` lists them")
        target = f"service:{name}"
        with self._engine.healer.holding(target):
            await act(service)
        await self._engine.commit()
        self._engine.nudge_service(name)
        return service.status

    def _rule(self, name: str) -> tuple[CheckUnit, RuleUnit]:
        for unit in self._engine.units.values():
            for rule in unit.rules:
                if rule.rule.name == name:
                    return unit, rule
        message = f"there is no rule {name!r}"
        raise NotFoundError(message, remedy="`salus status` lists them")

"""What a person may ask of a running engine: each request is checked, carried out, and told as an event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from salus.engine.engine import Engine
from salus.engine.heartbeats import HeartbeatBox
from salus.engine.received import ReceivedBox
from salus.engine.units import CheckUnit, RuleUnit
from salus.errors import ConflictError, NotFoundError
from salus.model import (
    Answer,
    Approval,
    Maintenance,
    Mode,
    Observation,
    Pause,
    RecoveryRecord,
    RuleReport,
    Selector,
    ServiceStatus,
)
from salus.ports import Heartbeat, ReceivedAlert, Service


class EngineControl:
    """Implements ``ports.Control`` over an engine."""

    def __init__(
        self,
        engine: Engine,
        heartbeats: HeartbeatBox,
        reload: Callable[[], Awaitable[str]],
        received: ReceivedBox | None = None,
    ) -> None:
        """Command ``engine``; ``reload`` reads the config again."""
        self._engine = engine
        self._heartbeats = heartbeats
        self._received = ReceivedBox() if received is None else received  # an empty one is false
        self._reload = reload

    async def check_now(self, name: str) -> Observation:
        """Look afresh."""
        return await self._engine.look(self._engine.unit(name))

    async def heal(self, rule: str) -> RecoveryRecord:
        """Run a rule now."""
        unit, found = self._rule(rule)
        return await self._engine.healer.heal_now(unit, found, self._engine.now())

    async def begin(self, rule: str) -> RecoveryRecord:
        """Run a rule now, and return the recovery as it begins."""
        unit, found = self._rule(rule)
        return self._engine.healer.begin_now(unit, found, self._engine.now()).shown

    async def cancel(self, recovery: str, *, by: str = "") -> RecoveryRecord:
        """Call a recovery off that runs."""
        record = await self._engine.healer.cancel(recovery, f"called off by {by or 'a person'}")
        await self._engine.commit()
        return record

    async def reset(self, rule: str) -> None:
        """Forget a rule's attempts, its giving up and the failures of its actions, and look at its check."""
        unit, found = self._rule(rule)
        if found.record is not None:
            message = f"a recovery of {rule!r} is running"
            raise ConflictError(message, remedy="wait for it to end; `salus status` shows it")
        self._engine.healer.reset(found, "a person asked")
        for ladder in (*found.ladders, found.last_words):
            self._engine.policy.circuits.forget(unit, [spec for spec, _ in ladder])
        await self._engine.commit()
        self._engine.nudge(unit)

    async def pause(self, seconds: float | None, *, reason: str = "", by: str = "") -> Pause:
        """Stop all automatic recovery, for that long or until ``resume``."""
        pause = self._engine.policy.holds.start_pause(seconds, self._now(), reason=reason, by=by)
        await self._changed()
        return pause

    async def resume(self, *, by: str = "") -> None:
        """End the pause, and look at what is bad."""
        self._engine.policy.holds.end_pause(f"resumed{f' by {by}' if by else ''}")
        await self._changed()
        self._engine.reconsider()

    async def pause_check(self, name: str, seconds: float | None, *, reason: str = "", by: str = "") -> Pause:
        """Set one check aside, for that long or until ``resume_check``."""
        pause = self._engine.asides.pause(self._engine.unit(name), seconds, reason=reason, by=by)
        await self._changed()
        return pause

    async def resume_check(self, name: str, *, by: str = "") -> None:
        """Take a check back and look at it."""
        self._engine.unit(name)
        self._engine.asides.resume(name, f"resumed{f' by {by}' if by else ''}")
        await self._changed()

    async def start_maintenance(
        self, members: Selector, seconds: float, *, name: str = "", reason: str = "", by: str = ""
    ) -> Maintenance:
        """Open a window in which nothing of ``members`` is healed."""
        self._known(members)
        holds, now = self._engine.policy.holds, self._now()
        called = name or f"adhoc-{now:%Y%m%d-%H%M%S}"
        window = holds.start_maintenance(members, seconds, now, name=called, reason=reason, by=by)
        await self._changed()
        return window

    async def end_maintenance(self, name: str, *, by: str = "") -> None:
        """Close a window before its time."""
        self._engine.policy.holds.end_maintenance(name, self._now())
        await self._changed()
        self._engine.reconsider()

    async def enable_rule(self, rule: str, *, enabled: bool, by: str = "") -> None:
        """Switch a rule on or off."""
        unit, _ = self._rule(rule)
        self._engine.policy.holds.switch(rule, self._now(), enabled=enabled, by=by)
        await self._changed()
        self._engine.nudge(unit)

    async def set_mode(self, rule: str, mode: Mode | None, *, by: str = "") -> RuleReport:
        """Say how far a rule may go, in the place of what the config says."""
        from salus.engine.rulemodes import set_mode

        unit, found = self._rule(rule)
        policy = self._engine.policy
        set_mode(policy, found.rule, mode, self._now(), by=by)
        self._engine.healer.mode_changed(unit, found, policy.mode(found.rule))
        await self._changed()
        self._engine.nudge(unit)
        override, whole = policy.modes.get(rule), policy.limits.mode
        return RuleReport(rule=found.rule, state=found.memory, refusal=found.refusal, override=override, whole=whole)

    async def answer(self, approval: str, *, approve: bool, by: str = "", note: str = "") -> Approval:
        """Answer a rule that asks for approval."""
        answer = Answer.APPROVED if approve else Answer.REJECTED
        unit, answered = self._engine.healer.answer(approval, answer, self._now(), by=by, note=note)
        await self._changed()
        self._engine.nudge(unit)
        return answered

    def _known(self, members: Selector) -> None:
        units = self._engine.units
        tags = {tag for unit in units.values() for tag in unit.spec.tags}
        rooms = (
            ("check", members.checks, set(units)),
            ("tag", members.tags, tags),
            ("service", members.services, set(self._engine.site.services)),
        )
        for noun, names, known in rooms:
            for name in names:
                if name not in known:
                    raise NotFoundError(f"there is no {noun} {name!r}", remedy="`salus status` lists them")
        if not members:
            raise ConflictError("nothing is meant", remedy="name checks, tags or services, or say everything")

    def _now(self) -> datetime:
        return self._engine.now()

    async def _changed(self) -> None:
        self._engine.tend()
        await self._engine.commit()

    async def start_service(self, name: str) -> ServiceStatus:
        """Start a service; what was seen before says nothing about the copy that is ready now."""
        return await self._exclusively(name, lambda service: service.start(), renews=True)

    async def stop_service(self, name: str) -> ServiceStatus:
        """Stop a service; it is not started again until a person asks."""
        return await self._exclusively(name, lambda service: service.stop(by_person=True))

    async def restart_service(self, name: str) -> ServiceStatus:
        """Restart a service, as ``start_service``."""
        return await self._exclusively(name, lambda service: service.restart(), renews=True)

    async def reload(self) -> str:
        """Read the config again."""
        return await self._reload()

    def beat(self, heartbeat: Heartbeat) -> bool:
        """Take a job's report and look at once at the checks that listen to it."""
        listeners = self._heartbeats.take(heartbeat)
        self._look_at(listeners)
        return bool(listeners)

    def receive(self, alerts: Sequence[ReceivedAlert], source: str) -> bool:
        """Take alerts of others and look at once at the checks that what changed concerns."""
        concerned = self._received.take(alerts, source, self._now())
        if concerned is None:
            return False
        self._look_at(concerned)
        return True

    def _look_at(self, checks: Iterable[str]) -> None:
        for check in checks:
            if unit := self._engine.units.get(check):
                self._engine.nudge(unit)

    async def _exclusively(
        self, name: str, act: Callable[[Service], Awaitable[None]], *, renews: bool = False
    ) -> ServiceStatus:
        """Keep recoveries off a service while a person works on it."""
        if (service := self._engine.site.services.get(name)) is None:
            message = f"there is no service {name!r}"
            raise NotFoundError(message, remedy="`salus status` lists them")
        target = f"service:{name}"
        with self._engine.healer.holding(target, "a person"):
            before = service.status.incarnation
            await act(service)
            if renews and service.status.incarnation not in (None, before):
                self._engine.renew(name)
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

"""One recovery attempt, from the reserved row to the verified outcome.

    reserve the row ┐
    confirm afresh  ┘─> each rung: evidence, act, verify afresh ─> outcome

1. The row is durable before the first action. Writing it and confirming run side by side, to lose no time.
2. A stale trigger acts on nothing: the trouble must still be there, on the same incarnation, its dependencies well.
3. Every rung runs under ``min(own timeout, what is left of recovery_timeout)``.
4. After every rung that can change the world the check is looked at afresh until it passes or ``verify_timeout`` ends.
   Only a passing look is success. A rung that only records can never be.
5. A person may call it off at any moment: the action that runs is cancelled, as at the end of its time, and no further
   one begins.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from salus import traces
from salus.engine.assess import condition_now
from salus.engine.units import CheckUnit, RuleUnit
from salus.errors import ActionError, MissingExtraError, ServiceError
from salus.evidence import bounded, process_snapshot
from salus.model import (
    NOTHING,
    ActionSpec,
    Effect,
    EventKind,
    Json,
    Observation,
    Outcome,
    Plan,
    RecoveryPhase,
    RecoveryRecord,
    Status,
    StepRecord,
    StepResult,
    UnderWay,
)
from salus.ports import Action, ActionResult, Scene, Site
from salus.tasks import begin
from salus.threads import Threads
from salus.units import format_duration

_log = logging.getLogger("salus.recovery")

EVIDENCE_WITHIN = 0.25
FIRST_PAUSE, MOST_PAUSE, SLOWER = 0.005, 0.5, 1.5
LEAST_LOOK = 0.1  # a look that is given less times out for want of time, and proves nothing
_ACTING = (Effect.CHANGES, Effect.REPLACES)


class Ground(Protocol):
    """What a recovery needs from the engine around it."""

    site: Site
    threads: Threads

    async def look(self, unit: CheckUnit, *, within: float | None = None) -> Observation:
        """Look at a check afresh."""
        ...

    def dependencies(self, unit: CheckUnit) -> Sequence[CheckUnit]:
        """Return the checks it depends on, directly or not."""
        ...

    def named(self, names: Sequence[str]) -> Sequence[CheckUnit]:
        """Return the checks of these names, as far as they are there."""
        ...

    def circuit(self, unit: CheckUnit, spec: ActionSpec) -> datetime | None:
        """Return until when an action must be skipped, or None."""
        ...

    def ran(self, unit: CheckUnit, spec: ActionSpec, result: StepResult) -> None:
        """Hear how an acting rung ended by itself."""
        ...

    def keep(self, record: RecoveryRecord) -> None:
        """Take the record as it stands into the next batch of rows."""
        ...

    def moved(self) -> None:
        """Hear that a recovery is at something else now."""
        ...

    async def reserve(self) -> bool:
        """Make durable what must be known of an act before it."""
        ...

    async def look_around(self, unit: CheckUnit, recovery: str, enough: asyncio.Task[list[Observation]]) -> str:
        """Look at checks of the same kind on other targets; returns why nothing must be done, or an empty string.

        Waits for them not much longer than ``enough`` takes.
        """
        ...


class Recovery:
    """One attempt. ``run`` returns the finished record; it raises only when it is cancelled."""

    def __init__(self, ground: Ground, unit: CheckUnit, ladder: RuleUnit, plan: Plan) -> None:
        """Take the plan as it is now: later edits of the rule have no effect on it."""
        self._ground = ground
        self._unit = unit
        self._rule = ladder
        self._ladder = ladder.ladder(plan.ladder)
        self._plan = plan
        self._clock = ground.site.clock
        self._began = self._clock.monotonic()
        self._acted = False
        self._reserving: asyncio.Task[bool]
        self._running: asyncio.Task[object] | None = None
        self._current: UnderWay | None = None
        self._fresh: Observation | None = None
        self.called_off = ""
        self.replaced: str | None = None
        self.needless = False
        self.record = RecoveryRecord(
            id=plan.id,
            rule=plan.rule.name,
            check=plan.check,
            targets=tuple(sorted(plan.targets)),
            attempt=plan.attempt,
            trigger=plan.trigger.message if plan.trigger else "",
            failing_since=unit.state.failing_since,
            decided_at=plan.decided_at,
            started_at=plan.decided_at,
            ladder=plan.ladder,
            half_open=plan.half_open,
            manual=plan.manual,
            approved_by=plan.approved_by,
        )

    @property
    def plan(self) -> Plan:
        """Return the plan as it was made."""
        return self._plan

    @property
    def acted(self) -> bool:
        """Tell whether anything was done that can change the world."""
        return self._acted

    @property
    def shown(self) -> RecoveryRecord:
        """Return the record with what it does at this moment."""
        return replace(self.record, current=self._current)

    def call_off(self, why: str) -> None:
        """End it as soon as may be: what runs is cancelled, and nothing further begins."""
        if self.called_off or self.record.outcome is not None:
            return
        self.called_off = why
        if self._running is not None:
            self._running.cancel()

    def _called_off_now(self) -> bool:
        """Tell whether it was a person who cancelled what runs, and take that as done."""
        if not self.called_off or self._running is None:
            return False
        self._running.uncancel()
        return True

    @property
    def _left(self) -> float:
        return self._plan.rule.recovery_timeout - (self._clock.monotonic() - self._began)

    def reserve(self) -> None:
        """Begin to write the row; at once, so that it is written while the rest gets ready."""
        self._ground.keep(self.record)
        self._reserving = begin(self._ground.reserve())

    async def run(self) -> RecoveryRecord:
        """Carry the plan out, once ``reserve`` was called."""
        self._running = asyncio.current_task()
        try:
            try:
                self._at(RecoveryPhase.CONFIRMING, self._unit.spec.timeout)
                said = f"attempt {self._plan.attempt}: {self.record.trigger}"
                data: Mapping[str, Json] = {
                    "targets": [*self.record.targets],
                    "trace_id": traces.trace_id(self._plan.id),
                }
                self._tell(EventKind.RECOVERY_STARTED, said, data=data)
                refusal = await self._confirm()
            finally:
                await self._reserving
            if self.called_off:
                return self._finish(Outcome.CANCELLED, self.called_off)
            if refusal := refusal or self._changed_by_now():
                self.needless = True
                self.record = replace(self.record, needless=True)
                return self._finish(Outcome.CANCELLED, refusal)
            self._confirmed()
            return self._finish(*await self._climb())
        except asyncio.CancelledError:
            if self._called_off_now():
                return self._finish(Outcome.CANCELLED, self.called_off)
            self._finish(Outcome.INTERRUPTED, "cancelled before it ended")
            raise
        except Exception as error:  # noqa: BLE001 - a bug here must end as a row, not as a silent task
            _log.exception("recovery %s failed in Salus itself", self._plan.id)
            return self._finish(Outcome.FAILED, f"Salus itself failed: {type(error).__name__}: {error}")

    async def _confirm(self) -> str:
        """Return why nothing must be done, or an empty string."""
        if self._plan.ladder < 0 or self.called_off:
            return ""
        roots = self._ground.dependencies(self._unit)
        reads = self._ground.named(self._rule.reads)
        looks = begin(self._look_at((self._unit, *roots, *reads)))
        try:
            around = ""
            if not (self._plan.dead or self._plan.manual):
                around = await self._ground.look_around(self._unit, self._plan.id, looks)
            seen, *others = await looks
        finally:
            looks.cancel()
        self._fresh = seen
        return around if self._plan.manual else self._objection(seen, roots, others) or around

    def _confirmed(self) -> None:
        """Tell that it goes on: the next thing is its first action, and what is to be recorded before that."""
        self._at(RecoveryPhase.CAPTURING, EVIDENCE_WITHIN)
        if (seen := self._fresh) is not None:
            why = "a person asked" if self._plan.manual else "it is still so"
            self._tell(EventKind.RECOVERY_CONFIRMED, f"{why}: a fresh look says {seen.status}: {seen.message}")

    def _objection(self, seen: Observation, roots: Sequence[CheckUnit], others: Sequence[Observation]) -> str:
        """Return what the fresh looks say against it, or an empty string."""
        if not self._still_wanted(seen):
            return f"a fresh look says {seen.status}: {seen.message}"
        before = self._plan.trigger.incarnation if self._plan.trigger else None
        if before and seen.incarnation and before != seen.incarnation:
            return "the target was replaced in the meantime"
        if failing := [root.spec.name for root, look in zip(roots, others, strict=False) if look.status.bad]:
            return f"{', '.join(failing)} must be well first"
        return ""

    def _changed_by_now(self) -> str:
        """Return what somebody else's look has shown since, while the row was being written."""
        if self._plan.manual or self._plan.ladder < 0:
            return ""
        seen = self._unit.state.last
        if seen is not None and not self._plan.rule.when and not self._still_wanted(seen):
            return f"a fresh look says {seen.status}: {seen.message}"
        roots = self._ground.dependencies(self._unit)
        failing = [root.spec.name for root in roots if root.state.last and root.state.last.status.bad]
        return f"{', '.join(failing)} must be well first" if failing else ""

    async def _look_at(self, units: Sequence[CheckUnit]) -> list[Observation]:
        if len(units) == 1:
            return [await self._ground.look(units[0])]
        return await asyncio.gather(*(self._ground.look(unit) for unit in units))

    def _still_wanted(self, seen: Observation) -> bool:
        """Tell whether a fresh look shows what the rule acts on."""
        if condition := condition_now(self._unit, self._rule, self._clock.now()):
            return condition.holds is True
        return seen.status.at_least(self._plan.rule.trigger_on)

    def _passes(self, seen: Observation) -> bool:
        """Tell whether a fresh look shows that the trouble is over. A condition over a trend cannot tell at once."""
        if seen.status is Status.UNKNOWN or seen.status.at_least(self._plan.rule.trigger_on):
            return False
        condition = condition_now(self._unit, self._rule, self._clock.now())
        return condition is None or condition.holds is not True

    async def _climb(self) -> tuple[Outcome, str]:
        failures: list[str] = []
        for position, (spec, action) in enumerate(self._ladder, start=1):
            if self._left <= 0:
                return Outcome.TIMED_OUT, f"not done within {format_duration(self._plan.rule.recovery_timeout)}"
            step = await self._step(position, spec, action)
            if self.called_off:
                return Outcome.CANCELLED, self.called_off
            if step.result is not StepResult.OK:
                failures.append(f"{step.action}: {step.message}")
            if step.verified:
                return Outcome.RECOVERED, f"{step.action} healed it"
        if not self._acted:
            skipped = any(step.result is StepResult.SKIPPED for step in self.record.steps)
            why = "; ".join(failures) if skipped else "no action of this rule can change anything"
            return Outcome.NOT_RECOVERED, why
        if self._left <= 0:
            return Outcome.TIMED_OUT, f"not done within {format_duration(self._plan.rule.recovery_timeout)}"
        if failures:
            return Outcome.FAILED, "; ".join(failures)
        last = self._unit.state.last
        return Outcome.NOT_RECOVERED, f"the check still fails: {last.message if last else ''}"

    async def _step(self, position: int, spec: ActionSpec, action: Action) -> StepRecord:
        acting = action.effect in _ACTING
        if acting and not self._plan.manual and (until := self._ground.circuit(self._unit, spec)):
            return self._skip(position, spec, until)
        captured = await self._capture() if acting else NOTHING
        if self.record.initiation is None:
            initiation = self._clock.monotonic() - self._began
            self.record = replace(self.record, initiation=initiation)
        started_at, started = self._clock.now(), self._clock.monotonic()
        limit = min(spec.timeout if spec.timeout is not None else self._left, self._left)
        waits = action.effect is Effect.WAITS
        self._at(RecoveryPhase.WAITING if waits else RecoveryPhase.ACTING, limit, position)
        self._tell(EventKind.ACTION_STARTED, f"{position}. {spec.kind}", action=spec.kind, data=captured)
        before = self._incarnation()
        result, message, evidence = await self._act(position, action, limit)
        duration = self._clock.monotonic() - started
        if acting:
            self._acted = True
            self._ground.ran(self._unit, spec, result)
        if action.effect is Effect.REPLACES and result is StepResult.OK:
            self.replaced = before
        step = StepRecord(
            position=position,
            action=spec.kind,
            result=result,
            message=message,
            started_at=started_at,
            duration=duration,
            evidence=evidence,
        )
        before_it = self.record.steps
        self.record = replace(self.record, steps=(*before_it, step))
        verifies = self._acted and action.effect is not Effect.RECORDS and not self.called_off
        if verifies:
            self._at(RecoveryPhase.VERIFYING, min(self._plan.rule.verify_timeout, self._left), position)
        self._tell(
            EventKind.ACTION_FINISHED,
            f"{spec.kind}: {message or result} ({format_duration(duration)})",
            action=spec.kind,
            reason=result.value,
        )
        if verifies:
            step = replace(step, verified=await self._verify(patient=result is StepResult.OK and self._may_be_up()))
            self.record = replace(self.record, steps=(*before_it, step))
        self._ground.keep(self.record)
        return step

    def _at(self, phase: RecoveryPhase, most: float, position: int | None = None) -> None:
        """Note what it does from now on, and how many seconds that takes at most."""
        now = self._clock.now()
        self._current = UnderWay(
            phase=phase,
            action=self._ladder[position - 1][0].kind if position else None,
            position=position,
            since=now,
            until=now + timedelta(seconds=max(0.0, most)),
        )
        self._ground.moved()

    def _skip(self, position: int, spec: ActionSpec, until: datetime) -> StepRecord:
        message = f"its circuit is open until {until:%H:%M:%S} UTC"
        step = StepRecord(
            position=position,
            action=spec.kind,
            result=StepResult.SKIPPED,
            message=message,
            started_at=self._clock.now(),
        )
        self._tell(EventKind.ACTION_FINISHED, f"{spec.kind}: skipped, {message}", action=spec.kind, reason="skipped")
        self.record = replace(self.record, steps=(*self.record.steps, step))
        self._ground.keep(self.record)
        return step

    async def _act(self, position: int, action: Action, limit: float) -> tuple[StepResult, str, Mapping[str, Json]]:
        scene = Scene(
            site=self._ground.site,
            plan=self._plan,
            check=self._unit.spec,
            observation=self._unit.state.last,
            service=self._unit.service,
            steps=position - 1,
        )
        deadline = asyncio.timeout(limit)
        try:
            async with deadline:
                result: ActionResult = await action.run(scene)
        except asyncio.CancelledError:
            if not self._called_off_now():
                raise
            return StepResult.CANCELLED, self.called_off, {}
        except TimeoutError as error:
            if deadline.expired():
                return StepResult.TIMED_OUT, f"not done within {format_duration(limit)}", {}
            return StepResult.FAILED, f"{type(error).__name__}: {error}", {}
        except (ActionError, ServiceError, MissingExtraError) as error:
            remedy = f" ({error.remedy})" if error.remedy else ""
            return StepResult.FAILED, f"{error}{remedy}", {}
        except Exception as error:  # noqa: BLE001 - a stranger's action must not end the healer; the ladder goes on
            from salus.raised import raised_at

            place = raised_at(error)
            return StepResult.FAILED, f"{type(error).__name__}: {error}{f' ({place})' if place else ''}", {}
        return StepResult.OK, result.message, bounded(dict(result.evidence))

    async def _verify(self, *, patient: bool) -> bool:
        """Look afresh until the check passes ``success_threshold`` times in a row; once only unless ``patient``."""
        rule, spec = self._plan.rule, self._unit.spec
        until = self._clock.monotonic() + min(rule.verify_timeout, max(0.0, self._left))
        pause, passes, looks = FIRST_PAUSE, 0, 0
        while (left := until - self._clock.monotonic()) >= LEAST_LOOK or not looks:
            seen = await self._ground.look(self._unit, within=max(left, LEAST_LOOK))
            looks += 1
            if self._rule.reads:
                await self._look_at(self._ground.named(self._rule.reads))
            passed = self._passes(seen)
            passes = passes + 1 if passed else 0
            if passes >= spec.success_threshold:
                self._tell(
                    EventKind.VERIFIED, f"verified by a fresh look: {seen.message or seen.status}", reason="passed"
                )
                return True
            if not patient and not passed:
                break
            await self._clock.sleep(min(pause, max(0.0, until - self._clock.monotonic())))
            pause = min(pause * SLOWER, MOST_PAUSE, max(spec.retry_interval, FIRST_PAUSE))
        last = self._unit.state.last
        self._tell(EventKind.VERIFIED, f"still failing: {last.message if last else ''}", reason="failed")
        return False

    async def _capture(self) -> Mapping[str, Json]:
        """Record what is about to be destroyed, within a small bound; a dead process costs no delay.

        Returns:
            How long that took, for the event that follows; nothing where there was nothing to record.
        """
        if self._acted or self.record.evidence or self._unit.service is None:
            return NOTHING
        began = self._clock.monotonic()
        status = self._unit.service.status
        evidence: dict[str, Json] = {"service": status.message or status.state.value}
        if status.running and status.pid is not None:
            evidence |= await self._within(self._ground.threads.run(process_snapshot, status.pid))
        self.record = replace(self.record, evidence=evidence)
        return {"evidence_seconds": self._clock.monotonic() - began}

    async def _within(self, work: Awaitable[Mapping[str, Json]]) -> Mapping[str, Json]:
        try:
            async with asyncio.timeout(EVIDENCE_WITHIN):
                return await work
        except Exception as error:  # noqa: BLE001 - evidence is welcome, never a condition
            return {"not_captured": f"{type(error).__name__}: {error}"}

    def _may_be_up(self) -> bool:
        """Tell whether waiting for a passing look makes sense: not after a rung that stops the service."""
        return self._unit.service is None or self._unit.service.status.running

    def _incarnation(self) -> str | None:
        if self._unit.service:
            return self._unit.service.status.incarnation
        return self._unit.state.last.incarnation if self._unit.state.last else None

    def _finish(self, outcome: Outcome, message: str) -> RecoveryRecord:
        now, self._current = self._clock.now(), None
        evidence = dict(self.record.evidence)
        if self._unit.service and self._acted:
            lines: list[Json] = list(self._unit.service.last_output())
            evidence["last_output"] = lines
        kept = bounded(evidence)
        duration = self._clock.monotonic() - self._began
        self.record = replace(
            self.record,
            outcome=outcome,
            message=message,
            finished_at=now,
            duration=duration,
            evidence=kept,
        )
        self._ground.keep(self.record)
        self._tell(
            EventKind.RECOVERY_FINISHED,
            f"{outcome.value} after {format_duration(duration)}: {message}",
            reason=outcome.value,
            data={"trace_id": traces.trace_id(self._plan.id)},
        )
        return self.record

    def _tell(
        self,
        kind: EventKind,
        message: str,
        *,
        action: str | None = None,
        reason: str | None = None,
        data: Mapping[str, Json] = NOTHING,
    ) -> None:
        self._ground.site.tell(
            kind,
            message=message,
            check=self._plan.check,
            rule=self._plan.rule.name,
            service=self._unit.spec.service,
            recovery=self._plan.id,
            action=action,
            reason=reason,
            data=data,
        )

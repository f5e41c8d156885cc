"""Decides, for every bad look, whether a rule acts; runs the recoveries; books what they spend.

Single flight is per target: what a recovery holds, no other recovery touches. Budgets are booked before the act and
after it; a refusal is told once, when its reason changes, and wakes the check again when it may be over.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from salus.engine.recovery import Ground, Recovery
from salus.engine.units import CheckUnit, RuleUnit
from salus.errors import ConflictError
from salus.model import (
    CheckSpec,
    EventKind,
    Limits,
    Outcome,
    Plan,
    RecoveryRecord,
    Refusal,
    RefusalReason,
    RuleState,
    Status,
)
from salus.rules import memory as ledger
from salus.rules.decide import decide
from salus.rules.situation import Situation
from salus.tasks import Nursery

_log = logging.getLogger("salus.healer")

_SILENT = frozenset({RefusalReason.BELOW_THRESHOLD, RefusalReason.UNKNOWN, RefusalReason.DISABLED})


class Surroundings(Ground, Protocol):
    """What the healer needs from the engine."""

    limits: Limits
    healing_off: str

    def storm(self, window: float) -> tuple[int, int, datetime | None]:
        """Return how many checks are newly bad, how many there are, and when the first turned bad."""
        ...

    def keep_rule(self, state: RuleState) -> None:
        """Take what a rule has spent into the next batch of rows."""
        ...

    async def commit(self) -> bool:
        """Make every row so far durable."""
        ...

    def wake(self, unit: CheckUnit, seconds: float) -> None:
        """Look at a check again after that long."""
        ...

    def settled(self, unit: CheckUnit) -> None:
        """Hear that the recovery of a check has ended, so that what hangs on it is looked at."""
        ...


class Healer:
    """Turns verdicts into recoveries."""

    def __init__(self, around: Surroundings) -> None:
        """Heal within ``around``."""
        self._around = around
        self._tasks = Nursery(self._crashed)
        self._busy: set[str] = set()
        self._starts: deque[datetime] = deque(maxlen=4096)
        self._stopping = False
        self.running: dict[str, Recovery] = {}

    def remember(self, starts: Iterable[datetime]) -> None:
        """Take the recoveries of the last hour from the ledger into the budget."""
        self._starts.extend(starts)

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        self._starts = deque((start + by for start in self._starts), maxlen=self._starts.maxlen)

    @contextmanager
    def holding(self, target: str) -> Iterator[None]:
        """Keep recoveries off a target while somebody else works on it.

        Raises:
            ConflictError: somebody works on it already.
        """
        if target in self._busy:
            message = f"{target} is being worked on"
            raise ConflictError(message, remedy="wait for it to end; `salus status` shows it")
        self._busy.add(target)
        try:
            yield
        finally:
            self._busy.discard(target)

    def consider(self, unit: CheckUnit, now: datetime) -> None:
        """Let every rule of a check judge its newest look."""
        for rule in unit.rules:
            self._follow(unit, rule, now)
            last = unit.state.last
            if last is None or last.status is Status.HEALTHY or rule.record is not None:
                rule.refusal = None
                continue
            verdict = decide(self.situation(unit, rule, now), _recovery_id())
            if isinstance(verdict, Plan):
                self._begin(unit, rule, verdict)
            else:
                self._refused(unit, rule, verdict, now)

    def situation(self, unit: CheckUnit, rule: RuleUnit, now: datetime) -> Situation:
        """Gather everything a decision may look at."""
        around = self._around
        newly_bad, checks, oldest = around.storm(around.limits.storm_window)
        stopped = [
            name
            for target in rule.targets
            if (service := around.site.services.get(name := target.partition(":")[2]))
            and target.startswith("service:")
            and not service.status.wanted
        ]
        failing = tuple(
            root.spec.name for root in around.dependencies(unit) if root.state.last and root.state.last.status.bad
        )
        return Situation(
            now=now,
            rule=rule.rule,
            spec=unit.spec,
            state=unit.state,
            memory=rule.memory,
            targets=rule.targets,
            busy=frozenset(self._busy),
            healing_off=around.healing_off,
            stopped=tuple(sorted(stopped)),
            incarnation=unit.service.status.incarnation if unit.service else None,
            failing_dependencies=failing,
            running=len(self.running),
            recent_starts=tuple(self._starts),
            newly_bad=newly_bad,
            oldest_newly_bad=oldest,
            checks=checks,
            limits=around.limits,
        )

    async def heal_now(self, unit: CheckUnit, rule: RuleUnit, now: datetime) -> RecoveryRecord:
        """Run a rule because a person asks: no thresholds, no budgets; single flight and verification hold.

        Raises:
            ConflictError: one of its targets is being worked on.
        """
        if taken := rule.targets & self._busy:
            message = f"{', '.join(sorted(taken))} is being worked on"
            raise ConflictError(message, remedy="wait for it to end; `salus status` shows it")
        attempt = rule.memory.attempts + 1
        plan = Plan(
            id=_recovery_id(),
            rule=rule.rule,
            check=unit.spec.name,
            targets=rule.targets,
            attempt=attempt,
            decided_at=now,
            trigger=unit.state.last,
            manual=True,
        )
        recovery, task = self._begin(unit, rule, plan)
        await asyncio.wait({task})
        return recovery.record

    def reset(self, rule: RuleUnit, why: str) -> None:
        """Forget what a rule has spent, and its giving up."""
        rule.memory = RuleState(rule=rule.rule.name)
        rule.refusal = None
        self._around.keep_rule(rule.memory)
        self._around.site.tell(
            EventKind.RULE_RESET, rule=rule.rule.name, check=rule.rule.check, message=f"attempts forgotten: {why}"
        )

    async def stop(self, grace: float) -> list[str]:
        """Let running recoveries end within ``grace`` seconds, then cancel them; returns what would not end."""
        self._stopping = True
        return await self._tasks.stop(grace)

    # ── one attempt ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, unit: CheckUnit, rule: RuleUnit, plan: Plan) -> tuple[Recovery, asyncio.Task[None]]:
        before = rule.memory
        if not plan.manual:
            rule.memory = ledger.reserve(before, plan.decided_at, half_open=plan.half_open)
            self._around.keep_rule(rule.memory)
        self._busy |= plan.targets
        self._starts.append(plan.decided_at)
        recovery = Recovery(self._around, unit, rule, plan)
        rule.record, rule.refusal = recovery.record, None
        self.running[plan.id] = recovery
        unit.healing = True
        recovery.reserve()
        return recovery, self._tasks.start(f"recovery {plan.id}", self._run(recovery, unit, rule, before))

    async def _run(self, recovery: Recovery, unit: CheckUnit, rule: RuleUnit, before: RuleState) -> None:
        plan_id = recovery.record.id
        try:
            await recovery.run()
        finally:
            self.running.pop(plan_id, None)
            self._busy -= set(recovery.record.targets)
            rule.record = None
            unit.healing = False
            self._book(recovery, rule, before)
            self._around.settled(unit)
        await self._around.commit()

    def _book(self, recovery: Recovery, rule: RuleUnit, before: RuleState) -> None:
        record, now = recovery.record, self._around.site.clock.now()
        outcome = record.outcome or Outcome.FAILED
        if recovery.needless:
            rule.memory = ledger.refund(rule.memory, before)
            if record.decided_at in self._starts:
                self._starts.remove(record.decided_at)
        elif record.manual and outcome is not Outcome.RECOVERED:
            rule.memory = replace(rule.memory, last_finished=now, last_outcome=outcome)
        else:
            rule.memory = ledger.finish(rule.memory, outcome, now, acted_on=recovery.replaced)
            if outcome is not Outcome.RECOVERED and rule.memory.attempts >= rule.rule.max_recovery_attempts:
                self._give_up(rule, now)
        self._around.keep_rule(rule.memory)

    def _give_up(self, rule: RuleUnit, now: datetime) -> None:
        if rule.memory.exhausted_since is not None:
            return
        rule.memory = ledger.give_up(rule.memory, now)
        self._around.keep_rule(rule.memory)
        due = ledger.half_open_due(rule.rule, rule.memory)
        self._around.site.tell(
            EventKind.RULE_EXHAUSTED,
            rule=rule.rule.name,
            check=rule.rule.check,
            message=f"gave up after {rule.memory.attempts} attempts; one more try at {due:%Y-%m-%d %H:%M:%S} UTC"
            if due
            else "gave up",
        )

    # ── between attempts ──────────────────────────────────────────────────────────────────────────────────────────────

    def _follow(self, unit: CheckUnit, rule: RuleUnit, now: datetime) -> None:
        if rule.record is not None:
            return
        after = ledger.observe(rule.memory, rule.rule, unit.state, now)
        if after.healthy_since is not None:  # look when health will be proven, however long the interval
            left = rule.rule.reset_after - (now - after.healthy_since).total_seconds()
            self._around.wake(unit, max(0.0, left))
        if after is rule.memory:
            return
        forgotten = ledger.spent(rule.memory) and not ledger.spent(after)
        rule.memory = after
        if forgotten:
            self.reset(rule, f"well for {rule.rule.reset_after:g} s")
        else:
            self._around.keep_rule(after)

    def _refused(self, unit: CheckUnit, rule: RuleUnit, refusal: Refusal, now: datetime) -> None:
        before = rule.refused_with()
        rule.refusal = refusal
        if refusal.reason is RefusalReason.EXHAUSTED:
            self._give_up(rule, now)
        if refusal.reason is not before and refusal.reason not in _SILENT:
            self._around.site.tell(
                EventKind.RECOVERY_REFUSED,
                check=unit.spec.name,
                rule=rule.rule.name,
                reason=refusal.reason.value,
                message=refusal.detail,
            )
        if refusal.until is not None:
            self._around.wake(unit, max(0.0, (refusal.until - now).total_seconds()))

    def _crashed(self, name: str, error: BaseException) -> None:
        _log.error("%s failed in Salus itself", name, exc_info=error)


def _recovery_id() -> str:
    return secrets.token_hex(8)


def targets_of(spec: CheckSpec, touched: Iterable[str]) -> frozenset[str]:
    """Name what a recovery holds exclusively: the services its actions touch, its check's service, else its check."""
    services = {*touched, *([spec.service] if spec.service else [])}
    return frozenset({f"service:{name}" for name in services} or {f"check:{spec.name}"})

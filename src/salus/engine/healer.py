"""Decides, for every bad look, whether a rule acts; runs the recoveries; books what they spend.

Single flight is per target: what a recovery holds, no other recovery touches. Budgets are booked before the act and
after it; a refusal is told once, when its reason changes, and wakes the check again when it may be over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from salus import traces
from salus.engine.assess import Assessor, Surroundings
from salus.engine.recovery import Ground, Recovery
from salus.engine.units import CheckUnit, RuleUnit
from salus.errors import ConflictError, NotFoundError
from salus.model import (
    Answer,
    Approval,
    CheckSpec,
    EventKind,
    Finding,
    Mode,
    Outcome,
    Plan,
    RecoveryRecord,
    Refusal,
    RefusalReason,
    RuleState,
    Status,
)
from salus.rules import approvals
from salus.rules import memory as ledger
from salus.rules.decide import decide, explain, passed
from salus.rules.situation import Situation
from salus.state import forgiven
from salus.tasks import Nursery
from salus.units import format_duration

_log = logging.getLogger("salus.healer")

_NOBODY: Mapping[str, str] = {}


class World(Ground, Surroundings, Protocol):
    """What the healer needs from the engine."""

    ids: Callable[[], str]

    def now(self) -> datetime:
        """Return the wall clock, once everything that is remembered has followed a jump of it."""
        ...

    def current(self, rule: str) -> tuple[CheckUnit, RuleUnit] | None:
        """Return a rule as it is now, which may be another object after a reload; None when it left."""
        ...

    def reconsider(self) -> None:
        """Look at every bad check again: something that held rules back is over."""
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

    def settled(self, unit: CheckUnit, *, needless: bool = False) -> None:
        """Hear that the recovery of a check has ended, so that what hangs on it is looked at."""
        ...


class Healer:
    """Turns verdicts into recoveries."""

    def __init__(self, around: World) -> None:
        """Heal within ``around``."""
        self._around = around
        self._assessor = Assessor(around)
        self._tasks = Nursery(self._crashed)
        self._busy: dict[str, str] = {}
        self._stopping = False
        self._work: dict[str, asyncio.Task[None]] = {}
        self.running: dict[str, Recovery] = {}

    @contextmanager
    def holding(self, target: str, by: str) -> Iterator[None]:
        """Keep recoveries off a target while somebody else works on it.

        Raises:
            ConflictError: somebody works on it already.
        """
        if target in self._busy:
            message = f"{target} is taken by {self._busy[target]}"
            raise ConflictError(message, remedy="wait for it to end; `salus status` shows it")
        self._busy[target] = by
        try:
            yield
        finally:
            self._busy.pop(target, None)

    def consider(self, unit: CheckUnit, now: datetime) -> None:
        """Let every rule of a check judge its newest look."""
        for rule in unit.rules:
            self._follow(unit, rule, now)
            last = unit.state.last
            idle = last is None or (last.status is Status.HEALTHY and rule.judge is None)
            if idle or rule.record is not None:
                rule.refusal = None
                continue
            verdict = decide(self.situation(unit, rule, now, count=True), self._around.ids())
            if isinstance(verdict, Plan):
                self._begin(unit, rule, verdict)
            else:
                self._refused(unit, rule, verdict, now)

    def situation(self, unit: CheckUnit, rule: RuleUnit, now: datetime, *, count: bool = False) -> Situation:
        """Gather everything a decision may look at."""
        return self._assessor.situation(
            unit,
            rule,
            now,
            busy=dict(self._busy) if self._busy else _NOBODY,
            running=len(self.running),
            recent_starts=self._around.policy.starts.within(now),
            count=count,
        )

    def explain(self, unit: CheckUnit, rule: RuleUnit, now: datetime) -> tuple[Finding, ...]:
        """Say what every stage answers now; while it heals, what they had answered, if they were asked."""
        if rule.record is not None:
            asked = not rule.record.manual and rule.record.ladder >= 0
            return passed() if asked else ()
        return explain(self.situation(unit, rule, now))

    def answer(self, question: str, answer: Answer, now: datetime, *, by: str, note: str) -> tuple[CheckUnit, Approval]:
        """Take a person's answer to a rule that asks.

        Raises:
            NotFoundError: no rule asks that.
            ConflictError: it was answered already, or it lapsed.
        """
        for unit, rule in self._rules():
            asked = rule.memory.approval
            if asked is None or question not in (asked.id, rule.rule.name):
                continue
            if asked.answer is not Answer.WAITING:
                raise ConflictError(f"that was {asked.answer} already", remedy="`salus reset` begins anew")
            if approvals.lapsed(asked, now):
                raise ConflictError("that question lapsed", remedy="it is asked anew while the check is bad")
            rule.memory = approvals.answered(rule.memory, answer, now, by=by, note=note)
            self._around.keep_rule(rule.memory)
            self._tell(unit, rule, EventKind.APPROVAL_ANSWERED, f"{answer}{f' by {by}' if by else ''}", answer.value)
            return unit, rule.memory.approval or asked
        raise NotFoundError(f"no rule asks {question!r}", remedy="`salus status` lists what waits for approval")

    def _rules(self) -> Iterator[tuple[CheckUnit, RuleUnit]]:
        return ((unit, rule) for unit in self._around.units.values() for rule in unit.rules)

    async def heal_now(self, unit: CheckUnit, rule: RuleUnit, now: datetime) -> RecoveryRecord:
        """Run a rule because a person asks, and wait for its end; else as ``begin_now``."""
        recovery = self.begin_now(unit, rule, now)
        await asyncio.wait({self._work[recovery.plan.id]})
        return recovery.record

    async def cancel(self, recovery: str, why: str) -> RecoveryRecord:
        """Call a recovery off, and wait until what it does has ended.

        It is meant by its id, the beginning of that, or the name of its rule.

        Raises:
            NotFoundError: none that is called so runs.
            ConflictError: several are.
        """
        found = [one for one in self.running.values() if recovery in (one.plan.id, one.plan.rule.name)]
        found = found or [one for one in self.running.values() if recovery and one.plan.id.startswith(recovery)]
        if not found:
            message = f"no recovery {recovery[:200]!r} is running"
            raise NotFoundError(message, remedy="`salus status` shows those that are")
        if len(found) > 1:
            message = f"several recoveries begin with {recovery[:200]!r}"
            raise ConflictError(message, remedy="give more of the id")
        (one,) = found
        one.call_off(why)
        await asyncio.wait({self._work[one.plan.id]})
        return one.record

    def begin_now(self, unit: CheckUnit, rule: RuleUnit, now: datetime) -> Recovery:
        """Run a rule because a person asks: no thresholds, no budgets; single flight and verification hold.

        Raises:
            ConflictError: one of its targets is being worked on.
        """
        if taken := sorted(rule.targets & self._busy.keys()):
            message = "; ".join(f"{target} is taken by {self._busy[target]}" for target in taken)
            raise ConflictError(message, remedy="wait for it to end; `salus status` shows it")
        attempt = rule.memory.attempts + 1
        plan = Plan(
            id=self._around.ids(),
            rule=rule.rule,
            check=unit.spec.name,
            targets=rule.targets,
            attempt=attempt,
            decided_at=now,
            trigger=unit.state.last,
            manual=True,
        )
        return self._begin(unit, rule, plan)

    def record(self, recovery: str) -> RecoveryRecord | None:
        """Return a recovery that runs, or has ended this very moment, by its id."""
        running = self.running.get(recovery)
        return running.record if running else None

    def mode_changed(self, unit: CheckUnit, rule: RuleUnit, mode: Mode) -> None:
        """Hear how far a rule may go now: in another mode than ``approve`` nothing is asked any more."""
        if mode is Mode.APPROVE or rule.memory.approval is None:
            return
        rule.memory = replace(rule.memory, approval=None)
        self._around.keep_rule(rule.memory)
        self._tell(unit, rule, EventKind.APPROVAL_EXPIRED, f"the mode is {mode} now; nothing is asked any more")

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

    def _begin(self, unit: CheckUnit, rule: RuleUnit, plan: Plan) -> Recovery:
        before = rule.memory
        if not plan.manual and plan.ladder >= 0:  # the last words are no attempt
            rule.memory = ledger.reserve(before, plan.decided_at, half_open=plan.half_open)
            self._around.keep_rule(rule.memory)
        self._busy |= dict.fromkeys(plan.targets, f"recovery {plan.id[:8]} of {plan.rule.name}")
        self._around.policy.starts.add(plan.decided_at)
        recovery = Recovery(self._around, unit, rule, plan)
        self._around.policy.storms.begins(unit, plan.id)
        rule.record, rule.refusal = recovery.record, None
        self.running[plan.id] = recovery
        unit.healing = True
        recovery.reserve()
        self._work[plan.id] = self._tasks.start(f"recovery {plan.id}", self._run(recovery, unit, rule, before))
        return recovery

    async def _run(self, recovery: Recovery, unit: CheckUnit, rule: RuleUnit, before: RuleState) -> None:
        plan = recovery.plan
        try:
            with traces.within(plan.id):
                await recovery.run()
        finally:
            self.running.pop(plan.id, None)
            self._work.pop(plan.id, None)
            for target in plan.targets:
                self._busy.pop(target, None)
            unit.healing, rule.record = False, None
            # A reload may have put another rule of that name in this one's place: what was spent is spent.
            unit, rule = self._around.current(plan.rule.name) or (unit, rule)
            unit.healing, rule.record = False, None
            gave_up = self._book(recovery, rule, before)
            self._ended(recovery, unit)
            last_words = gave_up and bool(rule.last_words) and not self._stopping
            if last_words:
                self._begin(unit, rule, replace(plan, id=self._around.ids(), ladder=-1, decided_at=self._now()))
            else:
                self._around.settled(unit, needless=recovery.needless)
        await self._around.commit()

    def _ended(self, recovery: Recovery, unit: CheckUnit) -> None:
        """Let what holds others back hear how it went."""
        record, around = recovery.record, self._around
        if recovery.acted:
            unit.state = forgiven(unit.state)
        tried = recovery.acted and not recovery.needless and not recovery.called_off
        helped = record.outcome is Outcome.RECOVERED if tried else None
        if around.policy.storms.ends(record.id, around.limits, self._now(), helped=helped):
            around.reconsider()

    def _book(self, recovery: Recovery, rule: RuleUnit, before: RuleState) -> bool:
        """Book how an attempt ended; true when the rule gave up with it."""
        record, now, plan = recovery.record, self._now(), recovery.plan
        outcome = record.outcome or Outcome.FAILED
        gave_up = False
        if plan.ladder < 0:
            if outcome is Outcome.RECOVERED:
                rule.memory = replace(rule.memory, last_outcome=outcome, last_finished=now, healthy_since=now)
        elif recovery.needless:
            rule.memory = rule.memory if record.manual else ledger.refund(rule.memory, before, plan.decided_at)
            self._around.policy.starts.give_back(record.decided_at)
        elif record.manual and not recovery.called_off:
            acted_on = recovery.replaced or rule.memory.acted_on
            rule.memory = replace(rule.memory, last_finished=now, last_outcome=outcome, acted_on=acted_on)
        else:
            if record.manual:  # called off: Salus must not do by itself, at once, what a person has just ended
                rule.memory = ledger.reserve(rule.memory, plan.decided_at)
            was_recurring = rule.memory.escalations
            rule.memory = ledger.finish(rule.memory, plan.rule, outcome, now, acted_on=recovery.replaced)
            if rule.memory.escalations > was_recurring:
                self._tell_recurring(rule)
            spent = rule.memory.attempts >= rule.rule.max_recovery_attempts
            if outcome is not Outcome.RECOVERED and spent and not recovery.called_off:
                # Whoever calls the last attempt off wants no last words now; giving up follows from what is spent.
                gave_up = self._give_up(rule, now)
        self._around.keep_rule(rule.memory)
        return gave_up

    def _tell_recurring(self, rule: RuleUnit) -> None:
        window = format_duration(rule.rule.recurrence_window)
        self._around.site.tell(
            EventKind.RULE_RECURRING,
            rule=rule.rule.name,
            check=rule.rule.check,
            message=f"{ledger.back_each_time(rule.memory, f' within {window}')}: this is no cure",
        )

    def _give_up(self, rule: RuleUnit, now: datetime) -> bool:
        if rule.memory.exhausted_since is not None:
            return False
        rule.memory = ledger.give_up(rule.memory, now)
        self._around.keep_rule(rule.memory)
        due = ledger.half_open_due(rule.rule, rule.memory)
        tried = f"{rule.memory.attempts} attempt{'' if rule.memory.attempts == 1 else 's'}"
        self._around.site.tell(
            EventKind.RULE_EXHAUSTED,
            rule=rule.rule.name,
            check=rule.rule.check,
            message=f"gave up after {tried}; one more try at {due:%Y-%m-%d %H:%M:%S} UTC" if due else "gave up",
        )
        return True

    def _now(self) -> datetime:
        return self._around.now()

    # ── between attempts ──────────────────────────────────────────────────────────────────────────────────────────────

    def _follow(self, unit: CheckUnit, rule: RuleUnit, now: datetime) -> None:
        if rule.record is not None:
            return
        before, after = rule.memory, ledger.observe(rule.memory, rule.rule, unit.state, now)
        if after.healthy_since is not None:  # look when health will be proven, however long the interval
            left = rule.rule.reset_after - (now - after.healthy_since).total_seconds()
            self._around.wake(unit, max(0.0, left))
        if after is before:
            return
        rule.memory = after
        self._around.keep_rule(after)
        if before.recurring_since and not after.recurring_since:
            self._tell(unit, rule, EventKind.RULE_STEADY, "it has not come back: no recovery was needed for a while")
        if before.approval and not after.approval:
            self._tell(unit, rule, EventKind.APPROVAL_EXPIRED, "the check is well again; nothing is asked any more")
        if ledger.spent(before) and not ledger.spent(after):
            rule.refusal = None
            said = f"attempts forgotten: well for {rule.rule.reset_after:g} s"
            self._tell(unit, rule, EventKind.RULE_RESET, said)

    def _refused(self, unit: CheckUnit, rule: RuleUnit, refusal: Refusal, now: datetime) -> None:
        before = rule.refused_with()
        rule.refusal = refusal
        if refusal.reason is RefusalReason.EXHAUSTED:
            self._give_up(rule, now)
        if refusal.reason is RefusalReason.AWAITING_APPROVAL:
            self._ask(unit, rule, now)
        if refusal.reason is not before and not _nothing_wrong(unit, refusal):
            self._around.policy.refused(unit.spec.name, refusal.reason)
            self._tell(unit, rule, EventKind.RECOVERY_REFUSED, refusal.detail, refusal.reason.value)
        if refusal.until is not None:
            self._around.wake(unit, max(0.0, (refusal.until - now).total_seconds()))

    def _ask(self, unit: CheckUnit, rule: RuleUnit, now: datetime) -> None:
        """Ask a person, once; anew when the question has lapsed."""
        asked = rule.memory.approval
        if asked is not None and not approvals.lapsed(asked, now):
            return
        if asked is not None:
            self._tell(unit, rule, EventKind.APPROVAL_EXPIRED, f"nobody answered {asked.id} in time")
        rule.memory = approvals.ask(rule.memory, rule.rule, self._around.ids()[:8], now)
        self._around.keep_rule(rule.memory)
        question = rule.memory.approval
        if question is None:
            return
        rungs = ", ".join(spec.kind for spec, _ in rule.ladder(self.situation(unit, rule, now).ladder))
        said = f"may {rungs} run? salus approve {question.id}, or salus reject {question.id}"
        self._tell(unit, rule, EventKind.APPROVAL_WANTED, said, question.id)
        rule.refusal = replace(rule.refusal, until=question.expires_at) if rule.refusal else None
        self._around.wake(unit, rule.rule.approval_timeout)

    def _tell(self, unit: CheckUnit, rule: RuleUnit, kind: EventKind, message: str, reason: str | None = None) -> None:
        self._around.site.tell(
            kind,
            check=unit.spec.name,
            rule=rule.rule.name,
            service=unit.spec.service,
            reason=reason,
            message=message,
        )

    def _crashed(self, name: str, error: BaseException) -> None:
        _log.error("%s failed in Salus itself", name, exc_info=error)


def _nothing_wrong(unit: CheckUnit, refusal: Refusal) -> bool:
    """Tell whether a rule with a condition just has no reason to act: its check is well, and so is what it asks for."""
    last = unit.state.last
    return refusal.reason is RefusalReason.BELOW_THRESHOLD and last is not None and last.status is Status.HEALTHY


def targets_of(spec: CheckSpec, touched: Iterable[str]) -> frozenset[str]:
    """Name what a recovery holds exclusively: the services its actions touch, its check's service, else its check."""
    services = {*touched, *([spec.service] if spec.service else [])}
    return frozenset({f"service:{name}" for name in services} or {f"check:{spec.name}"})

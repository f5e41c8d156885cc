"""The list of stages, and the decision: the first refusal, or a plan."""

from __future__ import annotations

from salus.model import Answer, Finding, Mode, Plan, Refusal, RefusalReason
from salus.rules import approvals, budgets, gates
from salus.rules.situation import Situation
from salus.rules.stage import Stage

STAGES: tuple[Stage, ...] = (
    Stage(RefusalReason.DISABLED, "Is the rule switched on?", gates.disabled),
    Stage(RefusalReason.HEALING_OFF, "Is automatic recovery on as a whole?", gates.healing_off),
    Stage(RefusalReason.PAUSED, "Has nobody paused all recovery?", gates.paused),
    Stage(RefusalReason.CHECK_PAUSED, "Has nobody paused the check?", gates.check_paused),
    Stage(RefusalReason.MAINTENANCE, "Is nobody working on it?", gates.in_maintenance),
    Stage(RefusalReason.OVERLOADED, "Do time-outs prove anything on this host now?", gates.overloaded),
    Stage(RefusalReason.UNKNOWN, "Could the check tell?", gates.unknown),
    Stage(RefusalReason.BELOW_THRESHOLD, "Is it bad enough, for long enough?", gates.below_threshold),
    Stage(RefusalReason.STOPPED_BY_PERSON, "Should it be running at all?", gates.stopped_by_person),
    Stage(RefusalReason.FLAPPING, "Does it stay bad?", gates.flapping),
    Stage(RefusalReason.ON_HOLD, "Is this another copy than the one already replaced?", gates.on_hold),
    Stage(RefusalReason.RIVAL_HEALER, "Is nobody else healing it?", gates.rival_healer),
    Stage(RefusalReason.ALREADY_HEALING, "Is the target free?", gates.already_healing),
    Stage(RefusalReason.DEPENDENCY_FAILING, "Is everything well that it depends on?", gates.dependency_failing),
    Stage(RefusalReason.SHARED_CAUSE, "Does it fail by itself, not like others?", gates.shared_cause),
    Stage(RefusalReason.COOLING_DOWN, "Has the cooldown passed?", budgets.cooling_down),
    Stage(RefusalReason.EXHAUSTED, "Are attempts left?", budgets.exhausted),
    Stage(RefusalReason.CIRCUIT_OPEN, "Do its actions work?", budgets.circuit_open),
    Stage(RefusalReason.STORM_BRAKE, "Is the storm brake off?", budgets.storm_brake),
    Stage(RefusalReason.GROUP_UNAVAILABLE, "Is enough of its group in service?", budgets.group_unavailable),
    Stage(RefusalReason.HOURLY_BUDGET_SPENT, "Is anything left of the hourly budget?", budgets.hourly_budget_spent),
    Stage(RefusalReason.TOO_MANY_AT_ONCE, "May one more recovery run now?", budgets.too_many_at_once),
    Stage(RefusalReason.OBSERVE_ONLY, "May Salus act, not only observe?", gates.observe_only),
    Stage(RefusalReason.REJECTED, "Has nobody said no?", approvals.rejected),
    Stage(RefusalReason.AWAITING_APPROVAL, "Has a person allowed it, where one must?", approvals.awaiting),
)


def decide(situation: Situation, plan_id: str) -> Plan | Refusal:
    """Return a plan, or the first reason why there is none.

    Args:
        situation: everything there is to know.
        plan_id: what a plan would be called.
    """
    for stage in STAGES:
        if refusal := stage.refuse(situation):
            return refusal
    return plan(situation, plan_id)


def plan(situation: Situation, plan_id: str) -> Plan:
    """Return the attempt that would be made now."""
    rule, memory = situation.rule, situation.memory
    asked = memory.approval
    allowed = situation.mode is Mode.APPROVE and asked is not None and asked.answer is Answer.APPROVED
    return Plan(
        id=plan_id,
        rule=rule,
        check=situation.spec.name,
        targets=situation.targets,
        attempt=memory.attempts + memory.half_open_tries + 1,
        decided_at=situation.now,
        trigger=situation.state.last,
        ladder=situation.ladder,
        half_open=memory.attempts >= rule.max_recovery_attempts,
        dead=situation.dead,
        approved_by=(asked.by or "a person") if allowed and asked else "",
    )


def passed() -> tuple[Finding, ...]:
    """Return what every stage has said of a rule that acts now: nothing."""
    return tuple(Finding(reason=stage.reason, question=stage.question) for stage in STAGES)


def explain(situation: Situation) -> tuple[Finding, ...]:
    """Return what every stage says, in their order; the first that refuses decides."""
    return tuple(
        Finding(reason=stage.reason, question=stage.question, refusal=stage.refuse(situation)) for stage in STAGES
    )

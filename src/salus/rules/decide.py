"""The list of stages, and the decision: the first refusal, or a plan."""

from __future__ import annotations

from collections.abc import Callable

from salus.model import Plan, Refusal
from salus.rules import budgets, gates
from salus.rules.situation import Situation

Stage = Callable[[Situation], Refusal | None]

STAGES: tuple[Stage, ...] = (
    gates.disabled,
    gates.healing_off,
    gates.unknown,
    gates.below_threshold,
    gates.stopped_by_person,
    gates.on_hold,
    gates.already_healing,
    gates.dependency_failing,
    budgets.cooling_down,
    budgets.exhausted,
    budgets.too_many_at_once,
    budgets.hourly_budget_spent,
    budgets.storm_brake,
)


def decide(situation: Situation, plan_id: str) -> Plan | Refusal:
    """Return a plan, or the first reason why there is none.

    Args:
        situation: everything there is to know.
        plan_id: what a plan would be called.
    """
    for stage in STAGES:
        if refusal := stage(situation):
            return refusal
    rule, memory = situation.rule, situation.memory
    half_open = memory.attempts >= rule.max_recovery_attempts
    return Plan(
        id=plan_id,
        rule=rule,
        check=situation.spec.name,
        targets=situation.targets,
        attempt=memory.attempts + memory.half_open_tries + 1,
        decided_at=situation.now,
        trigger=situation.state.last,
        half_open=half_open,
    )

"""Every stage refuses for its own reason, in its own place; what is left becomes a plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.model import (
    ActionSpec,
    CheckSpec,
    CheckState,
    Limits,
    Observation,
    Plan,
    RecoveryRule,
    Refusal,
    RefusalReason,
    RuleState,
    Status,
)
from salus.rules.decide import STAGES, decide
from salus.rules.memory import half_open_due
from salus.rules.situation import Situation
from salus.testing import EPOCH

RULE = RecoveryRule(name="web", check="web", ladders=((ActionSpec(kind="restart_service"),),), min_failure_count=2)


def failing(looks: int = 5, status: Status = Status.UNHEALTHY) -> CheckState:
    return CheckState(
        status=status,
        since=EPOCH,
        started=EPOCH,
        settled=True,
        consecutive_failures=looks,
        consecutive_unhealthy=looks if status is Status.UNHEALTHY else 0,
        failing_since=EPOCH,
        last=Observation(status=status, at=EPOCH, message="refused", incarnation="b"),
    )


def situation(**changes: Any) -> Situation:
    base = Situation(
        now=EPOCH + timedelta(hours=1),
        rule=RULE,
        spec=CheckSpec(name="web", kind="http", service="web"),
        state=failing(),
        memory=RuleState(rule="web"),
        targets=frozenset({"service:web"}),
        checks=10,
    )
    return replace(base, **changes)


def ago(seconds: float) -> Any:
    return EPOCH + timedelta(hours=1) - timedelta(seconds=seconds)


CASES: dict[RefusalReason, dict[str, Any]] = {
    RefusalReason.DISABLED: {"rule": replace(RULE, enabled=False)},
    RefusalReason.HEALING_OFF: {"healing_off": "the ledger cannot be read"},
    RefusalReason.UNKNOWN: {"state": replace(failing(), last=Observation(status=Status.UNKNOWN, at=EPOCH))},
    RefusalReason.BELOW_THRESHOLD: {"state": failing(looks=1)},
    RefusalReason.STOPPED_BY_PERSON: {"stopped": ("web",)},
    RefusalReason.ON_HOLD: {
        "memory": RuleState(rule="web", attempts=1, acted_on="b", last_started=ago(5), last_finished=ago(4))
    },
    RefusalReason.ALREADY_HEALING: {"busy": frozenset({"service:web"})},
    RefusalReason.DEPENDENCY_FAILING: {"failing_dependencies": ("db",)},
    RefusalReason.COOLING_DOWN: {"memory": RuleState(rule="web", attempts=1, last_finished=ago(59))},
    RefusalReason.EXHAUSTED: {"memory": RuleState(rule="web", attempts=3, last_finished=ago(600))},
    RefusalReason.TOO_MANY_AT_ONCE: {"running": 2},
    RefusalReason.HOURLY_BUDGET_SPENT: {"recent_starts": tuple(ago(60 + n) for n in range(20, 0, -1))},
    RefusalReason.STORM_BRAKE: {"newly_bad": 5, "oldest_newly_bad": ago(10)},
}


def test_there_is_a_case_and_a_stage_for_every_reason() -> None:
    assert set(CASES) == set(RefusalReason)
    assert len(STAGES) == len(RefusalReason)


@pytest.mark.parametrize("reason", list(RefusalReason))
def test_each_stage_refuses_for_its_own_reason(reason: RefusalReason) -> None:
    verdict = decide(situation(**CASES[reason]), "id")
    assert isinstance(verdict, Refusal)
    assert verdict.reason is reason
    assert verdict.detail


def test_stages_stand_in_the_order_of_the_reasons() -> None:
    everything: dict[str, Any] = {}
    for reason in reversed(RefusalReason):
        changes = CASES[reason]
        everything |= changes
        verdict = decide(situation(**everything), "id")
        assert isinstance(verdict, Refusal)
        if "memory" not in changes and "state" not in changes and "rule" not in changes:
            assert verdict.reason is reason


def test_when_nothing_speaks_against_it_there_is_a_plan() -> None:
    plan = decide(situation(), "id")
    assert isinstance(plan, Plan)
    assert (plan.attempt, plan.half_open, plan.targets) == (1, False, frozenset({"service:web"}))


def test_a_rule_that_waits_for_unhealthy_is_not_moved_by_degraded() -> None:
    strict = replace(RULE, trigger_on=Status.UNHEALTHY)
    verdict = decide(situation(rule=strict, state=failing(status=Status.DEGRADED)), "id")
    assert isinstance(verdict, Refusal)
    assert verdict.reason is RefusalReason.BELOW_THRESHOLD


def test_a_refusal_for_a_while_says_until_when() -> None:
    verdict = decide(situation(**CASES[RefusalReason.COOLING_DOWN]), "id")
    assert isinstance(verdict, Refusal)
    assert verdict.until == situation().now + timedelta(seconds=1)


def test_the_hold_ends_when_another_copy_is_seen_and_after_the_recovery_timeout() -> None:
    held = CASES[RefusalReason.ON_HOLD]["memory"]
    quick = replace(RULE, cooldown_period=0)
    other = replace(failing(), last=Observation(status=Status.UNHEALTHY, at=EPOCH, incarnation="c"))
    assert isinstance(decide(situation(memory=held, rule=quick, state=other), "id"), Plan)
    waited = replace(held, last_finished=ago(31))
    assert isinstance(decide(situation(memory=waited, rule=quick), "id"), Plan)


def test_after_giving_up_there_is_one_half_open_attempt_whose_wait_doubles_up_to_a_day() -> None:
    given_up = RuleState(rule="web", attempts=3, last_finished=ago(1800), exhausted_since=ago(1800))
    plan = decide(situation(memory=given_up), "id")
    assert isinstance(plan, Plan)
    assert plan.half_open
    waits = []
    for tries in range(10):
        state = replace(given_up, half_open_tries=tries, last_finished=EPOCH, exhausted_since=EPOCH)
        due = half_open_due(RULE, state)
        assert due is not None
        waits.append((due - EPOCH).total_seconds())
    assert waits[:4] == [1800, 3600, 7200, 14400]
    assert waits[-1] == 86400


@given(
    attempts=st.integers(0, 10),
    limit=st.integers(1, 5),
    since=st.floats(0, 1799),
    cooldown=st.floats(0, 100),
)
def test_no_plan_ever_exceeds_the_attempts_before_the_half_open_retry(
    attempts: int, limit: int, since: float, cooldown: float
) -> None:
    rule = replace(RULE, max_recovery_attempts=limit, cooldown_period=cooldown)
    memory = RuleState(
        rule="web",
        attempts=attempts,
        last_finished=ago(since),
        exhausted_since=ago(since) if attempts >= limit else None,
    )
    verdict = decide(situation(rule=rule, memory=memory), "id")
    if isinstance(verdict, Plan):
        assert attempts < limit
        assert attempts == 0 or since >= cooldown


@given(bad=st.integers(0, 50), checks=st.integers(1, 50), share=st.floats(0.01, 1), least=st.integers(1, 10))
def test_the_brake_holds_exactly_when_enough_and_a_large_enough_share_turned_bad(
    bad: int, checks: int, share: float, least: int
) -> None:
    limits = Limits(storm_brake=share, storm_min_checks=least)
    verdict = decide(situation(newly_bad=bad, checks=checks, limits=limits), "id")
    storm = bad >= least and bad / checks >= share
    assert isinstance(verdict, Refusal) == storm

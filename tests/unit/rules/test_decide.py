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
    Answer,
    Approval,
    CheckSpec,
    CheckState,
    Mode,
    Observation,
    Plan,
    RecoveryRule,
    Refusal,
    RefusalReason,
    RuleState,
    Status,
)
from salus.rules.decide import STAGES, decide, explain
from salus.rules.memory import half_open_due
from salus.rules.situation import Condition, GroupUse, Hold, Situation
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
    )
    return replace(base, **changes)


def ago(seconds: float) -> Any:
    return EPOCH + timedelta(hours=1) - timedelta(seconds=seconds)


def asked(answer: Answer, *, lapses_in: float = 60) -> RuleState:
    question = Approval(id="q1", asked_at=ago(10), expires_at=ago(-lapses_in), answer=answer, by="ann")
    return RuleState(rule="web", approval=question)


CASES: dict[RefusalReason, dict[str, Any]] = {
    RefusalReason.DISABLED: {"rule": replace(RULE, enabled=False)},
    RefusalReason.HEALING_OFF: {"healing_off": "the ledger cannot be read"},
    RefusalReason.PAUSED: {"pause": Hold(detail="paused by ann")},
    RefusalReason.CHECK_PAUSED: {"check_pause": Hold(detail="paused by ann")},
    RefusalReason.MAINTENANCE: {"maintenance": Hold(detail="maintenance nightly")},
    RefusalReason.OVERLOADED: {
        "state": replace(
            failing(), last=Observation(status=Status.UNKNOWN, at=EPOCH, cause="overloaded", message="timed out")
        )
    },
    RefusalReason.UNKNOWN: {"state": replace(failing(), last=Observation(status=Status.UNKNOWN, at=EPOCH))},
    RefusalReason.BELOW_THRESHOLD: {"state": failing(looks=1)},
    RefusalReason.STOPPED_BY_PERSON: {"stopped": ("web",)},
    RefusalReason.FLAPPING: {"state": replace(failing(), flapping=True)},
    RefusalReason.ON_HOLD: {
        "memory": RuleState(rule="web", attempts=1, acted_on="b", last_started=ago(5), last_finished=ago(4))
    },
    RefusalReason.RIVAL_HEALER: {"rival": Hold(detail="somebody else replaced web 2 times")},
    RefusalReason.ALREADY_HEALING: {"busy": {"service:web": "a person"}},
    RefusalReason.DEPENDENCY_FAILING: {"failing_dependencies": ("db",)},
    RefusalReason.SHARED_CAUSE: {"shared_cause": Hold(detail="20 command checks fail alike")},
    RefusalReason.COOLING_DOWN: {"memory": RuleState(rule="web", attempts=1, last_finished=ago(59))},
    RefusalReason.EXHAUSTED: {"memory": RuleState(rule="web", attempts=3, last_finished=ago(600))},
    RefusalReason.CIRCUIT_OPEN: {"circuit": Hold(detail="restart_service kept failing")},
    RefusalReason.STORM_BRAKE: {"brake": Hold(detail="too many turned bad together")},
    RefusalReason.GROUP_UNAVAILABLE: {"groups": (GroupUse(name="pool", allowed=1, out=("web-2",)),)},
    RefusalReason.HOURLY_BUDGET_SPENT: {"recent_starts": tuple(ago(60 + n) for n in range(20, 0, -1))},
    RefusalReason.TOO_MANY_AT_ONCE: {"running": 2},
    RefusalReason.OBSERVE_ONLY: {"mode": Mode.OBSERVE},
    RefusalReason.REJECTED: {"mode": Mode.APPROVE, "memory": asked(Answer.REJECTED)},
    RefusalReason.AWAITING_APPROVAL: {"mode": Mode.APPROVE, "memory": asked(Answer.WAITING)},
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


def test_a_dead_service_is_healed_in_spite_of_flapping_a_storm_a_group_and_a_shared_cause() -> None:
    held = (
        RefusalReason.FLAPPING,
        RefusalReason.STORM_BRAKE,
        RefusalReason.GROUP_UNAVAILABLE,
        RefusalReason.SHARED_CAUSE,
    )
    for reason in held:
        assert isinstance(decide(situation(dead=True, **CASES[reason]), "id"), Plan)


def test_an_approved_attempt_is_planned_and_names_who_allowed_it() -> None:
    plan = decide(situation(mode=Mode.APPROVE, memory=asked(Answer.APPROVED)), "id")
    assert isinstance(plan, Plan)
    assert plan.approved_by == "ann"


def test_a_permission_that_lapsed_is_none() -> None:
    verdict = decide(situation(mode=Mode.APPROVE, memory=asked(Answer.APPROVED, lapses_in=-1)), "id")
    assert isinstance(verdict, Refusal)
    assert verdict.reason is RefusalReason.AWAITING_APPROVAL


def test_each_attempt_and_each_recurrence_moves_one_ladder_further_and_the_last_serves_the_rest() -> None:
    rungs = [(ActionSpec(kind=kind),) for kind in ("restart_service", "restore", "page")]
    rule = replace(RULE, ladders=tuple(rungs), max_recovery_attempts=9)
    used = []
    for attempts, escalations in ((0, 0), (1, 0), (0, 1), (1, 1), (5, 3)):
        memory = RuleState(rule="web", attempts=attempts, escalations=escalations)
        plan = decide(situation(rule=rule, memory=memory), "id")
        assert isinstance(plan, Plan)
        used.append(plan.ladder)
    assert used == [0, 1, 1, 2, 2]


def test_bad_looks_are_counted_within_the_window_of_a_rule() -> None:
    scattered = replace(failing(looks=1), recent=0b11_01_11_01_11)
    rule = replace(RULE, min_failure_count=3, failure_window=5)
    assert isinstance(decide(situation(rule=rule, state=scattered), "id"), Plan)
    narrow = replace(rule, failure_window=4)
    assert isinstance(decide(situation(rule=narrow, state=scattered), "id"), Refusal)


def test_a_condition_that_holds_triggers_whatever_the_verdict_and_one_that_cannot_tell_never_does() -> None:
    well = CheckState(status=Status.HEALTHY, last=Observation(status=Status.HEALTHY, at=EPOCH))
    rule = replace(RULE, when="metrics.rss_bytes > 1e9", min_failure_count=2)
    holds = Condition(holds=True, detail="1.2e9", truths=0b11)
    assert isinstance(decide(situation(rule=rule, state=well, condition=holds), "id"), Plan)
    for condition, reason in (
        (replace(holds, truths=0b01), RefusalReason.BELOW_THRESHOLD),
        (replace(holds, holds=False), RefusalReason.BELOW_THRESHOLD),
        (replace(holds, holds=None), RefusalReason.UNKNOWN),
    ):
        verdict = decide(situation(rule=rule, state=well, condition=condition), "id")
        assert isinstance(verdict, Refusal)
        assert verdict.reason is reason


@given(chosen=st.sets(st.sampled_from(list(RefusalReason))))
def test_every_decision_has_exactly_one_reason_and_an_explanation_names_the_same(chosen: set[RefusalReason]) -> None:
    changes: dict[str, Any] = {}
    for reason in chosen:
        changes |= CASES[reason]
    now = situation(**changes)
    verdict = decide(now, "id")
    findings = explain(now)
    assert [finding.reason for finding in findings] == list(RefusalReason)
    refusing = [finding.refusal for finding in findings if finding.refusal]
    if isinstance(verdict, Refusal):
        assert refusing[0] == verdict
        assert all(found.reason is finding.reason for finding in findings if (found := finding.refusal))
    else:
        assert not refusing

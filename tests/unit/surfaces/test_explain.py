"""What ``salus explain`` says: for every reason, the real stages find it and a person can read it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from salus.model import (
    ActionSpec,
    Answer,
    Approval,
    CheckReport,
    CheckSpec,
    CheckState,
    Mode,
    Observation,
    RecoveryRecord,
    RecoveryRule,
    RefusalReason,
    RuleExplanation,
    RuleState,
    Status,
    StepRecord,
    StepResult,
)
from salus.rules.decide import explain
from salus.rules.situation import Condition, GroupUse, Hold, Situation
from salus.surfaces import wire
from salus.surfaces.explain import WORDS, Stand, document
from tests.fake_agent import NOW

RULE = RecoveryRule(
    name="web",
    check="web-http",
    ladders=((ActionSpec(kind="log"), ActionSpec(kind="restart_service")),),
    on_exhausted=(ActionSpec(kind="log"),),
    min_failure_count=2,
)
SPEC = CheckSpec(name="web-http", kind="http", service="web")
STARTS = replace(SPEC, start_period=10)


HEALING = RecoveryRecord(
    id="r", rule="web", check="web-http", attempt=2,
    decided_at=NOW - timedelta(seconds=3), started_at=NOW - timedelta(seconds=3),
)  # fmt: skip


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def bad(looks: int = 5, **last: Any) -> CheckState:
    facts = {"status": Status.UNHEALTHY, "message": "got 500", "incarnation": "b"} | last
    return CheckState(
        status=Status.UNHEALTHY,
        since=ago(60),
        started=ago(60),
        settled=True,
        consecutive_failures=looks,
        consecutive_unhealthy=looks,
        failing_since=ago(60),
        last=Observation(at=NOW, **facts),
    )


WELL = CheckState(status=Status.HEALTHY, since=ago(60), settled=True, last=Observation(status=Status.HEALTHY, at=NOW))


def explained(*, recovery: RecoveryRecord | None = None, **changes: Any) -> dict[str, Any]:
    """Let the real stages judge a situation, and write what the control socket says about it."""
    situation = replace(
        Situation(
            now=NOW,
            rule=RULE,
            spec=SPEC,
            state=bad(),
            memory=RuleState(rule="web"),
            targets=frozenset({"service:web"}),
        ),
        **changes,
    )
    one = RuleExplanation(rule=situation.rule, state=situation.memory, findings=explain(situation), running=recovery)
    told = document(CheckReport(spec=SPEC, state=situation.state), [one], NOW)
    found: dict[str, Any] = json.loads(wire.encode(told))["rules"][0]
    return found


def asked(answer: Answer) -> RuleState:
    question = Approval(id="q1", asked_at=ago(10), expires_at=ago(-600), answer=answer, by="ann", note="not now")
    return RuleState(rule="web", approval=question)


R = RefusalReason
CASES: list[tuple[RefusalReason, dict[str, Any], str, str]] = [
    (R.DISABLED, {"rule": replace(RULE, enabled=False)}, "it is switched off (the rule says enabled: false)", ""),
    (R.DISABLED, {"switched_off": "by ann"}, "it is switched off (by ann)", "salus rule enable web"),
    (R.HEALING_OFF, {"healing_off": "the ledger cannot be read"},
     "automatic recovery is off (the ledger cannot be read)", "salus ledger check"),
    (R.PAUSED, {"pause": Hold(detail="moving house", until=ago(-3300))},
     "a person has paused all recovery for 55m more (moving house)", "salus resume"),
    (R.CHECK_PAUSED, {"check_pause": Hold(detail="paused by ann", until=ago(-3300))},
     "a person has paused the check for 55m more (paused by ann)", "salus resume --check web-http"),
    (R.MAINTENANCE, {"maintenance": Hold(detail="deploy 42", until=ago(-60))},
     "somebody is working on it for 1m more (deploy 42)", "salus maintenance list"),
    (R.OVERLOADED, {"state": bad(status=Status.UNKNOWN, cause="overloaded", message="timed out, which proves nothing")},
     "time-outs prove nothing on this host now (timed out, which proves nothing)", ""),
    (R.UNKNOWN, {"state": bad(status=Status.UNKNOWN, message="curl: not found")},
     "the check cannot tell (curl: not found)", "salus check web-http"),
    (R.BELOW_THRESHOLD, {"state": bad(looks=1)},
     "it is not bad enough yet (1 of 2 bad looks in a row; the verdict is unhealthy)", ""),
    (R.BELOW_THRESHOLD, {"state": replace(bad(looks=0), started=ago(3), settled=False), "spec": STARTS},
     "it is not bad enough yet (0 of 2 bad looks in a row; it starts: none counts for 7 s; the verdict is unhealthy)",
     ""),
    (R.STOPPED_BY_PERSON, {"stopped": ("web",)},
     "a person wants it stopped (web was stopped by a person)", "salus service start web"),
    (R.FLAPPING, {"state": replace(bad(), flapping=True)},
     "it comes back by itself (the check flaps: it turns bad and comes back by itself)", ""),
    (R.ON_HOLD, {"memory": RuleState(rule="web", acted_on="b", last_finished=ago(4))},
     "this copy has been acted on already for 26 s more (acted already; waiting for the new copy to be seen)", ""),
    (R.RIVAL_HEALER, {"rival": Hold(detail="somebody else replaced web 2 times")},
     "somebody else heals it too (somebody else replaced web 2 times)", ""),
    (R.ALREADY_HEALING, {"busy": {"service:web": "recovery 1a2b3c4d of web-up"}},
     "its target is taken (service:web is taken by recovery 1a2b3c4d of web-up)", ""),
    (R.DEPENDENCY_FAILING, {"failing_dependencies": ("db",)},
     "what it depends on comes first (db must be well first)", ""),
    (R.SHARED_CAUSE, {"shared_cause": Hold(detail="20 command checks fail alike")},
     "others fail in the same way (20 command checks fail alike)", ""),
    (R.COOLING_DOWN, {"memory": RuleState(rule="web", attempts=1, last_finished=ago(18))},
     "cooling down for 42 s more (the last attempt was a moment ago)", "salus heal web"),
    (R.EXHAUSTED, {"memory": RuleState(rule="web", attempts=3, last_finished=ago(600), exhausted_since=ago(600))},
     "it has given up, with one more try in 20m (all 3 attempts are spent)", "salus reset web"),
    (R.CIRCUIT_OPEN, {"circuit": Hold(detail="restart_service kept failing", until=ago(-240))},
     "its actions keep failing, one run may try in 4m (restart_service kept failing)", ""),
    (R.STORM_BRAKE, {"brake": Hold(detail="a, b, c turned bad together", until=ago(-120))},
     "the storm brake is on, one recovery may try in 2m (a, b, c turned bad together)", "salus heal web"),
    (R.GROUP_UNAVAILABLE, {"groups": (GroupUse(name="pool", allowed=1, out=("web-2",)),)},
     "too much of its group is out of service (web-2 of group pool must be back first)", ""),
    (R.HOURLY_BUDGET_SPENT, {"recent_starts": tuple(ago(60 * n) for n in range(20, 0, -1))},
     "the budget of this hour is spent for 40m more (20 recoveries in the last hour, allowed are 20)", ""),
    (R.TOO_MANY_AT_ONCE, {"running": 2}, "enough recoveries run already (2 of 2 recoveries run)", ""),
    (R.OBSERVE_ONLY, {"mode": Mode.OBSERVE},
     "it may only observe (would run log, restart_service (attempt 1, within 30 s))", "salus heal web"),
    (R.REJECTED, {"mode": Mode.APPROVE, "memory": asked(Answer.REJECTED)},
     "a person said no (rejected by ann: not now)", "salus reset web"),
    (R.AWAITING_APPROVAL, {"mode": Mode.APPROVE, "memory": asked(Answer.WAITING)},
     "a person has to allow it, the question lapses in 10m (a person must allow it: salus approve q1)",
     "salus approve web"),
]  # fmt: skip


def test_there_is_a_case_and_a_word_for_every_reason() -> None:
    assert {reason for reason, *_ in CASES} == set(RefusalReason) == set(WORDS)


@pytest.mark.parametrize("reason, changes, because, remedy", CASES, ids=[reason for reason, *_ in CASES])
def test_every_refusal_is_explained_in_one_sentence_with_what_to_do(
    reason: RefusalReason, changes: dict[str, Any], because: str, remedy: str
) -> None:
    told = explained(**changes)
    assert told["verdict"] == f"web will not act: {because}"
    assert (told["stand"], told["reason"], told["remedy"]) == (Stand.HELD, reason, remedy)
    assert next(one["stage"] for one in told["stages"] if not one["passes"]) == reason
    assert len(told["stages"]) == len(RefusalReason)


def test_a_rule_that_nothing_holds_would_act() -> None:
    told = explained()
    assert told["verdict"] == "web would act at the next bad look: nothing holds it"
    assert (told["stand"], told["reason"], told["remedy"]) == (Stand.READY, None, "")
    assert all(one["passes"] for one in told["stages"])


def test_a_healthy_check_has_nothing_to_heal_and_what_else_would_hold_it_is_said() -> None:
    assert explained(state=WELL)["verdict"] == "web has nothing to heal: the check is healthy"
    told = explained(state=WELL, memory=RuleState(rule="web", attempts=1, last_finished=ago(18)))
    assert told["stand"] == Stand.IDLE
    assert told["verdict"] == (
        "web has nothing to heal: the check is healthy; "
        "if it had, cooling down for 42 s more (the last attempt was a moment ago)"
    )


def test_after_the_cooldown_of_the_last_attempt_it_has_given_up_and_both_are_told() -> None:
    memory = RuleState(rule="web", attempts=3, last_finished=ago(18))
    both = (
        "cooling down for 42 s more (the last attempt was a moment ago); "
        "then it has given up, with one more try in 30m (all 3 attempts are spent)"
    )
    told = explained(memory=memory)
    assert told["verdict"] == f"web will not act: {both}"
    assert told["reason"] == "cooling_down"
    assert explained(state=WELL, memory=memory)["verdict"].endswith(f"; if it had, {both}")


def test_a_half_open_try_that_comes_round_before_the_cooldown_is_over_is_not_told_as_what_comes_then() -> None:
    rule = replace(RULE, exhausted_retry=30.0)
    memory = RuleState(rule="web", attempts=3, last_finished=ago(18), exhausted_since=ago(18))
    assert explained(rule=rule, memory=memory)["verdict"] == (
        "web will not act: cooling down for 42 s more (the last attempt was a moment ago)"
    )


def test_a_condition_that_does_not_hold_has_nothing_to_heal_however_bad_the_check_is() -> None:
    rule = replace(RULE, when="metrics.rss_bytes > 1e9")
    told = explained(rule=rule, condition=Condition(holds=False, detail="rss_bytes = 2e8"))
    assert told["stand"] == Stand.IDLE
    assert told["verdict"].startswith("web has nothing to heal: rss_bytes = 2e8")


@pytest.mark.parametrize(
    "ladder, steps, verdict",
    [
        (0, 0, "web is healing now, begun 3 s ago: attempt 2, step 1 of 2, log"),
        (0, 1, "web is healing now, begun 3 s ago: attempt 2, step 2 of 2, restart_service"),
        (0, 2, "web is healing now, begun 3 s ago: attempt 2, step 2 of 2, restart_service"),
        (-1, 0, "web is healing now, begun 3 s ago: it gave up, and carries out what is left to do, step 1 of 1, log"),
    ],
)
def test_a_recovery_under_way_tells_its_step(ladder: int, steps: int, verdict: str) -> None:
    step = StepRecord(position=1, action="log", result=StepResult.OK, started_at=NOW)
    told = explained(recovery=replace(HEALING, ladder=ladder, steps=(step,) * steps))
    assert (told["verdict"], told["stand"]) == (verdict, Stand.HEALING)
    assert told["running"]["id"] == "r"


def test_a_recovery_that_a_person_asked_for_says_so() -> None:
    told = explained(recovery=replace(HEALING, manual=True))
    assert told["verdict"] == "web is healing now, begun 3 s ago because a person asked: attempt 2, step 1 of 2, log"

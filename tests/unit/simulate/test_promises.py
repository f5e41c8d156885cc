"""Every promise has a judge, and every judge tells when it is broken: streams of events that no engine should give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from salus.engine.units import CheckUnit, RuleUnit
from salus.model import (
    ActionSpec,
    CheckSpec,
    CheckState,
    Event,
    EventKind,
    GroupSpec,
    Limits,
    Observation,
    RecoveryRecord,
    RecoveryRule,
    Refusal,
    RefusalReason,
    RuleState,
    Selector,
    Status,
)
from salus.simulate.attempts import AttemptsBounded, CooldownKept, GivingUpKept, HealthProven
from salus.simulate.invariants import (
    INVARIANTS,
    BrakeReleases,
    BudgetsKept,
    GroupsKept,
    Judges,
    NothingHealthyActedOn,
    OneReason,
    RecoveredIsProven,
    SingleFlight,
    UnknownNeverHeals,
    Violation,
)
from salus.simulate.observed import Judge
from salus.testing import EPOCH, RecordingAction, ScriptedCheck

STARTED, FINISHED = EventKind.RECOVERY_STARTED, EventKind.RECOVERY_FINISHED
ACTS, ACTED = EventKind.ACTION_STARTED, EventKind.ACTION_FINISHED
RUNGS = (ActionSpec(kind="restart_service"),)


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


@dataclass
class Stage:
    """What the judges look at: two checks on two services, each with a rule, and the recoveries under way."""

    limits: Limits = field(default_factory=Limits)
    units: dict[str, CheckUnit] = field(default_factory=dict)
    records: dict[str, RecoveryRecord] = field(default_factory=dict)

    def record(self, recovery: str) -> RecoveryRecord | None:
        return self.records.get(recovery)

    def see(self, status: Status, seconds: float, check: str = "web") -> None:
        seen = Observation(status=status, at=at(seconds))
        self.units[check].state = replace(self.units[check].state, status=status, last=seen)

    def begins(self, recovery: str, seconds: float, check: str = "web", **facts: object) -> Event:
        record = RecoveryRecord(
            id=recovery,
            rule=check,
            check=check,
            targets=(f"service:{check}",),
            decided_at=at(seconds),
            started_at=at(seconds),
        )
        self.records[recovery] = replace(record, **facts)  # type: ignore[arg-type]  # fields of a record
        return event(STARTED, seconds, check, recovery)


def event(kind: EventKind, seconds: float, check: str = "web", recovery: str = "", reason: str | None = None) -> Event:
    return Event(
        id=int(seconds * 1e6),
        at=at(seconds),
        kind=kind,
        check=check,
        rule=check,
        recovery=recovery,
        action="restart_service",
        reason=reason,
    )


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    for name in ("web", "api"):
        rule = RecoveryRule(name=name, check=name, ladders=(RUNGS,), max_recovery_attempts=2, cooldown_period=60.0)
        built = RuleUnit(
            rule, (((RUNGS[0], RecordingAction()),),), (), frozenset({f"service:{name}"}), RuleState(rule=name)
        )
        spec = CheckSpec(name=name, kind="scripted", service=name)
        made.units[name] = CheckUnit(spec=spec, check=ScriptedCheck(Status.HEALTHY), state=CheckState(), rules=(built,))
        made.see(Status.UNHEALTHY, 0, name)
    return made


def complaints(judge: Judge, stage: Stage, events: Iterable[Event]) -> list[str]:
    return [said for event in events if (said := judge.judge(event, stage))]


def test_one_attempt_too_many_is_told(stage: Stage) -> None:
    stream = [
        stage.begins("a", 0),
        event(FINISHED, 1, recovery="a", reason="failed"),
        stage.begins("b", 100),
        event(FINISHED, 101, recovery="b", reason="failed"),
        stage.begins("c", 200),
    ]
    assert complaints(AttemptsBounded(), stage, stream) == ["attempt 3 of at most 2"]


def test_attempts_that_were_called_off_half_open_or_forgotten_do_not_count(stage: Stage) -> None:
    stream = [
        stage.begins("a", 0),
        event(FINISHED, 1, recovery="a", reason="cancelled"),
        stage.begins("b", 100),
        event(FINISHED, 101, recovery="b", reason="failed"),
        stage.begins("c", 200),
        event(FINISHED, 201, recovery="c", reason="failed"),
        stage.begins("d", 300, half_open=True),
        event(FINISHED, 301, recovery="d", reason="failed"),
        event(EventKind.RULE_RESET, 400),
        stage.begins("e", 500),
    ]
    assert complaints(AttemptsBounded(), stage, stream) == []


def test_a_start_within_the_cooldown_is_told(stage: Stage) -> None:
    stream = [stage.begins("a", 0), event(FINISHED, 10, recovery="a", reason="failed"), stage.begins("b", 69)]
    assert complaints(CooldownKept(), stage, stream) == [
        "only 59.000 s after the last attempt, and the cooldown is 60 s"
    ]
    later = [stage.begins("a", 0), event(FINISHED, 10, recovery="a", reason="failed"), stage.begins("b", 70)]
    assert complaints(CooldownKept(), stage, later) == []


def test_a_cooldown_grows_with_the_attempts_of_its_incident(stage: Stage) -> None:
    [one] = stage.units["web"].rules
    one.rule = replace(one.rule, cooldown_multiplier=3.0, max_recovery_attempts=9)
    stream = [stage.begins("a", 0), event(FINISHED, 10, recovery="a", reason="failed")]
    stream += [stage.begins("b", 70), event(FINISHED, 80, recovery="b", reason="failed"), stage.begins("c", 259)]
    assert complaints(CooldownKept(), stage, stream) == [
        "only 179.000 s after the last attempt, and the cooldown is 180 s"
    ]


def test_last_words_are_no_attempt_to_cool_down_from(stage: Stage) -> None:
    stream = [stage.begins("a", 0), event(FINISHED, 10, recovery="a", reason="failed")]
    stream += [stage.begins("words", 10, ladder=-1), event(FINISHED, 50, recovery="words", reason="failed")]
    assert complaints(CooldownKept(), stage, [*stream, stage.begins("b", 70)]) == []


GAVE_UP = EventKind.RULE_EXHAUSTED


@pytest.mark.parametrize(
    "begins, said",
    [
        ([1799], ["a half-open attempt after 1799.000 s, due after 1800 s"]),
        ([1800], []),
        ([1800, 5410], []),
        ([1800, 5409], ["a half-open attempt after 3599.000 s, due after 3600 s"]),
    ],
)
def test_a_half_open_attempt_before_its_wait_is_told(stage: Stage, begins: list[int], said: list[str]) -> None:
    stream = [event(GAVE_UP, 0)]
    for seconds in begins:
        name = str(seconds)
        stream.append(stage.begins(name, seconds, half_open=True))
        stream.append(event(FINISHED, seconds + 10, recovery=name, reason="failed"))
    assert complaints(GivingUpKept(), stage, stream) == said


def test_a_half_open_attempt_of_a_rule_that_never_gave_up_is_told(stage: Stage) -> None:
    said = ["a half-open attempt, and nobody had given up"]
    assert complaints(GivingUpKept(), stage, [stage.begins("a", 9999, half_open=True)]) == said
    forgotten = [event(GAVE_UP, 0), event(EventKind.RULE_RESET, 1), stage.begins("b", 9999, half_open=True)]
    assert complaints(GivingUpKept(), stage, forgotten) == said


@pytest.mark.parametrize("well, said", [(299, ["forgotten after 299.000 s, and reset_after is 300 s"]), (300, [])])
def test_attempts_that_are_forgotten_before_health_is_proven_are_told(stage: Stage, well: int, said: list[str]) -> None:
    [one] = stage.units["web"].rules
    one.rule = replace(one.rule, reset_after=300.0)
    over = replace(event(EventKind.STATUS_CHANGED, 10), old="unhealthy", new="healthy")
    stream = [over, event(EventKind.RULE_RESET, 10 + well)]
    assert complaints(HealthProven(), stage, stream) == said
    by_a_person = replace(event(EventKind.RULE_RESET, 20), message="attempts forgotten: a person asked")
    assert complaints(HealthProven(), stage, [stream[0], by_a_person]) == []


def test_two_recoveries_on_one_target_are_told(stage: Stage) -> None:
    stream = [stage.begins("a", 0), stage.begins("b", 1, "api", targets=("service:api", "service:web"))]
    assert complaints(SingleFlight(), stage, stream) == ["service:web is being healed by a already"]
    apart = [stage.begins("a", 0), event(FINISHED, 1, recovery="a"), stage.begins("b", 2)]
    assert complaints(SingleFlight(), stage, apart) == []


def test_more_at_once_than_the_limits_allow_is_told(stage: Stage) -> None:
    stage.limits = Limits(recoveries_at_once=1)
    stream = [stage.begins("a", 0), stage.begins("b", 1, "api")]
    assert complaints(BudgetsKept(), stage, stream) == ["2 recoveries run, allowed are 1"]


def test_more_in_an_hour_than_the_limits_allow_is_told(stage: Stage) -> None:
    stage.limits = Limits(recoveries_per_hour=2)
    stream = []
    for place, seconds in enumerate((0, 1000, 2000, 3601, 4601)):
        stream += [stage.begins(str(place), seconds), event(FINISHED, seconds + 1, recovery=str(place))]
    assert complaints(BudgetsKept(), stage, stream) == [
        "3 recoveries within an hour, allowed are 2",
        "3 recoveries within an hour, allowed are 2",
        "3 recoveries within an hour, allowed are 2",
    ]
    stream = [stage.begins("a", 0), event(FINISHED, 1, recovery="a", reason="cancelled")]
    stream += [stage.begins("b", 10), event(FINISHED, 11, recovery="b"), stage.begins("c", 20)]
    assert complaints(BudgetsKept(), stage, stream) == []


def test_more_of_a_group_than_may_be_out_is_told(stage: Stage) -> None:
    both = Selector(services=("web", "api"))
    stage.limits = Limits(groups=(GroupSpec(name="front", members=both, max_unavailable=1),))
    stream = [stage.begins("a", 0), stage.begins("b", 1, "api")]
    assert complaints(GroupsKept(), stage, stream) == ["2 members of front are being healed, allowed are 1"]


def test_a_recovery_after_a_look_that_could_not_tell_is_told(stage: Stage) -> None:
    stage.see(Status.UNKNOWN, 1)
    assert complaints(UnknownNeverHeals(), stage, [stage.begins("a", 2)]) == ["the newest look could not tell"]
    assert complaints(UnknownNeverHeals(), stage, [stage.begins("b", 3, manual=True)]) == []


def test_acting_on_what_is_healthy_is_told(stage: Stage) -> None:
    begun = stage.begins("a", 1)
    stage.see(Status.HEALTHY, 2)
    stream = [begun, event(ACTS, 3, recovery="a")]
    assert complaints(NothingHealthyActedOn(), stage, stream) == [
        "restart_service acts, and the newest look says healthy"
    ]


def test_acting_on_what_is_bad_is_no_news(stage: Stage) -> None:
    stream = [stage.begins("a", 1), event(ACTS, 3, recovery="a")]
    assert complaints(NothingHealthyActedOn(), stage, stream) == []


def test_recovered_without_a_look_after_the_last_action_is_told(stage: Stage) -> None:
    stage.see(Status.HEALTHY, 4)
    stream = [stage.begins("a", 1), event(ACTED, 5, recovery="a"), event(FINISHED, 6, recovery="a", reason="recovered")]
    said = "recovered, and no look has begun since the last action"
    assert complaints(RecoveredIsProven(), stage, stream) == [said]
    stage.see(Status.HEALTHY, 5)
    assert complaints(RecoveredIsProven(), stage, stream) == []


def test_recovered_with_a_failing_look_is_told(stage: Stage) -> None:
    stage.see(Status.UNHEALTHY, 5)
    stream = [stage.begins("a", 1), event(ACTED, 5, recovery="a"), event(FINISHED, 6, recovery="a", reason="recovered")]
    assert complaints(RecoveredIsProven(), stage, stream) == ["recovered, and the newest look says unhealthy"]


def test_a_brake_that_never_releases_is_told(stage: Stage) -> None:
    for name in stage.units:
        stage.see(Status.HEALTHY, 0, name)
    on = event(EventKind.STORM_STARTED, 0, reason="all")
    late = event(EventKind.STATUS_CHANGED, 8000)
    assert complaints(BrakeReleases(), stage, [on, late]) == [
        "the brake on all is on, and nothing has been bad for 2:01:00"
    ]
    off = event(EventKind.STORM_ENDED, 100, reason="all")
    assert complaints(BrakeReleases(), stage, [on, off, late]) == []


def test_a_brake_may_stay_on_while_something_is_bad(stage: Stage) -> None:
    on, late = event(EventKind.STORM_STARTED, 0, reason="all"), event(EventKind.STATUS_CHANGED, 8000)
    assert complaints(BrakeReleases(), stage, [on, late]) == []


@pytest.mark.parametrize("reason", [None, "", "because"])
def test_a_refusal_without_a_reason_is_told(stage: Stage, reason: str | None) -> None:
    refused = event(EventKind.RECOVERY_REFUSED, 0, reason=reason)
    assert complaints(OneReason(), stage, [refused]) == [f"refused for {reason!r}, which is no reason"]


def test_a_rule_that_acts_and_is_refused_at_once_is_told(stage: Stage) -> None:
    begun = stage.begins("a", 0)
    [one] = stage.units["web"].rules
    one.refusal = Refusal(rule="web", check="web", reason=RefusalReason.PAUSED)
    assert complaints(OneReason(), stage, [begun]) == ["it acts, and is refused for 'paused'"]
    one.refusal, one.record = None, stage.records["a"]
    refused = event(EventKind.RECOVERY_REFUSED, 0, reason="paused")
    assert complaints(OneReason(), stage, [refused]) == ["refused for 'paused', and it acts"]


def test_a_refusal_with_a_reason_is_no_news(stage: Stage) -> None:
    refused = event(EventKind.RECOVERY_REFUSED, 0, reason="cooling_down")
    assert complaints(OneReason(), stage, [refused]) == []


def test_the_first_violation_is_told_once_with_what_led_there(stage: Stage) -> None:
    told: list[Violation] = []
    judges = Judges(stage, told.append)
    judges(event(EventKind.STATUS_CHANGED, 1))
    judges(event(EventKind.RECOVERY_REFUSED, 2, reason="because"))
    judges(event(EventKind.RECOVERY_REFUSED, 3, reason="because"))
    [violation] = told
    assert str(violation) == ("OneReason: web at 2026-01-01 00:00:02.000000: refused for 'because', which is no reason")
    assert [one.kind for one in violation.story] == [EventKind.STATUS_CHANGED, EventKind.RECOVERY_REFUSED]
    assert judges.violation is violation


def test_every_promise_is_judged() -> None:
    assert len(INVARIANTS) == 12

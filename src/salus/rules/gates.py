"""Stages that ask whether this rule may act on this check at all."""

from __future__ import annotations

from salus.model import Mode
from salus.rules.situation import Hold, Situation
from salus.rules.stage import Answer, after
from salus.units import format_duration


def disabled(situation: Situation) -> Answer:
    """Hold while the rule is switched off, in the config or by a person."""
    if not situation.rule.enabled:
        return Hold(detail="the rule says enabled: false")
    return Hold(detail=situation.switched_off) if situation.switched_off else None


def healing_off(situation: Situation) -> Answer:
    """Hold while automatic recovery is off as a whole."""
    return Hold(detail=situation.healing_off) if situation.healing_off else None


def paused(situation: Situation) -> Answer:
    """Hold while a person has paused all recovery."""
    return situation.pause


def check_paused(situation: Situation) -> Answer:
    """Hold while a person has set the check aside."""
    return situation.check_pause


def in_maintenance(situation: Situation) -> Answer:
    """Hold while somebody works on the target."""
    return situation.maintenance


def overloaded(situation: Situation) -> Answer:
    """Hold when the newest look timed out on a host whose time-outs prove nothing."""
    last = situation.state.last
    return Hold(detail=last.message) if last and last.cause == "overloaded" else None


def unknown(situation: Situation) -> Answer:
    """Hold when the check could not tell: a broken check is not a broken service."""
    if situation.could_tell:
        return None
    if situation.condition:
        return Hold(detail=situation.condition.detail)
    last = situation.state.last
    return Hold(detail=(last.message if last else "") or "the check could not tell")


def below_threshold(situation: Situation) -> Answer:
    """Hold until the verdict, and enough looks, are at least as bad as the rule asks, and the target had its time."""
    rule, needed = situation.rule, situation.rule.min_failure_count
    looks = situation.looks
    starting = 0.0 if situation.condition else situation.state.start_period_left(situation.spec, situation.now)
    if situation.triggered and looks >= needed and not starting:
        return None
    among = f" among the last {rule.failure_window}" if rule.failure_window else " in a row"
    if situation.condition:
        held = f"; it held {looks} of {needed} times{among}" if needed > 1 else ""
        return Hold(detail=f"{situation.condition.detail}{held}")
    if not situation.state.failing_since:
        return Hold(detail=f"the check is {situation.state.status}")
    starts = f"; it starts: none counts for {format_duration(starting)}" if starting else ""
    return Hold(detail=f"{looks} of {needed} bad looks{among}{starts}; the verdict is {situation.state.status}")


def stopped_by_person(situation: Situation) -> Answer:
    """Hold rather than start what a person has stopped."""
    if not situation.stopped:
        return None
    return Hold(detail=f"{', '.join(situation.stopped)} was stopped by a person")


def flapping(situation: Situation) -> Answer:
    """Hold while the check comes back by itself again and again: acting would change nothing for the better."""
    if not situation.state.flapping or situation.dead:
        return None
    return Hold(detail="the check flaps: it turns bad and comes back by itself")


def on_hold(situation: Situation) -> Answer:
    """Hold while the look still shows the copy that was already replaced.

    Kubernetes' prober holds until the container id changes. Here the hold also ends after ``recovery_timeout``, so
    that a replacement which never takes place uses up its attempts and reaches a person.
    """
    memory, last = situation.memory, situation.state.last
    if memory.acted_on is None or last is None or last.incarnation != memory.acted_on:
        return None
    finished = memory.last_finished or memory.last_started
    left = situation.rule.recovery_timeout
    if finished is not None:
        left -= (situation.now - finished).total_seconds()
    if left <= 0:
        return None
    return after(situation, left, "acted already; waiting for the new copy to be seen")


def rival_healer(situation: Situation) -> Answer:
    """Hold while somebody else restarts the same target: two healers make an outage of a fault."""
    return situation.rival


def already_healing(situation: Situation) -> Answer:
    """Hold while a recovery has one of the targets: single flight is per target, not per check."""
    taken = sorted(situation.targets & situation.busy.keys())
    return (
        Hold(detail="; ".join(f"{target} is taken by {situation.busy[target]}" for target in taken)) if taken else None
    )


def dependency_failing(situation: Situation) -> Answer:
    """Hold while something it depends on is bad, or may be, and a moment longer: heal the root, hold the leaves."""
    if situation.failing_dependencies:
        return Hold(detail=f"{', '.join(situation.failing_dependencies)} must be well first")
    if situation.eased_at is None:
        return None
    left = situation.rule.dependency_grace - (situation.now - situation.eased_at).total_seconds()
    if left <= 0:
        return None
    return after(situation, left, "what it depends on is well again; it may come back by itself")


def shared_cause(situation: Situation) -> Answer:
    """Hold while this check and others fail alike: what they share is the likelier culprit."""
    return None if situation.dead else situation.shared_cause


def observe_only(situation: Situation) -> Answer:
    """Hold in the mode ``observe``, and say what would be done."""
    if situation.mode is not Mode.OBSERVE:
        return None
    rule = situation.rule
    rungs = ", ".join(rung.kind for rung in rule.ladders[situation.ladder])
    attempt = situation.memory.attempts + 1
    return Hold(detail=f"would run {rungs} (attempt {attempt}, within {format_duration(rule.recovery_timeout)})")

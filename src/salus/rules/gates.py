"""Stages that ask whether this rule may act on this check at all."""

from __future__ import annotations

from datetime import timedelta

from salus.model import Refusal, RefusalReason, Status
from salus.rules.situation import Situation


def refuse(situation: Situation, reason: RefusalReason, detail: str = "", *, after: float | None = None) -> Refusal:
    """Make a refusal; ``after`` is how many seconds from now the reason may be gone."""
    until = None if after is None else situation.now + timedelta(seconds=max(0.0, after))
    return Refusal(rule=situation.rule.name, check=situation.spec.name, reason=reason, detail=detail, until=until)


def disabled(situation: Situation) -> Refusal | None:
    """Refuse when the rule is switched off."""
    if situation.rule.enabled:
        return None
    return refuse(situation, RefusalReason.DISABLED, "the rule says enabled: false")


def healing_off(situation: Situation) -> Refusal | None:
    """Refuse when automatic recovery is off as a whole."""
    if not situation.healing_off:
        return None
    return refuse(situation, RefusalReason.HEALING_OFF, situation.healing_off)


def unknown(situation: Situation) -> Refusal | None:
    """Refuse when the check could not tell: a broken check is not a broken service."""
    last = situation.state.last
    if last is not None and last.status is not Status.UNKNOWN and situation.state.status is not Status.UNKNOWN:
        return None
    return refuse(situation, RefusalReason.UNKNOWN, (last.message if last else "") or "the check could not tell")


def below_threshold(situation: Situation) -> Refusal | None:
    """Refuse until the verdict and enough looks in a row are at least as bad as ``trigger_on``."""
    needed = situation.rule.min_failure_count
    if situation.state.status.at_least(situation.rule.trigger_on) and situation.looks >= needed:
        return None
    return refuse(situation, RefusalReason.BELOW_THRESHOLD, f"{situation.looks} of {needed} bad looks")


def stopped_by_person(situation: Situation) -> Refusal | None:
    """Refuse to start what a person has stopped."""
    if not situation.stopped:
        return None
    names = ", ".join(situation.stopped)
    return refuse(situation, RefusalReason.STOPPED_BY_PERSON, f"{names} was stopped by a person")


def on_hold(situation: Situation) -> Refusal | None:
    """Refuse while the look still shows the copy that was already replaced.

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
    return refuse(situation, RefusalReason.ON_HOLD, "acted already; waiting for the new copy to be seen", after=left)


def already_healing(situation: Situation) -> Refusal | None:
    """Refuse when a recovery holds one of the targets: single flight is per target, not per check."""
    taken = situation.targets & situation.busy
    if not taken:
        return None
    return refuse(situation, RefusalReason.ALREADY_HEALING, f"{', '.join(sorted(taken))} is being worked on")


def dependency_failing(situation: Situation) -> Refusal | None:
    """Refuse when something this check depends on is bad: heal the root, hold the leaves."""
    if not situation.failing_dependencies:
        return None
    names = ", ".join(situation.failing_dependencies)
    return refuse(situation, RefusalReason.DEPENDENCY_FAILING, f"{names} must be well first")

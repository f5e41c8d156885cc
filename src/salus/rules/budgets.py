"""Stages that ask whether there is anything left to spend, for this rule and for all together."""

from __future__ import annotations

from datetime import timedelta

from salus.rules.memory import cooldown, half_open_due
from salus.rules.situation import Hold, Situation
from salus.rules.stage import Answer, after

_HOUR = 3600.0


def cooling_down(situation: Situation) -> Answer:
    """Hold until the cooldown has passed since the last attempt ended."""
    memory = situation.memory
    ended = memory.last_finished or memory.last_started
    if ended is None or not memory.attempts:
        return None
    left = cooldown(situation.rule, memory) - (situation.now - ended).total_seconds()
    return after(situation, left, "the last attempt was a moment ago") if left > 0 else None


def exhausted(situation: Situation) -> Answer:
    """Hold when the attempts of this incident are spent, except for one half-open attempt at a time."""
    rule, memory = situation.rule, situation.memory
    if memory.attempts < rule.max_recovery_attempts:
        return None
    due = half_open_due(rule, memory) or situation.now + timedelta(seconds=rule.exhausted_retry)
    if situation.now >= due:
        return None
    most = rule.max_recovery_attempts
    return Hold(detail=f"all {most} attempts are spent" if most != 1 else "its one attempt is spent", until=due)


def circuit_open(situation: Situation) -> Answer:
    """Hold while every action that could help keeps failing by itself."""
    return situation.circuit


def storm_brake(situation: Situation) -> Answer:
    """Hold while too large a share of all targets, or of one tag's, turned bad together.

    Then the checks, the host or the network are the likelier culprits, and acting makes it worse. A service that is
    known to have ended is no such guess: it is held by the other budgets only.
    """
    return None if situation.dead else situation.brake


def group_unavailable(situation: Situation) -> Answer:
    """Hold while as many of a group as may are out of service because of Salus.

    Out of service is what a recovery holds now, and what the last one did not bring back. Restarting what has ended
    takes nothing out of service.
    """
    if situation.dead:
        return None
    for group in situation.groups:
        if len(group.out) >= group.allowed:
            return Hold(detail=f"{', '.join(group.out)} of group {group.name} must be back first")
    return None


def hourly_budget_spent(situation: Situation) -> Answer:
    """Hold when as many recoveries have started within an hour as may."""
    most = situation.limits.recoveries_per_hour
    hour_ago = situation.now - timedelta(seconds=_HOUR)
    recent = [start for start in situation.recent_starts if start > hour_ago]
    if len(recent) < most:
        return None
    until = recent[-most] + timedelta(seconds=_HOUR) if most else None
    return Hold(detail=f"{len(recent)} recoveries in the last hour, allowed are {most}", until=until)


def too_many_at_once(situation: Situation) -> Answer:
    """Hold while as many recoveries run as may run at the same time."""
    most = situation.limits.recoveries_at_once
    if situation.running < most:
        return None
    return Hold(detail=f"{situation.running} of {most} recoveries run")

"""Stages that ask whether there is anything left to spend, for this rule and for all together."""

from __future__ import annotations

from datetime import timedelta

from salus.model import Refusal, RefusalReason
from salus.rules.gates import refuse
from salus.rules.memory import half_open_due
from salus.rules.situation import Situation

_HOUR = 3600.0


def cooling_down(situation: Situation) -> Refusal | None:
    """Refuse until ``cooldown_period`` has passed since the last attempt ended."""
    ended = situation.memory.last_finished or situation.memory.last_started
    if ended is None or not situation.memory.attempts:
        return None
    left = situation.rule.cooldown_period - (situation.now - ended).total_seconds()
    if left <= 0:
        return None
    return refuse(situation, RefusalReason.COOLING_DOWN, "the last attempt was a moment ago", after=left)


def exhausted(situation: Situation) -> Refusal | None:
    """Refuse when the attempts of this incident are spent, except for one half-open attempt at a time."""
    rule, memory = situation.rule, situation.memory
    if memory.attempts < rule.max_recovery_attempts:
        return None
    due = half_open_due(rule, memory) or situation.now + timedelta(seconds=rule.exhausted_retry)
    if situation.now >= due:
        return None
    detail = f"all {rule.max_recovery_attempts} attempts are spent"
    return refuse(situation, RefusalReason.EXHAUSTED, detail, after=(due - situation.now).total_seconds())


def too_many_at_once(situation: Situation) -> Refusal | None:
    """Refuse while as many recoveries run as may run at the same time."""
    most = situation.limits.recoveries_at_once
    if situation.running < most:
        return None
    return refuse(situation, RefusalReason.TOO_MANY_AT_ONCE, f"{situation.running} of {most} recoveries run")


def hourly_budget_spent(situation: Situation) -> Refusal | None:
    """Refuse when as many recoveries have started within an hour as may."""
    most = situation.limits.recoveries_per_hour
    hour_ago = situation.now - timedelta(seconds=_HOUR)
    recent = [start for start in situation.recent_starts if start > hour_ago]
    if len(recent) < most:
        return None
    freed = _HOUR - (situation.now - recent[-most]).total_seconds() if most else None
    detail = f"{len(recent)} recoveries in the last hour, allowed are {most}"
    return refuse(situation, RefusalReason.HOURLY_BUDGET_SPENT, detail, after=freed)


def storm_brake(situation: Situation) -> Refusal | None:
    """Refuse when too large a share of all checks turned bad together.

    Then the checks, the host or the network are the likelier culprits, and acting makes it worse.
    """
    limits = situation.limits
    bad, all_checks = situation.newly_bad, situation.checks
    if bad < limits.storm_min_checks or not all_checks or bad / all_checks < limits.storm_brake:
        return None
    left = limits.storm_window
    if situation.oldest_newly_bad is not None:
        left -= (situation.now - situation.oldest_newly_bad).total_seconds()
    detail = f"{bad} of {all_checks} checks turned bad within {limits.storm_window:g} s"
    return refuse(situation, RefusalReason.STORM_BRAKE, detail, after=left)

"""What a rule spends and how it gets it back: the life of one incident, as pure steps over ``RuleState``.

reserve ──> finish ──> (healthy for reset_after) ──> forgotten
   │           └─> give_up ──> half-open reserve ...
   ├─> refund     (the trouble was gone before anything was done)
   └─> interrupt  (Salus died in it: counted, cooling down)
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from salus.model import CheckState, Outcome, RecoveryRule, RuleState, Status


def reserve(memory: RuleState, now: datetime, *, half_open: bool = False) -> RuleState:
    """Spend one attempt before it is made."""
    return replace(
        memory,
        attempts=memory.attempts + (0 if half_open else 1),
        half_open_tries=memory.half_open_tries + (1 if half_open else 0),
        last_started=now,
        last_finished=None,
        last_outcome=None,
        healthy_since=None,
    )


def refund(memory: RuleState, before: RuleState) -> RuleState:
    """Give an attempt back: nothing was done."""
    return replace(before, healthy_since=memory.healthy_since)


def finish(memory: RuleState, outcome: Outcome, now: datetime, *, acted_on: str | None = None) -> RuleState:
    """Book how an attempt ended.

    Args:
        memory: with the attempt reserved.
        outcome: how it ended.
        now: when.
        acted_on: the incarnation that was replaced, if one was.
    """
    healthy_since = now if outcome is Outcome.RECOVERED else None
    return replace(
        memory,
        last_finished=now,
        last_outcome=outcome,
        acted_on=acted_on or memory.acted_on,
        healthy_since=healthy_since,
    )


def interrupt(memory: RuleState, now: datetime) -> RuleState:
    """Book an attempt in which Salus died: it counts, and the cooldown runs from now."""
    return replace(memory, last_finished=now, last_outcome=Outcome.INTERRUPTED, healthy_since=None)


def give_up(memory: RuleState, now: datetime) -> RuleState:
    """Mark the incident exhausted, once."""
    return memory if memory.exhausted_since else replace(memory, exhausted_since=now)


def half_open_due(rule: RecoveryRule, memory: RuleState) -> datetime | None:
    """Return when the next half-open attempt may be made; None while the rule has not given up.

    The wait is ``exhausted_retry``, doubled with each half-open attempt, at most ``exhausted_retry_max``.
    """
    if memory.exhausted_since is None:
        return None
    since = memory.exhausted_since
    if memory.half_open_tries:
        since = memory.last_finished or memory.last_started or since
    # 2**63 seconds is far beyond any maximum; the bound only keeps the float finite.
    wait = min(rule.exhausted_retry * 2.0 ** min(memory.half_open_tries, 63), rule.exhausted_retry_max)
    return since + timedelta(seconds=wait)


def spent(memory: RuleState) -> bool:
    """Tell whether there is anything to forget."""
    return bool(memory.attempts or memory.half_open_tries or memory.exhausted_since or memory.acted_on)


def observe(memory: RuleState, rule: RecoveryRule, state: CheckState, now: datetime) -> RuleState:
    """Follow the check's health between attempts; forget the incident after ``reset_after`` of it."""
    if not spent(memory):
        return memory
    if state.status is not Status.HEALTHY or (state.last and state.last.status.bad):
        return replace(memory, healthy_since=None) if memory.healthy_since else memory
    if memory.healthy_since is None:
        return replace(memory, healthy_since=now)
    if now - memory.healthy_since >= timedelta(seconds=rule.reset_after):
        return RuleState(rule=memory.rule)
    return memory

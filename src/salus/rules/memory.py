"""What a rule spends and how it gets it back: the life of one incident, as pure steps over ``RuleState``.

reserve ──> finish ──> (healthy for reset_after) ──> forgotten
   │           └─> give_up ──> half-open reserve ...
   ├─> refund     (the trouble was gone before anything was done)
   └─> interrupt  (Salus died in it: counted, cooling down)

Beside the incident runs the longer memory of recurrence: recoveries that succeed and are needed again.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import datetime, timedelta

from salus.model import CheckState, Outcome, RecoveryRule, RuleState, Status

_MOST_RECOVERIES = 64


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
        approval=None,
    )


def refund(memory: RuleState, before: RuleState, decided_at: datetime) -> RuleState:
    """Give the attempt back that was decided then: nothing was done. The wall clock may have been set since."""
    by = (memory.last_started or decided_at) - decided_at
    return replace(before.shifted(by) if by else before, healthy_since=memory.healthy_since)


def finish(
    memory: RuleState, rule: RecoveryRule, outcome: Outcome, now: datetime, *, acted_on: str | None = None
) -> RuleState:
    """Book how an attempt ended.

    Args:
        memory: with the attempt reserved.
        rule: whose attempt it was.
        outcome: how it ended.
        now: when.
        acted_on: the incarnation that was replaced, if one was.
    """
    recovered = outcome is Outcome.RECOVERED
    ended = replace(
        memory,
        last_finished=now,
        last_outcome=outcome,
        acted_on=acted_on or memory.acted_on,
        healthy_since=now if recovered else None,
    )
    return _recurring(ended, rule, now) if recovered and rule.recurrence_threshold else ended


def _recurring(memory: RuleState, rule: RecoveryRule, now: datetime) -> RuleState:
    """Count one more success; every ``recurrence_threshold`` of them within the window is no cure, and escalates."""
    recent = (*_within(memory, rule, now), now)[-_MOST_RECOVERIES:]
    if len(recent) < rule.recurrence_threshold * (memory.escalations + 1):
        return replace(memory, recoveries=recent)
    return replace(
        memory,
        recoveries=recent,
        recurring_since=memory.recurring_since or now,
        escalations=memory.escalations + 1,
    )


def _within(memory: RuleState, rule: RecoveryRule, now: datetime) -> tuple[datetime, ...]:
    begin = now - timedelta(seconds=rule.recurrence_window)
    return tuple(at for at in memory.recoveries if at > begin)


def cooldown(rule: RecoveryRule, memory: RuleState) -> float:
    """Return how long to wait after the last attempt, in seconds.

    ``cooldown_period * cooldown_multiplier ** (attempts - 1)``, at most ``cooldown_max``; then longer by up to
    ``cooldown_jitter`` of it. The jitter comes from the rule's name and the attempt, so that the same history always
    waits equally long, and rules that fail together do not act in step (gRPC, "Connection Backoff Protocol").
    """
    # 2**63 seconds is far beyond any maximum; the bound only keeps the float finite.
    growth = rule.cooldown_multiplier ** min(max(memory.attempts - 1, 0), 63)
    longest = max(rule.cooldown_max, rule.cooldown_period)
    wait = min(rule.cooldown_period * growth, longest)
    ended = memory.last_finished or memory.last_started
    seed = f"{rule.name}:{memory.attempts}:{ended.timestamp() if ended else 0:.6f}"
    return wait * (1.0 + rule.cooldown_jitter * zlib.crc32(seed.encode()) / 2**32)


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
    """Tell whether there is an incident to forget."""
    return bool(memory.attempts or memory.half_open_tries or memory.exhausted_since or memory.acted_on)


def forgotten(memory: RuleState) -> RuleState:
    """Return what outlives an incident: the memory of recurrence."""
    return RuleState(
        rule=memory.rule,
        recoveries=memory.recoveries,
        recurring_since=memory.recurring_since,
        escalations=memory.escalations,
    )


def steadied(memory: RuleState, rule: RecoveryRule, now: datetime) -> RuleState:
    """Forget the recurrence once no recovery was needed for a whole window."""
    if not memory.recoveries or _within(memory, rule, now):
        return memory
    return replace(memory, recoveries=(), recurring_since=None, escalations=0)


def observe(memory: RuleState, rule: RecoveryRule, state: CheckState, now: datetime) -> RuleState:
    """Follow the check's health between attempts; forget the incident after ``reset_after`` of it."""
    memory = steadied(memory, rule, now)
    if state.status is Status.HEALTHY and memory.approval is not None:
        memory = replace(memory, approval=None)
    if not spent(memory):
        return memory
    if state.status is not Status.HEALTHY or (state.last and state.last.status.bad):
        return replace(memory, healthy_since=None) if memory.healthy_since else memory
    if memory.healthy_since is None:
        return replace(memory, healthy_since=now)
    if now - memory.healthy_since >= timedelta(seconds=rule.reset_after):
        return forgotten(memory)
    return memory


def back_each_time(memory: RuleState, within: str = "") -> str:
    """Say how often a rule healed lately what did not stay well, such as ``healed 3 times within 1h, and ...``."""
    count = len(memory.recoveries)
    if count == 1:
        return f"healed once{within}, and it came back"
    return f"healed {count} times{within}, and it came back each time"

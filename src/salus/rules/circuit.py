"""The circuit breaker around one action: closed ──> open ──> half-open ──> closed (M. Nygard, "Release It!").

An action that keeps failing by itself (a dead orchestrator, a script that is gone) costs every recovery its time-out.
After ``circuit_threshold`` failures in a row it is skipped; then one run at a time is let through to see whether it
works again, after ``circuit_retry``, doubled while it fails. A success closes it: nothing is remembered.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from salus.model import Circuit, Limits


def blocked(circuit: Circuit | None, now: datetime) -> datetime | None:
    """Return until when the action must be skipped, or None when it may run."""
    if circuit is None or circuit.retry_at is None or now >= circuit.retry_at:
        return None
    return circuit.retry_at


def failed(circuit: Circuit | None, action: str, limits: Limits, now: datetime) -> Circuit:
    """Return the circuit after one more failure."""
    known = circuit or Circuit(action=action)
    failures = known.failures + 1
    if known.opened_at is not None:  # the half-open run failed too
        trials = known.trials + 1
        return replace(known, failures=failures, trials=trials, retry_at=_retry(limits, trials, now))
    if not limits.circuit_threshold or failures < limits.circuit_threshold:
        return replace(known, failures=failures)
    return replace(known, failures=failures, opened_at=now, retry_at=_retry(limits, 0, now))


def _retry(limits: Limits, trials: int, now: datetime) -> datetime:
    wait = min(limits.circuit_retry * 2.0 ** min(trials, 63), max(limits.circuit_retry, limits.circuit_retry_max))
    return now + timedelta(seconds=wait)

"""Nouns as JSON: what the control socket says and what ``--json`` prints.

Seconds are numbers, instants RFC 3339 in UTC. The raw options of checks, actions and services never leave the process:
a secret may stand in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import msgspec

from salus.bounds import bounded
from salus.errors import (
    ConfigError,
    ConflictError,
    DeliveryError,
    MatcherError,
    NotFoundError,
    Problem,
    SalusError,
    ServiceError,
    StoreError,
)
from salus.model import (
    AgentInfo,
    Approval,
    Brake,
    CheckReport,
    Circuit,
    Event,
    Json,
    Maintenance,
    Metric,
    ModeOverride,
    Observation,
    Overall,
    Pause,
    PolicyReport,
    RecoveryRecord,
    RecoveryRule,
    Refusal,
    RuleReport,
    RuleState,
    Selector,
    ServiceStatus,
    StepRecord,
    UnderWay,
)
from salus.ports import View
from salus.rules.memory import cooldown, half_open_due
from salus.state import letters

_LARGEST_ODD = 1 << 20


def encode(value: object) -> bytes:
    """Write JSON: compact, in the order given. What JSON cannot say is written as its nearest text."""
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError):
        # A check wrote something odd into its metadata: an answer must not be lost over it.
        return msgspec.json.encode(bounded(value, _LARGEST_ODD))


def pretty(value: object) -> str:
    """Write JSON for a person: indented, in the order given."""
    return msgspec.json.format(encode(value), indent=2).decode()


def instant(at: datetime | None) -> str | None:
    """Write an instant as RFC 3339 in UTC, to the microsecond where it has them: ``2026-01-02T03:04:05.678901Z``."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


# ── What is there ─────────────────────────────────────────────────────────────────────────────────────────────────────


def status(view: View, now: datetime) -> dict[str, Json]:
    """Write everything a person wants to know at one glance."""
    held = view.policy()
    return {
        "agent": agent(view.agent(), now),
        "overall": overall(view.overall()),
        "policy": policy(held),
        "checks": [check(report) for report in view.checks()],
        "services": [service(one) for one in view.services()],
        "rules": [rule(report, off=report.rule.name in held.disabled) for report in view.rules()],
        "recoveries": [recovery(record) for record in view.recoveries()],
    }


def agent(info: AgentInfo, now: datetime) -> dict[str, Json]:
    """Write who is speaking."""
    return {
        "version": info.version,
        "hostname": info.hostname,
        "name": info.name,
        "pid": info.pid,
        "started_at": instant(info.started_at),
        "uptime": max(0.0, (now - info.started_at).total_seconds()),
        "environment": info.environment,
        "healing_off": info.healing_off,
        "problems": list(info.problems),
    }


def overall(whole: Overall) -> dict[str, Json]:
    """Write all checks in one word."""
    return {
        "status": whole.status,
        "message": whole.message,
        "ready": whole.ready,
        "live": whole.live,
        "started": whole.started,
        "culprits": list(whole.culprits),
        "paused": whole.paused,
    }


def metrics(numbers: Mapping[str, Metric]) -> dict[str, Json]:
    """Write numbers with their units."""
    return {name: {"value": metric.value, "unit": metric.unit} for name, metric in numbers.items()}


def observation(look: Observation) -> dict[str, Json]:
    """Write one look."""
    return {
        "status": look.status,
        "message": look.message,
        "at": instant(look.at),
        "duration": look.duration,
        "metrics": metrics(look.metrics),
        "metadata": dict(look.metadata),
    }


def check(report: CheckReport) -> dict[str, Json]:
    """Write a check: what it is, what is believed, and the last look."""
    spec, state = report.spec, report.state
    return {
        "name": spec.name,
        "kind": spec.kind,
        "status": state.status,
        "since": instant(state.since),
        "message": state.last.message if state.last else "",
        "last_checked": instant(state.last.at) if state.last else None,
        "duration": state.last.duration if state.last else None,
        "critical": spec.critical,
        "liveness": spec.liveness,
        "healing": report.healing,
        "paused": pause(report.paused) if report.paused else None,
        "flapping": state.flapping,
        "failing_since": instant(state.failing_since),
        "consecutive_failures": state.consecutive_failures,
        "consecutive_successes": state.consecutive_successes,
        "recent": letters(report.looks),
        "interval": spec.interval,
        "timeout": spec.timeout,
        "service": spec.service,
        "depends_on": list(spec.depends_on),
        "tags": list(spec.tags),
        "description": spec.description,
        "metrics": metrics(state.last.metrics) if state.last else {},
        "metadata": dict(state.last.metadata) if state.last else {},
    }


def service(one: ServiceStatus) -> dict[str, Json]:
    """Write a service."""
    return {
        "name": one.name,
        "kind": one.kind,
        "state": one.state,
        "wanted": one.wanted,
        "since": instant(one.since),
        "pid": one.pid,
        "starts": one.starts,
        "message": one.message,
    }


def rule(report: RuleReport, *, off: bool = False) -> dict[str, Json]:
    """Write a rule: its bounds, what is spent of them, and why it last did not act; ``off``: a person's doing."""
    rule_, state = report.rule, report.state
    return {
        "name": rule_.name,
        "check": rule_.check,
        "enabled": rule_.enabled and not off,
        "mode": report.mode,
        "mode_configured": rule_.mode,
        "mode_override": override(report.override) if report.override else None,
        **_trigger(rule_),
        "ladders": [[action.kind for action in ladder] for ladder in rule_.ladders],
        "next_ladder": min(state.attempts + state.escalations, len(rule_.ladders) - 1) + 1,
        "on_exhausted": [action.kind for action in rule_.on_exhausted],
        "attempts": state.attempts,
        "max_recovery_attempts": rule_.max_recovery_attempts,
        "cooldown_period": rule_.cooldown_period,
        "cooldown_multiplier": rule_.cooldown_multiplier,
        "cooldown_max": rule_.cooldown_max,
        "cooldown_until": instant(_cools_until(rule_, state)),
        "exhausted_since": instant(state.exhausted_since),
        "half_open_tries": state.half_open_tries,
        "half_open_at": instant(half_open_due(rule_, state)),
        "last_started": instant(state.last_started),
        "last_finished": instant(state.last_finished),
        "last_outcome": state.last_outcome,
        "recurrence": _recurrence(rule_, state),
        "approval": approval(state.approval) if state.approval else None,
        "last_refusal": refusal(report.refusal) if report.refusal else None,
    }


def override(one: ModeOverride) -> dict[str, Json]:
    """Write the mode that a person has set for a rule."""
    return {"mode": one.mode, "since": instant(one.since), "by": one.by}


def _trigger(rule_: RecoveryRule) -> dict[str, Json]:
    return {
        "trigger_on": None if rule_.when else rule_.trigger_on,
        "when": rule_.when,
        "min_failure_count": rule_.min_failure_count,
        "failure_window": rule_.failure_window,
    }


def _cools_until(rule_: RecoveryRule, state: RuleState) -> datetime | None:
    if state.last_finished is None:
        return None
    return state.last_finished + timedelta(seconds=cooldown(rule_, state))


def _recurrence(rule_: RecoveryRule, state: RuleState) -> dict[str, Json]:
    return {
        "threshold": rule_.recurrence_threshold,
        "window": rule_.recurrence_window,
        "recoveries": len(state.recoveries),
        "since": instant(state.recurring_since),
        "escalations": state.escalations,
    }


def refusal(held: Refusal) -> dict[str, Json]:
    """Write why a rule does not act."""
    return {"reason": held.reason, "detail": held.detail, "until": instant(held.until)}


# ── What holds healing ────────────────────────────────────────────────────────────────────────────────────────────────


def policy(report: PolicyReport) -> dict[str, Json]:
    """Write what holds healing now, beyond single rules."""
    return {
        "mode": report.mode,
        "pause": pause(report.pause) if report.pause else None,
        "checks_paused": [{"check": one.check, **pause(one)} for one in report.checks_paused],
        "maintenance": [maintenance(one) for one in report.maintenance],
        "brakes": [brake(one) for one in report.brakes],
        "circuits": [circuit(one) for one in report.circuits],
        "causes": list(report.causes),
        "overload": report.overload,
        "rivals": list(report.rivals),
        "disabled": list(report.disabled),
        "refusals": {check: dict(counts) for check, counts in report.refusals.items()},
    }


def pause(one: Pause) -> dict[str, Json]:
    """Write a pause, of all recovery or of one check."""
    return {"since": instant(one.since), "until": instant(one.until), "reason": one.reason, "by": one.by}


def maintenance(window: Maintenance) -> dict[str, Json]:
    """Write a maintenance window."""
    return {
        "name": window.id,
        "since": instant(window.since),
        "until": instant(window.until),
        "members": selector(window.members),
        "reason": window.reason,
        "by": window.by,
    }


def selector(meant: Selector) -> dict[str, Json]:
    """Write which checks are meant."""
    return {
        "checks": list(meant.checks),
        "tags": list(meant.tags),
        "services": list(meant.services),
        "everything": meant.everything,
    }


def brake(one: Brake) -> dict[str, Json]:
    """Write a storm brake that is on."""
    return {
        "scope": one.scope,
        "since": instant(one.since),
        "probe_at": instant(one.probe_at),
        "probes": one.probes,
        "probing": one.probing,
        "names": list(one.names),
    }


def circuit(one: Circuit) -> dict[str, Json]:
    """Write the circuit breaker around an action."""
    return {
        "action": one.action,
        "failures": one.failures,
        "opened_at": instant(one.opened_at),
        "retry_at": instant(one.retry_at),
        "trials": one.trials,
    }


def approval(asked: Approval) -> dict[str, Json]:
    """Write what a rule asks of a person, and what they said."""
    return {
        "id": asked.id,
        "answer": asked.answer,
        "asked_at": instant(asked.asked_at),
        "expires_at": instant(asked.expires_at),
        "answered_at": instant(asked.answered_at),
        "by": asked.by,
        "note": asked.note,
    }


# ── What happened ─────────────────────────────────────────────────────────────────────────────────────────────────────


def step(record: StepRecord) -> dict[str, Json]:
    """Write one rung that was tried."""
    return {
        "position": record.position,
        "action": record.action,
        "result": record.result,
        "message": record.message,
        "started_at": instant(record.started_at),
        "duration": record.duration,
        "verified": record.verified,
        "evidence": dict(record.evidence),
    }


def recovery(record: RecoveryRecord) -> dict[str, Json]:
    """Write one recovery with its steps."""
    return {
        "id": record.id,
        "rule": record.rule,
        "check": record.check,
        "targets": list(record.targets),
        "attempt": record.attempt,
        "trigger": record.trigger,
        "failing_since": instant(record.failing_since),
        "decided_at": instant(record.decided_at),
        "started_at": instant(record.started_at),
        "finished_at": instant(record.finished_at),
        "outcome": record.outcome,
        "message": record.message,
        "initiation": record.initiation,
        "duration": record.duration,
        "ladder": record.ladder + 1,
        "half_open": record.half_open,
        "manual": record.manual,
        "approved_by": record.approved_by,
        "needless": record.needless,
        "steps": [step(one) for one in record.steps],
        "evidence": dict(record.evidence),
        "current": current(record.current) if record.current else None,
    }


def current(doing: UnderWay) -> dict[str, Json]:
    """Write what a recovery does at this moment."""
    return {
        "phase": doing.phase,
        "action": doing.action,
        "position": doing.position,
        "since": instant(doing.since),
        "until": instant(doing.until),
    }


def event(happened: Event) -> dict[str, Json]:
    """Write one event; what does not apply to it is left out."""
    written: dict[str, Json] = {
        "id": happened.id,
        "at": instant(happened.at),
        "kind": happened.kind,
        "message": happened.message,
    }
    for name in ("check", "rule", "service", "recovery", "action", "old", "new", "reason"):
        if (value := getattr(happened, name)) is not None:
            written[name] = value
    if happened.data:
        written["data"] = dict(happened.data)
    return written


# ── What went wrong ───────────────────────────────────────────────────────────────────────────────────────────────────


def problem(code: int, detail: str, remedy: str | None = None) -> dict[str, Json]:
    """Write a problem of RFC 9457, with its remedy."""
    told: dict[str, Json] = {
        "type": "about:blank",
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": detail,
    }
    if remedy:
        told["remedy"] = remedy
    return told


def failure(error: SalusError) -> dict[str, Json]:
    """Write an error of ours as a problem.

    404 not found, 409 conflict, 422 bad config or matchers, 502 a channel or a service that does not do as it should,
    503 the ledger, 500 the rest.
    """
    if isinstance(error, ConfigError):
        count = len(error.problems)
        told = problem(422, f"the config has {count} problem{'s' if count != 1 else ''}", "salus validate shows them")
        return {**told, "problems": [config_problem(one) for one in error.problems]}
    if isinstance(error, MatcherError):
        return {**problem(422, f"{error}, at column {error.column}", error.remedy), "column": error.column}
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), 500)
    return problem(code, str(error), error.remedy)


_CODES: Mapping[type[SalusError], int] = {
    NotFoundError: 404,
    ConflictError: 409,
    DeliveryError: 502,
    ServiceError: 502,
    StoreError: 503,
}


def config_problem(one: Problem) -> Json:
    """Write what is wrong with a config, or seldom meant."""
    return {
        "file": one.file,
        "line": one.line,
        "column": one.column,
        "path": one.path,
        "what": one.what,
        "remedy": one.remedy,
    }

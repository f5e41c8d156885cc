"""Values to text and back: JSON that never fails to be written, and instants as microseconds.

Writing is lenient, because a row must not be lost over one odd value that a check or an action came up with: what
JSON cannot say is written as its nearest text. Reading is strict, because a ledger half understood is not understood.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from numbers import Integral, Real
from typing import Any

import msgspec

from salus.model import (
    NO_METRICS,
    NOTHING,
    Answer,
    Approval,
    CheckState,
    Json,
    Metric,
    Observation,
    Outcome,
    RuleState,
    Status,
    StepRecord,
    StepResult,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DEPTH = 50  # deeper nesting than this is a loop, or no use to anybody


# ── Instants ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def to_micros(instant: datetime) -> int:
    """Return an aware instant as whole microseconds since 1970, exact for every year."""
    return (instant - _EPOCH) // _MICROSECOND


def to_micros_or_none(instant: datetime | None) -> int | None:
    """Return microseconds since 1970, or None for None."""
    return None if instant is None else (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the instant as aware UTC.

    Raises:
        OverflowError: there is no such year.
        TypeError: it is not a number.
    """
    return _EPOCH + timedelta(microseconds=micros)


def from_micros_or_none(micros: int | None) -> datetime | None:
    """Return the instant, or None for None."""
    return None if micros is None else from_micros(micros)


# ── Writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _hook(value: object) -> object:
    """Give the encoder something it knows in place of something it does not."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    return str(value)


_ENCODER = msgspec.json.Encoder(enc_hook=_hook)


def dump(value: object) -> str:
    """Return any value as JSON text."""
    try:
        return _ENCODER.encode(value).decode()
    except Exception:  # noqa: BLE001  # foreign values fail in foreign ways (``__str__`` too): the row matters more
        return _ENCODER.encode(plain(value)).decode()


def dump_or_none(value: Mapping[str, Any] | tuple[Any, ...]) -> str | None:
    """Return the value as JSON text, or None when it is empty."""
    return dump(value) if value else None


def text(value: object) -> str:
    """Return text that can be stored: lone surrogates (from file names and broken output) are written as escapes."""
    said = value if isinstance(value, str) else plain_text(value)
    return said if said.isascii() else said.encode("utf-8", "backslashreplace").decode()


def plain_text(value: object) -> str:
    """Return something as text that should have been text, such as an exception in the place of its message."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # somebody else's ``__str__`` broke
        return f"<{type(value).__name__}>"


def text_or_none(value: str | None) -> str | None:
    """Return text that can be stored, or None for None."""
    return None if value is None else text(value)


def plain(value: object, depth: int = 0) -> Json:
    """Rebuild a value from what JSON can say; everything else becomes text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value + 0
    if isinstance(value, str):
        return text(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if depth >= _DEPTH:
        return "..."
    try:
        return _plain_tree(value, depth + 1)
    except Exception:  # noqa: BLE001  # somebody else's ``__str__`` or ``items`` broke
        return f"<{type(value).__name__}>"


def _plain_tree(value: object, depth: int) -> Json:
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name), depth) for field in fields(value)}
    if isinstance(value, Mapping):
        return {text(str(key)): plain(item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth) for item in value]
    return text(str(value))


def dump_metrics(metrics: Mapping[str, Metric]) -> str | None:
    """Return metrics as JSON text (``{"free_bytes": [1.5, "bytes"]}``), or None when there are none."""
    return dump(_finite(metrics)) if metrics else None


def _finite(metrics: Mapping[str, Metric]) -> Mapping[str, Any]:
    """Return the metrics with infinities and NaN as text: JSON has no such numbers, and a check may well see one."""
    for metric in metrics.values():
        if not math.isfinite(metric[0]):
            return {name: [_number(value), unit] for name, (value, unit) in metrics.items()}
    return metrics


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else repr(float(value))


def dump_check_state(state: CheckState) -> str:
    """Return a check's state as JSON text."""
    last = state.last
    if last is not None and (metrics := _finite(last.metrics)) is not last.metrics:
        state = replace(state, last=replace(last, metrics=metrics))
    return dump(state)


# ── Reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Look(msgspec.Struct):
    """An observation as JSON keeps it."""

    status: Status
    at: datetime
    message: str = ""
    duration: float | None = 0.0
    metrics: dict[str, tuple[float | str, str]] = {}
    metadata: dict[str, Any] = {}
    incarnation: str | None = None
    cause: str = ""


class _CheckState(msgspec.Struct):
    """A check's state as JSON keeps it. Fields that came later have defaults, so that older rows stay readable."""

    status: Status
    since: datetime | None = None
    started: datetime | None = None
    settled: bool = False
    consecutive_failures: int = 0
    consecutive_unhealthy: int = 0
    consecutive_successes: int = 0
    consecutive_better: int = 0
    consecutive_unknown: int = 0
    failing_since: datetime | None = None
    counted: datetime | None = None
    recent: int = 0
    flapping: bool = False
    incarnation: str | None = None
    last: _Look | None = None


class _Approval(msgspec.Struct):
    """A question to a person as JSON keeps it. Where it stands has no default: a permission is never guessed."""

    id: str
    asked_at: datetime
    expires_at: datetime
    answer: Answer
    answered_at: datetime | None = None
    by: str = ""
    note: str = ""


class _RuleState(msgspec.Struct):
    """A rule's state as JSON keeps it. ``attempts`` has no default on purpose: it is the budget."""

    rule: str
    attempts: int
    last_started: datetime | None = None
    last_finished: datetime | None = None
    last_outcome: Outcome | None = None
    acted_on: str | None = None
    exhausted_since: datetime | None = None
    half_open_tries: int = 0
    healthy_since: datetime | None = None
    recoveries: tuple[datetime, ...] = ()
    recurring_since: datetime | None = None
    escalations: int = 0
    approval: _Approval | None = None


class _Step(msgspec.Struct):
    """One rung that was tried, as JSON keeps it."""

    position: int
    action: str
    result: StepResult
    started_at: datetime
    message: str = ""
    duration: float | None = 0.0
    verified: bool | None = None
    evidence: dict[str, Any] = {}


_CHECK_STATE = msgspec.json.Decoder(_CheckState)
_RULE_STATE = msgspec.json.Decoder(_RuleState)
_STEPS = msgspec.json.Decoder(list[_Step])
_METRICS = msgspec.json.Decoder(dict[str, tuple[float | str, str]])
_MAPPING = msgspec.json.Decoder(dict[str, Any])
_TEXTS = msgspec.json.Decoder(tuple[str, ...])


def load_mapping(raw: str | None) -> Mapping[str, Json]:
    """Return a JSON object; empty for None."""
    return _MAPPING.decode(raw) if raw else NOTHING


def load_memo(raw: str) -> Mapping[str, Json]:
    """Return what a memo says. There is always an object: a brake that cannot be read is not a brake that is off."""
    return _MAPPING.decode(raw)


def load_texts(raw: str | None) -> tuple[str, ...]:
    """Return a JSON list of texts; empty for None."""
    return _TEXTS.decode(raw) if raw else ()


def load_metrics(raw: str | None) -> Mapping[str, Metric]:
    """Return metrics; empty for None."""
    return _metrics(_METRICS.decode(raw)) if raw else NO_METRICS


def _metrics(raw: Mapping[str, tuple[float | str, str]]) -> Mapping[str, Metric]:
    return {name: Metric(float(value), unit) for name, (value, unit) in raw.items()}


def seconds(raw: float | None) -> float:
    """Return seconds; what could not be said as a number is not a number."""
    return math.nan if raw is None else raw


def load_check_state(raw: str) -> CheckState:
    """Return a check's state."""
    found = _CHECK_STATE.decode(raw)
    return CheckState(
        status=found.status,
        since=found.since,
        started=found.started,
        settled=found.settled,
        consecutive_failures=found.consecutive_failures,
        consecutive_unhealthy=found.consecutive_unhealthy,
        consecutive_successes=found.consecutive_successes,
        consecutive_better=found.consecutive_better,
        consecutive_unknown=found.consecutive_unknown,
        failing_since=found.failing_since,
        counted=found.counted,
        recent=found.recent,
        flapping=found.flapping,
        incarnation=found.incarnation,
        last=_observation(found.last) if found.last else None,
    )


def _observation(look: _Look) -> Observation:
    return Observation(
        status=look.status,
        at=look.at,
        message=look.message,
        duration=seconds(look.duration),
        metrics=_metrics(look.metrics),
        metadata=look.metadata,
        incarnation=look.incarnation,
        cause=look.cause,
    )


def load_rule_state(raw: str) -> RuleState:
    """Return a rule's state."""
    found = _RULE_STATE.decode(raw)
    return RuleState(
        rule=found.rule,
        attempts=found.attempts,
        last_started=found.last_started,
        last_finished=found.last_finished,
        last_outcome=found.last_outcome,
        acted_on=found.acted_on,
        exhausted_since=found.exhausted_since,
        half_open_tries=found.half_open_tries,
        healthy_since=found.healthy_since,
        recoveries=found.recoveries,
        recurring_since=found.recurring_since,
        escalations=found.escalations,
        approval=_approval(found.approval) if found.approval else None,
    )


def _approval(asked: _Approval) -> Approval:
    return Approval(
        id=asked.id,
        asked_at=asked.asked_at,
        expires_at=asked.expires_at,
        answer=asked.answer,
        answered_at=asked.answered_at,
        by=asked.by,
        note=asked.note,
    )


def load_steps(raw: str | None) -> tuple[StepRecord, ...]:
    """Return the rungs that were tried; empty for None."""
    if not raw:
        return ()
    return tuple(
        StepRecord(
            position=step.position,
            action=step.action,
            result=step.result,
            started_at=step.started_at,
            message=step.message,
            duration=seconds(step.duration),
            verified=step.verified,
            evidence=step.evidence,
        )
        for step in _STEPS.decode(raw)
    )

"""Nouns to rows and back: one tuple per table row, in the order of its columns."""

from __future__ import annotations

from typing import Any, TypeAlias

from salus.model import Event, EventKind, Observation, Outcome, RecoveryRecord, ServiceRecord, Status
from salus.store.codec import (
    dump_metrics,
    dump_or_none,
    from_micros,
    from_micros_or_none,
    load_mapping,
    load_metrics,
    load_steps,
    load_texts,
    seconds,
    text,
    text_or_none,
    to_micros,
    to_micros_or_none,
)

Row: TypeAlias = tuple[Any, ...]

EVENT = "id, at, kind, message, check_name, rule_name, service_name, recovery_id, action, old, new, reason, data"
OBSERVATION = "check_name, at, status, message, duration, metrics, metadata, incarnation, cause"
RECOVERY = (
    "id, rule_name, check_name, targets, attempt, trigger, failing_since, decided_at, started_at, finished_at, "
    "outcome, message, initiation, duration, half_open, manual, steps, evidence, ladder, approved_by, needless"
)
RECOVERY_IN_SHORT = RECOVERY.replace("evidence", "NULL")


# ── Events ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def event_row(event: Event) -> Row:
    """Return an event's row."""
    return (
        event.id,
        to_micros(event.at),
        event.kind.value,
        text(event.message),
        text_or_none(event.check),
        text_or_none(event.rule),
        text_or_none(event.service),
        text_or_none(event.recovery),
        text_or_none(event.action),
        text_or_none(event.old),
        text_or_none(event.new),
        text_or_none(event.reason),
        dump_or_none(event.data),
    )


def event(row: Row) -> Event:
    """Return the event of a row."""
    return Event(
        id=row[0],
        at=from_micros(row[1]),
        kind=EventKind(row[2]),
        message=row[3],
        check=row[4],
        rule=row[5],
        service=row[6],
        recovery=row[7],
        action=row[8],
        old=row[9],
        new=row[10],
        reason=row[11],
        data=load_mapping(row[12]),
    )


# ── Observations ──────────────────────────────────────────────────────────────────────────────────────────────────────


def observation_row(check: str, look: Observation) -> Row:
    """Return an observation's row."""
    return (
        text(check),
        to_micros(look.at),
        look.status.value,
        text(look.message),
        look.duration,
        dump_metrics(look.metrics),
        dump_or_none(look.metadata),
        text_or_none(look.incarnation),
        text_or_none(look.cause or None),
    )


def observation(row: Row) -> Observation:
    """Return the observation of a row."""
    return Observation(
        at=from_micros(row[1]),
        status=Status(row[2]),
        message=row[3],
        duration=seconds(row[4]),
        metrics=load_metrics(row[5]),
        metadata=load_mapping(row[6]),
        incarnation=row[7],
        cause=row[8] or "",
    )


# ── Services ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def service_row(record: ServiceRecord) -> Row:
    """Return a service's row."""
    return text(record.service), int(record.wanted), dump_or_none(record.launch)


def service(row: Row) -> ServiceRecord:
    """Return the service record of a row."""
    return ServiceRecord(service=row[0], wanted=bool(row[1]), launch=load_mapping(row[2]))


# ── Recoveries ────────────────────────────────────────────────────────────────────────────────────────────────────────


def recovery_row(record: RecoveryRecord) -> Row:
    """Return a recovery's row."""
    return (
        text(record.id),
        text(record.rule),
        text(record.check),
        dump_or_none(record.targets),
        record.attempt,
        text(record.trigger),
        to_micros_or_none(record.failing_since),
        to_micros(record.decided_at),
        to_micros(record.started_at),
        to_micros_or_none(record.finished_at),
        record.outcome.value if record.outcome else None,
        text(record.message),
        record.initiation,
        record.duration,
        int(record.half_open),
        int(record.manual),
        dump_or_none(record.steps),
        dump_or_none(record.evidence),
        record.ladder,
        text_or_none(record.approved_by or None),
        int(record.needless),
    )


def recovery(row: Row) -> RecoveryRecord:
    """Return the recovery of a row."""
    return RecoveryRecord(
        id=row[0],
        rule=row[1],
        check=row[2],
        targets=load_texts(row[3]),
        attempt=row[4],
        trigger=row[5],
        failing_since=from_micros_or_none(row[6]),
        decided_at=from_micros(row[7]),
        started_at=from_micros(row[8]),
        finished_at=from_micros_or_none(row[9]),
        outcome=Outcome(row[10]) if row[10] is not None else None,
        message=row[11],
        initiation=row[12],
        duration=row[13],
        half_open=bool(row[14]),
        manual=bool(row[15]),
        steps=load_steps(row[16]),
        evidence=load_mapping(row[17]),
        ladder=row[18],
        approved_by=row[19] or "",
        needless=bool(row[20]),
    )

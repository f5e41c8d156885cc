"""Incidents as JSON: what the API says and what ``--json`` prints."""

from __future__ import annotations

from collections.abc import Iterable

from salus.model import Event, Json, RecoveryRecord
from salus.model.history import Incident
from salus.surfaces import wire


def incident(one: Incident) -> dict[str, Json]:
    """Write an incident."""
    return {
        "id": one.id,
        "title": one.title,
        "started_at": wire.instant(one.started_at),
        "ended_at": wire.instant(one.ended_at),
        "open": one.ended_at is None,
        "status": one.status.value,
        "checks": [*one.checks],
        "failing": [*one.failing],
        "root": one.root,
        "services": [*one.services],
        "recoveries": [*one.recoveries],
        "outcome": one.outcome,
        "detected": one.detected,
    }


def story(one: Incident, events: Iterable[Event], recoveries: Iterable[RecoveryRecord]) -> dict[str, Json]:
    """Write an incident with what happened in it, and with what was done about it in full."""
    return {
        **incident(one),
        "timeline": [wire.event(event) for event in events],
        "attempts": [wire.recovery(record) for record in recoveries],
    }

"""The words of an alert: its summary, from the template of its rule or in our own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from salus.alerts.match import shortened
from salus.model import AlertRule, CheckSpec, Deed, Level, RecoveryRecord, Status
from salus.units import format_duration

_WORD = re.compile(r"\{(\w+)\}")


def summary(rule: AlertRule, known: Mapping[str, str], own: str) -> str:
    """Return one line: the template with its words filled in, or ``own``."""
    if not rule.message:
        return shortened(own)
    return shortened(_WORD.sub(lambda found: known.get(found[1], found[0]), rule.message))


def words(
    rule: AlertRule,
    spec: CheckSpec | None,
    status: Status | None,
    *,
    level: Level,
    message: str,
    since: datetime,
    value: str = "",
) -> dict[str, str]:
    """Return what each word of a template stands for."""
    return {
        "rule": rule.name,
        "check": spec.name if spec else "",
        "component": (spec.service or spec.name) if spec else "salus",
        "service": (spec.service or "") if spec else "",
        "status": status.value if status else "",
        "level": level.value,
        "message": message,
        "value": value,
        "since": f"{since:%Y-%m-%d %H:%M:%S} UTC",
    }


def deeds_of(record: RecoveryRecord) -> list[Deed]:
    """Return what a recovery did, step by step, and how it ended."""
    deeds = [
        Deed(
            at=step.started_at + timedelta(seconds=step.duration),
            recovery=record.id,
            action=step.action,
            result=step.result.value,
            duration=step.duration,
            message=shortened(step.message),
            verified=step.verified,
            attempt=record.attempt,
        )
        for step in record.steps
    ]
    ended = Deed(
        at=record.finished_at or record.started_at,
        recovery=record.id,
        result=record.outcome.value if record.outcome else "",
        duration=record.duration,
        message=shortened(record.message),
        attempt=record.attempt,
    )
    return [*deeds, ended]


def healed(check: str, deeds: Sequence[Deed]) -> str:
    """Say in one line how a check was healed."""
    acted = [deed.action for deed in deeds if deed.action and deed.verified]
    took = next((deed.duration for deed in deeds if not deed.action), None)
    by = f" by {acted[-1]}" if acted else ""
    return f"{check} was healed{by}{f' in {format_duration(took)}' if took is not None else ''}"

"""The labels of an alert, and its identity.

The fingerprint is made of the labels that say what the alert is about. What may change while it lasts (how much it
matters, tags, where Salus runs) is there to match by, and makes no other alert of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from salus.model import AlertRule, CheckSpec, Happening, Labels, Level, Status

SALUS = "salus"
LONGEST = 256
_NOT_IDENTITY = frozenset({"level", "tags", "environment", "host"})


def fingerprint(labels: Labels) -> str:
    """Return 16 hexadecimal digits over the labels that make the identity (SHA-256, cut)."""
    parts = (f"{name}\0{value}\0" for name, value in sorted(labels.items()) if name not in _NOT_IDENTITY)
    return hashlib.sha256("".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def of_check(rule: AlertRule, spec: CheckSpec, level: Level, common: Labels) -> dict[str, str]:
    """Return the labels of an alert about a check; ``common`` are those of every alert."""
    labels = {**common, **rule.labels, "alertname": rule.name, "check": spec.name, "level": level.value}
    labels["component"] = spec.service or spec.name
    if spec.service:
        labels["service"] = spec.service
    if spec.tags:
        labels["tags"] = ",".join(sorted(spec.tags))
    return _bounded(labels)


def of_happening(
    rule: AlertRule, happening: Happening, subject: str, *, spec: CheckSpec | None, level: Level, common: Labels
) -> dict[str, str]:
    """Return the labels of an alert about something that happened; ``spec`` is the check it is about, or None."""
    labels = {**common, **rule.labels, "alertname": rule.name, "level": level.value, "component": SALUS}
    if spec is not None:
        labels = of_check(rule, spec, level, common)
    labels["happening"] = happening.value
    if subject:
        labels["subject"] = subject
    return _bounded(labels)


def level_of(rule: AlertRule, spec: CheckSpec | None, status: Status | None) -> Level:
    """Return how much an alert matters: what its rule says, or critical where a critical check is unhealthy."""
    if rule.level is not None:
        return rule.level
    grave = spec is not None and spec.critical and status is Status.UNHEALTHY
    return Level.CRITICAL if grave else Level.WARNING


def common_of(labels: Sequence[Labels], by: Sequence[str]) -> dict[str, str]:
    """Return those of the labels ``by`` that all of them have in common."""
    if not labels:
        return {}
    first = labels[0]
    return {name: first[name] for name in by if name in first and all(one.get(name) == first[name] for one in labels)}


def bounded(value: str) -> str:
    """Return the value of a label as alerts have it."""
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"


def _bounded(labels: dict[str, str]) -> dict[str, str]:
    return {name: bounded(value) for name, value in labels.items()}

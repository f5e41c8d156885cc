"""Alerts as Prometheus' Alertmanager writes them: labels, annotations, and the payload (version 4) of its webhooks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from salus.channels import _words as words
from salus.channels._document import LIMIT, labels
from salus.model import Alert, AlertState, Json, Notification
from salus.ports import Letter

NEVER = "0001-01-01T00:00:00Z"
"""How Go writes the time of what has not happened."""

_NO_NAME = re.compile(r"[^A-Za-z0-9_]")
_Texts: TypeAlias = "dict[str, str]"


def payload(letter: Letter) -> dict[str, Json]:
    """Return what an Alertmanager would send to a webhook."""
    told = letter.notification
    described: list[dict[str, Json]] = []
    size = 0
    for alert in told.alerts:
        one = _alert(alert, told)
        size += len(str(one))
        if described and size > LIMIT // 2:
            break
        described.append(one)
    known = told.alerts[: len(described)]
    return {
        "version": "4",
        "groupKey": words.clean(told.key, 200),
        "truncatedAlerts": told.more + len(told.alerts) - len(described),
        "status": "firing" if told.state.open else "resolved",
        "receiver": words.clean(told.channel, 200),
        "groupLabels": {**label_set(told.group)},
        "commonLabels": {**_common([alert_labels(alert) for alert in known])},
        "commonAnnotations": {**_common([alert_annotations(alert, told.at) for alert in known])},
        "externalURL": words.clean(told.link, 2000),
        "alerts": [*described],
    }


def alert_labels(alert: Alert) -> _Texts:
    """Return the labels of an alert: with ``alertname``, and with ``severity``, which the receivers route by."""
    found = label_set(alert.labels)
    return {"alertname": words.clean(alert.rule, 200) or "salus", "severity": alert.level.value, **found}


def alert_annotations(alert: Alert, now: datetime) -> _Texts:
    """Return what people read: ``summary``, ``description``, ``runbook_url``."""
    found = {"summary": words.summary(alert), "description": "\n".join(words.story(alert, now))}
    return {**found, "runbook_url": words.clean(alert.runbook, 2000)} if alert.runbook else found


def label_set(given: Mapping[str, str]) -> _Texts:
    """Return labels whose names and values Prometheus takes; an empty value is no label there."""
    found = {}
    for name, value in labels(given).items():
        plain = _NO_NAME.sub("_", name)
        if value:
            found[f"_{plain}" if not plain or plain[0].isdigit() else plain] = str(value)
    return found


def _alert(alert: Alert, told: Notification) -> dict[str, Json]:
    resolved = alert.state is AlertState.RESOLVED
    return {
        "status": "resolved" if resolved else "firing",
        "labels": {**alert_labels(alert)},
        "annotations": {**alert_annotations(alert, told.at)},
        "startsAt": words.at(alert.fired_at or alert.first_seen),
        "endsAt": words.at(alert.resolved_at or told.at) if resolved else NEVER,
        "generatorURL": words.clean(words.page(told, alert), 2000),
        "fingerprint": words.clean(alert.fingerprint, 64),
    }


def _common(sets: list[_Texts]) -> _Texts:
    if not sets:
        return {}
    first, *others = sets
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}

"""A letter as the JSON document that programs get: version 1, described in docs/reference/notification-document.md.

What is added later leaves the version as it is; what changes its meaning or goes raises it. Texts are bounded and free
of what no encoder takes; alerts that would make it longer than 256 KiB are left out, and counted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from salus.channels import _words as words
from salus.model import Alert, Deed, Json
from salus.ports import Letter

VERSION = 1
LIMIT = 256 * 1024
"""The most bytes of a document, or a little more where one alert alone is longer."""

_ROOM = LIMIT - 64 * 1024  # for its alerts; the rest is for the text
_TEXT = 1000
_LABELS = 64
_DEEDS = 20
_GROUP = 16


def document(letter: Letter) -> dict[str, Json]:
    """Return all that is known about what is told."""
    told = letter.notification
    alerts: list[Json] = []
    size = 0
    for alert in told.alerts:
        described = _alert(alert, letter)
        size += len(json.dumps(described))
        if alerts and size > _ROOM:
            break
        alerts.append(described)
    return {
        "version": VERSION,
        "id": _text(told.id, 200),
        "key": _text(told.key, 200),
        "channel": _text(told.channel, 200),
        "occasion": told.occasion.value,
        "state": told.state.value,
        "level": words.worst(told).value,
        "at": words.at(told.at),
        "late": round(letter.late, 3),
        "title": words.title(letter),
        "text": "\n".join(words.lines(letter)),
        "group": labels(told.group, _GROUP),
        "digest": told.digest,
        "environment": _text(told.environment, 200),
        "host": _text(told.host, 200),
        "link": _text(words.overview(told), 2000),
        "more": told.more + len(told.alerts) - len(alerts),
        "alerts": alerts,
    }


def encoded(letter: Letter) -> bytes:
    """Return the document as one line of JSON in UTF-8."""
    return json.dumps(document(letter), ensure_ascii=False, separators=(",", ":")).encode()


def labels(given: Mapping[str, str], most: int = _LABELS) -> dict[str, Json]:
    """Return labels within bounds."""
    return {_text(name, 200): _text(value, 500) for name, value in sorted(given.items())[:most]}


def _alert(alert: Alert, letter: Letter) -> Json:
    told = letter.notification
    end = alert.resolved_at or told.at
    return {
        "id": _text(alert.id, 200),
        "fingerprint": _text(alert.fingerprint, 64),
        "new": alert.fingerprint in told.fresh,
        "rule": _text(alert.rule, 200),
        "level": alert.level.value,
        "state": alert.state.value,
        "check": _text(alert.check, 200) if alert.check else None,
        "labels": labels(alert.labels),
        "summary": words.summary(alert),
        "detail": _text(alert.detail),
        "runbook": _text(alert.runbook, 2000),
        "link": _text(words.page(told, alert), 2000),
        "first_seen": words.at(alert.first_seen),
        "last_seen": words.at(alert.last_seen),
        "fired_at": _at(alert.fired_at),
        "resolved_at": _at(alert.resolved_at),
        "duration": max(round((end - alert.first_seen).total_seconds(), 3), 0.0),
        "count": alert.count,
        "flapping": alert.flapping,
        "moment": alert.moment,
        "resolution": _text(alert.resolution),
        "acknowledged_at": _at(alert.acknowledged_at),
        "acknowledged_by": _text(alert.acknowledged_by, 200),
        "note": _text(alert.note),
        "deeds": [_deed(deed) for deed in alert.deeds[-_DEEDS:]],
    }


def _deed(deed: Deed) -> Json:
    return {
        "at": words.at(deed.at),
        "recovery": _text(deed.recovery, 200),
        "attempt": deed.attempt,
        "action": _text(deed.action, 200),
        "result": _text(deed.result, 200),
        "duration": deed.duration,
        "message": _text(deed.message),
        "verified": deed.verified,
    }


def _text(text: str, limit: int = _TEXT) -> str:
    return words.clean(text, limit)


def _at(moment: datetime | None) -> str | None:
    return words.at(moment) if moment else None

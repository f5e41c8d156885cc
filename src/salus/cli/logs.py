"""The log of ``salus run``: one line an event on standard error, as text (``key=value``) or as JSON."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from salus.model import Event, EventKind

_EVENTS = logging.getLogger("salus.event")
_SUBJECTS = ("check", "rule", "service", "recovery", "action", "old", "new", "reason")
_BRAKES = frozenset({"healing_off", "hourly_budget_spent", "storm_brake"})
_LEVELS = {
    EventKind.CONFIG_REJECTED: logging.ERROR,
    EventKind.CHECK_STUCK: logging.WARNING,
    EventKind.RULE_EXHAUSTED: logging.CRITICAL,
    EventKind.SERVICE_EXITED: logging.WARNING,
    EventKind.SERVICE_FAILED: logging.ERROR,
    EventKind.HEALING_OFF: logging.CRITICAL,
    EventKind.STORE_FAILED: logging.ERROR,
    EventKind.RECOVERY_CONFIRMED: logging.DEBUG,
    EventKind.ACTION_STARTED: logging.DEBUG,
    EventKind.VERIFIED: logging.DEBUG,
    # What fires and ends is written by the channel log, to those who hear it there.
    EventKind.ALERT_FIRING: logging.DEBUG,
    EventKind.ALERT_ACKNOWLEDGED: logging.DEBUG,
    EventKind.ALERT_RESOLVED: logging.DEBUG,
    EventKind.NOTIFICATION_SENT: logging.DEBUG,
    EventKind.NOTIFICATION_FAILED: logging.WARNING,
    EventKind.NOTIFICATION_DEAD: logging.ERROR,
    EventKind.CHANNEL_FAILED: logging.ERROR,
}


def set_up(form: str, level: str) -> None:
    """Write the log to standard error.

    Args:
        form: ``text`` or ``json``.
        level: ``debug``, ``info``, ``warning``, ``error`` or ``critical``.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines() if form == "json" else _TextLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Other people's libraries speak only when something is wrong.
    for name in ("asyncio", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.WARNING)


def log_event(event: Event) -> None:
    """Write one event to the log, under its kind, with what it is about."""
    level = _LEVELS.get(event.kind, logging.INFO)
    if event.kind is EventKind.STATUS_CHANGED and event.new in ("degraded", "unhealthy"):
        level = logging.WARNING
    if event.kind is EventKind.RECOVERY_REFUSED:
        level = logging.WARNING if event.reason in _BRAKES else level if event.held_back else logging.DEBUG
    if _EVENTS.isEnabledFor(level):
        facts = {name: value for name in _SUBJECTS if (value := getattr(event, name)) is not None}
        _EVENTS.log(level, "%s", event.message, extra={"event": event.kind.value, "facts": facts, "at": event.at})


def _moment(record: logging.LogRecord) -> str:
    at = getattr(record, "at", None) or datetime.fromtimestamp(record.created, UTC)
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _TextLines(logging.Formatter):
    """``2026-01-01T12:00:00.000Z WARNING status_changed check=web old=healthy new=unhealthy: 500, expected 200``."""

    def format(self, record: logging.LogRecord) -> str:
        head = f"{_moment(record)} {record.levelname:<8} {getattr(record, 'event', record.name)}"
        facts = "".join(f" {name}={_value(str(value))}" for name, value in getattr(record, "facts", {}).items())
        message = " ".join(record.getMessage().split("\n"))
        line = f"{head}{facts}: {message}" if message else f"{head}{facts}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _JsonLines(logging.Formatter):
    """One JSON object a line: ``at, level, event (or logger), message`` and what it is about."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {"at": _moment(record), "level": record.levelname.lower()}
        kind = getattr(record, "event", None)
        line["event" if kind else "logger"] = kind or record.name
        line["message"] = record.getMessage()
        line.update(getattr(record, "facts", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _value(text: str) -> str:
    return text if text and not any(sign in text for sign in ' "=\n\t') else json.dumps(text, ensure_ascii=False)

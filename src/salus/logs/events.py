"""What happens, as lines of a log: how serious each kind of event is."""

from __future__ import annotations

import logging

from salus.logs.lines import SUBJECTS, visible
from salus.logs.redacting import redact
from salus.model import Event, EventKind

_EVENTS = logging.getLogger("salus.event")
_EVENTS.addHandler(logging.NullHandler())  # an application that sets no logging up is not written to standard error
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


def level_of(event: Event) -> int:
    """Return how serious an event is, as a level of ``logging``."""
    level = _LEVELS.get(event.kind, logging.INFO)
    if event.kind is EventKind.STATUS_CHANGED and event.new in ("degraded", "unhealthy"):
        return logging.WARNING
    if event.kind is EventKind.RECOVERY_REFUSED:
        return logging.WARNING if event.reason in _BRAKES else level if event.held_back else logging.DEBUG
    return level


def log_event(event: Event) -> None:
    """Write one event to the log, under its kind, with what it is about."""
    _write(event, event.message)


def tell_event(event: Event) -> None:
    """Write one event to the log of an application, whose format knows no fields: the line says what it is about."""
    # Its formatter is not ours: secrets, and what would steer a terminal, are taken out here.
    _write(event, visible(redact(" ".join(in_words(event).splitlines()))))


def in_words(event: Event) -> str:
    """Return one line that stands alone: ``database is unhealthy, was healthy: connection refused``."""
    subject = event.check or event.rule or event.service
    if event.kind is EventKind.STATUS_CHANGED:
        before = f", was {event.old}" if event.old else ""
        return ": ".join(filter(None, (f"{subject} is {event.new}{before}", event.message)))
    if event.kind is EventKind.RECOVERY_STARTED:
        return f"{subject}: healing begins, {event.message}"
    if event.kind is EventKind.RECOVERY_REFUSED:
        return ": ".join(filter(None, (subject, "not healed", event.message)))
    return ": ".join(filter(None, (subject, event.message or event.kind.value.replace("_", " "))))


def _write(event: Event, message: str) -> None:
    level = level_of(event)
    if _EVENTS.isEnabledFor(level):
        facts = {name: value for name in SUBJECTS if (value := getattr(event, name)) is not None}
        extra = {"event": event.kind.value, "facts": facts, "at": event.at, "said": event.message}
        _EVENTS.log(level, "%s", message, extra=extra)

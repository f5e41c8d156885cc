"""What happens, as lines of a log: how serious each kind of event is."""

from __future__ import annotations

import logging

from salus.logs.lines import SUBJECTS
from salus.model import Event, EventKind

_EVENTS = logging.getLogger("salus.event")
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
    level = level_of(event)
    if _EVENTS.isEnabledFor(level):
        facts = {name: value for name in SUBJECTS if (value := getattr(event, name)) is not None}
        _EVENTS.log(level, "%s", event.message, extra={"event": event.kind.value, "facts": facts, "at": event.at})

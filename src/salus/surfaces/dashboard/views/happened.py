"""What happened, in a line each."""

from __future__ import annotations

from salus.model import Event, EventKind
from salus.surfaces.dashboard.page import Region

_BAD = frozenset(
    {
        EventKind.RULE_EXHAUSTED,
        EventKind.SERVICE_FAILED,
        EventKind.SERVICE_EXITED,
        EventKind.CHECK_STUCK,
        EventKind.STORM_STARTED,
        EventKind.CIRCUIT_OPENED,
        EventKind.ALERT_FIRING,
        EventKind.NOTIFICATION_DEAD,
    }
)
_PICTURES = {
    "recovery": "wrench",
    "action": "wrench",
    "verified": "search",
    "rule": "play",
    "service": "refresh",
    "alert": "bell",
    "notification": "bell",
    "silence": "silence",
    "check": "clock",
    "approval": "user",
    "paused": "pause",
    "resumed": "play",
}


def event_row(event: Event) -> Region:
    """Show an event in a line."""
    told = {
        "event": event,
        "tone": _tone(event),
        "picture": _picture(event),
        "words": _words(event),
        "message": _message(event),
    }
    return Region(id=f"event-{event.id}", template="event_row.html", facts=told, key=event, tag="li")


def _words(event: Event) -> str:
    if event.kind is EventKind.VERIFIED and event.reason == "failed":
        return "still failing"
    return event.kind.value.replace("_", " ")


def _message(event: Event) -> str:
    """Return what an event says beyond its kind."""
    message = event.message
    for words in ("verified by a fresh look: ", "still failing: "):
        message = message.removeprefix(words)
    refused = event.kind is EventKind.RECOVERY_REFUSED and event.reason
    return f"{str(event.reason).replace('_', ' ')}: {message}" if refused else message


def _picture(event: Event) -> str:
    if event.kind is EventKind.STATUS_CHANGED and event.new:
        return event.new
    return _PICTURES.get(event.kind.value.partition("_")[0], "clock")


def _tone(event: Event) -> str:
    if event.kind in _BAD or (
        event.kind in (EventKind.VERIFIED, EventKind.ACTION_FINISHED) and event.reason not in ("passed", "ok", None)
    ):
        return "bad"
    if event.kind is EventKind.RECOVERY_FINISHED:
        return "good" if event.reason == "recovered" else "bad"
    return "good" if event.kind is EventKind.VERIFIED else ""

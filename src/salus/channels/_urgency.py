"""How urgent a notification is."""

from __future__ import annotations

from salus.model import Level, Notification

_LEVELS = tuple(Level)


def urgency(told: Notification) -> Level | None:
    """Return the highest level of what is open, or has no duration and just happened; None where all has ended."""
    return max((a.level for a in told.alerts if a.state.open or a.moment), key=_LEVELS.index, default=None)


def gravity(told: Notification) -> Level:
    """Return the highest level of all that it is about, be it over or not."""
    return max((alert.level for alert in told.alerts), key=_LEVELS.index, default=Level.INFO)

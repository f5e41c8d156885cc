"""Alerts and deliveries for the tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from salus.model import Alert, AlertState, Delivery, Level, Notification, Occasion, Told

NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
STALE = NOW - 60 * SECOND


def alert(name: str, first_seen: datetime = NOW, **more: Any) -> Alert:
    """Return an alert that fires."""
    said = {"state": AlertState.FIRING, "rule": "web-down", "check": "web", "fired_at": first_seen, **more}
    return Alert(
        id=name,
        fingerprint=said.pop("fingerprint", f"f-{name}"),
        labels={"alertname": said["rule"]},
        level=Level.CRITICAL,
        first_seen=first_seen,
        last_seen=first_seen,
        **said,
    )


def ended(name: str, first_seen: datetime, at: datetime, **more: Any) -> Alert:
    """Return an alert that ended."""
    return alert(name, first_seen, state=AlertState.RESOLVED, resolved_at=at, **more)


def told(state: AlertState, channel: str = "ops") -> dict[str, Told]:
    """Say what a channel knows."""
    return {channel: Told(state=state, key="k", at=NOW)}


def delivery(number: int, channel: str = "ops", at: datetime = NOW, **more: Any) -> Delivery:
    """Return a delivery that waits."""
    notification = Notification(
        id=f"n{number}", channel=channel, key="k", occasion=Occasion.FIRING, state=AlertState.FIRING, at=at
    )
    said: dict[str, Any] = {"created_at": at, "due_at": at, "notification": notification, **more}
    return Delivery(id=f"n{number}", channel=channel, key="k", number=number, **said)

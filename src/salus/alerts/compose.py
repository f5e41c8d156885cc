"""Puts a notification together: what is news, what else is open under the same key, the gravest and newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import nsmallest

from salus.alerts.labels import common_of
from salus.model import Alert, AlertState, Labels, Level, Notification, Occasion, Told

MOST_ALERTS = 50
"""As many alerts does a notification for people list."""
MACHINE_ALERTS = 500
"""As many does one for a machine, which is told of the others by further ones."""

_OCCASIONS = list(Occasion)
_LEVELS = list(Level)
_ALL_STATES = (AlertState.FIRING, AlertState.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What every notification says of where it comes from."""

    environment: str = ""
    host: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a notification is made of.

    Attributes:
        id: its id.
        channel, key: where it goes.
        at: the instant.
        fresh: alerts that it has news of, and why each is told.
        others: alerts that are open under the same key.
        by: labels that its alerts share.
        digest: it stands for several groups.
        most: alerts that it lists.
    """

    id: str
    channel: str
    key: str
    at: datetime
    fresh: Sequence[tuple[Alert, Occasion]]
    others: Sequence[Alert] = ()
    by: Sequence[str] = ()
    digest: bool = False
    most: int = MOST_ALERTS


def compose(draft: Draft, sender: Sender) -> Notification:
    """Return the notification."""
    news = {alert.fingerprint for alert, _ in draft.fresh}
    alerts = [*(alert for alert, _ in draft.fresh), *draft.others]
    first = nsmallest(draft.most, alerts, key=lambda alert: _rank(alert, fresh=alert.fingerprint in news))
    listed = tuple(replace(alert, told={}) for alert in first)
    group: Labels = {} if draft.digest else common_of([alert.labels for alert in alerts], draft.by)
    return Notification(
        id=draft.id,
        channel=draft.channel,
        key=draft.key,
        occasion=min((occasion for _, occasion in draft.fresh), key=_OCCASIONS.index),
        state=_state(alerts),
        at=draft.at,
        group=group,
        alerts=listed,
        fresh=frozenset(alert.fingerprint for alert in listed if alert.fingerprint in news),
        more=len(alerts) - len(listed),
        digest=draft.digest,
        environment=sender.environment,
        host=sender.host,
        link=sender.link,
    )


def told_of(alert: Alert, key: str, at: datetime, before: Told | None) -> Told:
    """Return what a channel knows once it is told of an alert."""
    count = (before.count if before else 0) + (1 if alert.state is AlertState.FIRING else 0)
    return Told(state=alert.state, key=key, at=at, count=count, flapping=alert.flapping, level=alert.level)


def gravity(alert: Alert) -> int:
    """Return 0 for what matters most."""
    return -_LEVELS.index(alert.level)


def _rank(alert: Alert, *, fresh: bool) -> tuple[bool, bool, int, float, str]:
    newest = -(alert.fired_at or alert.first_seen).timestamp()
    return not fresh, alert.state is AlertState.RESOLVED, gravity(alert), newest, alert.fingerprint


def _state(alerts: Sequence[Alert]) -> AlertState:
    states = {alert.state for alert in alerts}
    return next((state for state in _ALL_STATES if state in states), AlertState.RESOLVED)

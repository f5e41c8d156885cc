"""Stage 2, the life of an alert: pending -> firing -> (acknowledged) -> resolved. A fold, ``now`` is an argument.

1. A trouble is pending until it has lasted for ``hold``; one that ends before was never anybody's business.
2. It fires until it ends. A look that cannot tell changes nothing.
3. One that began to fire ``flap_threshold`` times within ``flap_window`` flaps: from then on it is one alert, which
   ends when the trouble has been gone for a quarter of that window.
4. A person may acknowledge it, which ends reminders and escalation, or resolve it by hand: then it is dismissed, and
   not told again before the trouble itself has ended.
5. A trouble that is back before anybody was told of its end goes on; otherwise it is a new alert of the same identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from salus.alerts.labels import fingerprint
from salus.alerts.match import Sight
from salus.model import Alert, AlertState, Deed

MOST_DEEDS = 20
ENDED = "the trouble is gone"
_QUIET_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaps:
    """When an alert flaps.

    Attributes:
        threshold: firings within ``window``; 0 never.
        window: seconds.
    """

    threshold: int = 4
    window: float = 3600.0

    @property
    def quiet(self) -> timedelta:
        """Return how long it must be quiet until it ends."""
        return timedelta(seconds=self.window * _QUIET_SHARE)


def begin(sight: Sight, now: datetime, alert_id: str) -> Alert:
    """Return a new alert of a trouble that is there: pending; one without duration is resolved already."""
    alert = Alert(
        id=alert_id,
        fingerprint=fingerprint(sight.labels),
        labels=sight.labels,
        rule=sight.rule.name,
        level=sight.level,
        state=AlertState.PENDING,
        check=sight.check,
        summary=sight.summary,
        detail=sight.detail,
        runbook=sight.rule.runbook,
        first_seen=min(sight.since, now),
        last_seen=now,
    )
    if sight.moment:
        return replace(alert, state=AlertState.RESOLVED, moment=True, fired_at=now, resolved_at=now)
    return alert


def again(alert: Alert, sight: Sight, now: datetime) -> Alert:
    """Return the alert when its trouble is seen once more."""
    news = replace(alert, last_seen=now, detail=sight.detail or alert.detail, labels=sight.labels)
    if sight.level is not alert.level:  # what it is called says how bad it is
        news = replace(news, level=sight.level, summary=sight.summary or alert.summary)
    if alert.quiet_since is not None:
        return replace(news, quiet_since=None, count=alert.count + 1)
    return news


def reopened(alert: Alert, sight: Sight, now: datetime) -> Alert:
    """Return an ended alert whose trouble is back before anybody was told of its end."""
    state = AlertState.ACKNOWLEDGED if alert.acknowledged_at else AlertState.FIRING
    open_again = replace(alert, state=state, resolved_at=None, resolution="", count=alert.count + 1)
    return again(open_again, sight, now)


def gone(alert: Alert, now: datetime, how: str = ENDED) -> Alert | None:
    """Return the alert when its trouble is gone: None when nobody need ever hear of it."""
    if alert.state is AlertState.PENDING:
        return None
    if alert.state is AlertState.RESOLVED:
        return replace(alert, dismissed=False)
    if alert.flapping:
        return alert if alert.quiet_since is not None else replace(alert, quiet_since=now)
    return resolved(alert, now, how)


def resolved(alert: Alert, now: datetime, how: str) -> Alert:
    """Return the alert at its end."""
    return replace(
        alert, state=AlertState.RESOLVED, resolved_at=max(now, alert.fired_at or now), resolution=how, quiet_since=None
    )


def fire(alert: Alert, now: datetime, firings: Sequence[datetime], flaps: Flaps) -> Alert:
    """Return a pending alert as it begins to fire.

    Args:
        alert: it.
        now: the instant.
        firings: when alerts of its fingerprint began to fire before.
        flaps: when it flaps.
    """
    since = now - timedelta(seconds=flaps.window)
    recent = sum(1 for at in firings if at > since) + 1
    flapping = bool(flaps.threshold) and recent >= flaps.threshold
    return replace(
        alert, state=AlertState.FIRING, fired_at=now, flapping=flapping, count=recent if flapping else alert.count
    )


def due(alert: Alert, hold: float, flaps: Flaps) -> datetime | None:
    """Return when time alone will change the alert, or None."""
    if alert.state is AlertState.PENDING:
        return alert.first_seen + timedelta(seconds=hold)
    if alert.quiet_since is not None:
        return alert.quiet_since + flaps.quiet
    return None


def acknowledge(alert: Alert, now: datetime, *, by: str, note: str) -> Alert:
    """Return the alert when a person takes it upon themselves."""
    return replace(alert, state=AlertState.ACKNOWLEDGED, acknowledged_at=now, acknowledged_by=by, note=note)


def dismiss(alert: Alert, now: datetime, *, by: str, note: str) -> Alert:
    """Return the alert when a person ends it by hand while its trouble lasts."""
    how = f"resolved by {by or 'a person'}{f': {note}' if note else ''}"
    return replace(resolved(alert, now, how), dismissed=alert.quiet_since is None, note=note or alert.note)


def with_deeds(alert: Alert, deeds: Sequence[Deed]) -> Alert:
    """Return the alert with what was done about it, each deed once."""
    known = {(deed.recovery, deed.at, deed.action) for deed in alert.deeds}
    news = [deed for deed in deeds if (deed.recovery, deed.at, deed.action) not in known]
    return replace(alert, deeds=(*alert.deeds, *news)[-MOST_DEEDS:]) if news else alert


def shifted(alert: Alert, by: timedelta) -> Alert:
    """Return the same alert after the wall clock jumped, so that every wait lasts as long as it should."""

    def move(instant: datetime | None) -> datetime | None:
        return instant + by if instant else None

    return replace(
        alert,
        first_seen=alert.first_seen + by,
        last_seen=alert.last_seen + by,
        fired_at=move(alert.fired_at),
        resolved_at=move(alert.resolved_at),
        acknowledged_at=move(alert.acknowledged_at),
        quiet_since=move(alert.quiet_since),
        told={channel: replace(told, at=told.at + by) for channel, told in alert.told.items()},
    )

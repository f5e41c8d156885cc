"""Stage: dedup. What a channel has still to hear of an alert, if anything; deciding is apart from doing.

1. What fires and is not known to fire is told; what is known is not told again, but for a reminder, and when it has
   become graver than what was told.
2. What was told as firing is told as resolved, whatever happened to routes and silences meanwhile.
3. A receiver that forgets (``resend``) is told again what fires, and for five minutes what has ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from salus.alerts.route import Path
from salus.model import Alert, AlertState, Level, Occasion, Told

_LEVELS = list(Level)
RESEND_ENDED = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class News:
    """Something to tell: why, and from when on."""

    occasion: Occasion
    at: datetime

    @property
    def hushable(self) -> bool:
        """Tell whether it may be kept quiet: what a channel was told as open is always kept right."""
        return self.occasion not in _KEPT_RIGHT


_KEPT_RIGHT = frozenset({Occasion.RESOLVED, Occasion.REFRESH})
_WAITS = frozenset({Occasion.FIRING, Occasion.FLAPPING})


def waits_for_group(occasion: Occasion) -> bool:
    """Tell whether this is told together with others that come a little later."""
    return occasion in _WAITS


def news(alert: Alert, path: Path | None, told: Told | None, resend: float | None) -> News | None:
    """Return what a channel has to hear of an alert.

    Args:
        alert: the alert.
        path: how it comes to the channel; None where no route takes it there any more.
        told: what the channel knows.
        resend: seconds after which the channel must be told again; None never.
    """
    if alert.state is AlertState.RESOLVED:
        return _of_ended(alert, path, told, resend)
    if not alert.state.open or alert.fired_at is None:
        return None
    if told is None or not told.state.open:
        return _of_unknown(alert, path)
    if path is not None and alert.quiet_since is None and _graver(alert, told):
        return News(Occasion.FIRING, alert.fired_at)
    if resend is not None:
        return News(Occasion.REFRESH, told.at + timedelta(seconds=resend))
    return None if path is None else _of_known(alert, path, told)


def _of_known(alert: Alert, path: Path, told: Told) -> News | None:
    """Return what there is to say of an alert to a channel that knows it as open."""
    if alert.state is AlertState.ACKNOWLEDGED:
        known = told.state is AlertState.ACKNOWLEDGED
        return None if known else News(Occasion.ACKNOWLEDGED, alert.acknowledged_at or told.at)
    repeat = path.route.repeat_interval
    if alert.quiet_since is not None or not repeat:
        return None
    return News(Occasion.REMINDER, told.at + timedelta(seconds=repeat))


def _of_unknown(alert: Alert, path: Path | None) -> News | None:
    """Return what there is to say of an alert to a channel that does not know it."""
    if path is None or alert.fired_at is None:
        return None
    if not path.after:
        return News(Occasion.FLAPPING if alert.flapping else Occasion.FIRING, alert.fired_at)
    if alert.state is AlertState.ACKNOWLEDGED or alert.quiet_since is not None:
        return None
    return News(Occasion.ESCALATED, alert.fired_at + timedelta(seconds=path.after))


def _graver(alert: Alert, told: Told) -> bool:
    return told.level is not None and _LEVELS.index(alert.level) > _LEVELS.index(told.level)


def _of_ended(alert: Alert, path: Path | None, told: Told | None, resend: float | None) -> News | None:
    ended = alert.resolved_at or alert.last_seen
    if told is None:
        first = alert.moment and path is not None and not path.after
        return News(Occasion.RESOLVED, ended) if first else None
    if told.state.open:
        return News(Occasion.RESOLVED, ended)
    if resend is None or not told.key:
        return None
    at = told.at + timedelta(seconds=resend)
    return News(Occasion.REFRESH, at) if at < ended + RESEND_ENDED else None

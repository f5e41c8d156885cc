"""Stages of time: somebody works on it; its route is mute at this hour."""

from __future__ import annotations

from datetime import datetime

from salus.alerts.intervals import inside, next_change
from salus.alerts.stage import Case, Word
from salus.model import TimeInterval


def maintenance(case: Case) -> Word | None:
    """Keep quiet while somebody works on what it is about."""
    return Word(*case.maintenance) if case.maintenance else None


def muted(case: Case) -> Word | None:
    """Keep quiet during the times in which a route is mute, and outside of those in which it is active."""
    route = case.route
    if not route.mute_during and not route.active_during:
        return None
    mute = [one for name in route.mute_during if (one := case.intervals.get(name)) and inside(one, case.now)]
    if mute:
        return Word(f"its route is mute during {mute[0].name}", _change(mute, case.now))
    active = [one for name in route.active_during if (one := case.intervals.get(name))]
    if active and not any(inside(one, case.now) for one in active):
        names = " or ".join(one.name for one in active)
        return Word(f"its route is active only during {names}", _change(active, case.now))
    return None


def _change(intervals: list[TimeInterval], now: datetime) -> datetime:
    return min(next_change(one, now) for one in intervals)

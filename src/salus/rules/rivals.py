"""A second healer on the same target: it was replaced while it was bad, and not by Salus.

One such replacement may be a person. ``rival_threshold`` of them within an hour are another supervisor (systemd's
``Restart=``, a cron job, a second Salus): two healers make an outage of a fault, so Salus reports it and keeps off the
target until ``rival_hold`` after the last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from salus.model import Limits
from salus.rules.situation import Hold

WINDOW = 3600.0


def seen(instants: Sequence[datetime], now: datetime) -> tuple[datetime, ...]:
    """Return the replacements by others within an hour, with one more."""
    begin = now - timedelta(seconds=WINDOW)
    return (*(at for at in instants if at > begin), now)


def is_rival(instants: Sequence[datetime], limits: Limits, now: datetime) -> bool:
    """Tell whether they are so many that somebody else is at work."""
    begin = now - timedelta(seconds=WINDOW)
    return 0 < limits.rival_threshold <= sum(1 for at in instants if at > begin)


def hold(target: str, instants: Sequence[datetime], limits: Limits, now: datetime) -> Hold | None:
    """Return why a target is left alone, or None."""
    if not instants or not is_rival(instants, limits, now):
        return None
    until = instants[-1] + timedelta(seconds=limits.rival_hold)
    if now >= until:
        return None
    return Hold(detail=describe(target, instants), until=until)


def describe(target: str, instants: Sequence[datetime]) -> str:
    """Say it for people."""
    times = len(instants)
    return f"somebody else replaced {target} {times} time{'' if times == 1 else 's'} within an hour while it was bad"

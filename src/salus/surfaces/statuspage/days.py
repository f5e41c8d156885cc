"""The days of a component, from the days of the checks that speak for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from salus.model.history import Day


def together(checks: Iterable[Sequence[Day]]) -> tuple[Day, ...]:
    """Return one day for each that is known, the oldest first; of several checks the one that is worst off counts."""
    by_date: dict[date, list[Day]] = {}
    for days in checks:
        for day in days:
            by_date.setdefault(day.date, []).append(day)
    return tuple(_worst(by_date[at]) for at in sorted(by_date))


def _worst(days: Sequence[Day]) -> Day:
    if len(days) == 1:
        return days[0]
    judged = max(day.judged for day in days)
    down = max(day.unhealthy for day in days)
    degraded = min(max(day.degraded for day in days), judged - down)
    return Day(
        date=days[0].date,
        healthy=judged - down - degraded,
        degraded=degraded,
        unhealthy=down,
        unknown=max(day.unknown for day in days),
        looks=sum(day.looks for day in days),
    )


def first(days: Sequence[Day]) -> date | None:
    """Return the first day that something is known of."""
    return next((day.date for day in days if day.judged), None)

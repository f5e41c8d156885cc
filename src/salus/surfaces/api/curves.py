"""The long past: curves of numbers, days, and how available checks were."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from salus.errors import NotFoundError
from salus.model import Json
from salus.model.history import Day, Point, Times
from salus.ports import Clock, View
from salus.ports.history import History
from salus.surfaces import wire
from salus.surfaces.api.queries import AvailabilityQuery, DaysQuery, SeriesQuery, read
from salus.surfaces.asked import Asked

_DAY = timedelta(days=1)
_QUARTER = 90
_WINDOWS = (("week", 7), ("month", 30), ("quarter", _QUARTER))
_FRESH = timedelta(seconds=30)  # how long the sums over all checks are told again: they are read from every row
_AT_ONCE = 500
_SUMS_AT_ONCE = 10  # checks, of some hundred days each
_NOTHING = Times()


class CurveRequests:
    """Serves what is summed up of the past."""

    def __init__(self, view: View, history: History, clock: Clock) -> None:
        """Serve ``history``; ``view`` knows which checks there are."""
        self._view = view
        self._history = history
        self._clock = clock
        self._whole: dict[str, Json] = {}
        self._whole_at: datetime | None = None
        self._summing = asyncio.Lock()

    async def series(self, asked: Asked) -> Json:
        """Tell a number of a check over time."""
        query = read(asked.query, SeriesQuery)
        name = self._known(asked.name)
        now = self._clock.now()
        until = min((query.until or now).astimezone(UTC), now)
        since = min((query.since or until - _DAY).astimezone(UTC), until)
        found = await self._history.series(name, query.metric, since=since, until=until, points=query.points)
        return {
            "check": name,
            "metric": found.metric,
            "unit": found.unit,
            "since": wire.instant(found.since),
            "until": wire.instant(found.until),
            "metrics": list(await self._history.metrics(name, since=since)),
            "points": [_point(one) for one in found.points],
        }

    async def days(self, asked: Asked) -> Json:
        """Tell how a check was on each day."""
        query = read(asked.query, DaysQuery)
        name = self._known(asked.name)
        since = query.since or self._clock.now() - (_QUARTER - 1) * _DAY
        found = await self._history.days([name], since=since.astimezone(UTC).date())
        days: list[Json] = [
            {**_times(one), "date": one.date.isoformat(), "looks": one.looks} for one in found.get(name, ())
        ]
        return {"check": name, "days": days}

    async def availability(self, asked: Asked) -> Json:
        """Tell how available the checks of a page were, and all together."""
        query = read(asked.query, AvailabilityQuery)
        names = await self._names(query)
        start = bisect_right(names, query.after) if query.after else 0
        shown = names[start : start + query.limit]
        more = start + len(shown) < len(names)
        now = self._clock.now()
        days = await self._history.days(shown, since=(now - (_QUARTER - 1) * _DAY).date()) if shown else {}
        lately = await self._history.lately(shown, since=now - _DAY) if shown else {}
        items: list[Json] = []
        for name in shown:
            if report := self._view.check(name):
                spans = _windows(lately.get(name, _NOTHING), days.get(name, ()), now)
                items.append({"name": name, "status": report.state.status, **spans})
            if len(items) % _SUMS_AT_ONCE == 0:
                await self._clock.sleep(0)
        whole = await self._all(now)
        return {"items": items, "next": shown[-1] if more else None, "total": len(names), "whole": whole}

    async def _names(self, query: AvailabilityQuery) -> Sequence[str]:
        names = self._view.names()
        if not query.tag and not query.service:
            return names
        found: list[str] = []
        for count, name in enumerate(names):
            spec = report.spec if (report := self._view.check(name)) else None
            if spec and (not query.tag or query.tag in spec.tags) and query.service in ("", spec.service):
                found.append(name)
            if count % _AT_ONCE == _AT_ONCE - 1:
                await self._clock.sleep(0)
        return found

    async def _all(self, now: datetime) -> dict[str, Json]:
        """Sum up all checks, for all who ask within the next moments."""
        async with self._summing:
            if self._whole_at is None or not timedelta() <= now - self._whole_at < _FRESH:
                days = await self._history.whole(since=(now - (_QUARTER - 1) * _DAY).date())
                lately = await self._history.lately(since=now - _DAY)
                self._whole, self._whole_at = _windows(_sum(lately.values()), days, now), now
            return self._whole

    def _known(self, name: str) -> str:
        if self._view.check(name) is None:
            raise NotFoundError(f"there is no check {name[:200]!r}", remedy="GET /api/v1/checks lists them")
        return name


def _point(one: Point) -> Json:
    return {
        "at": wire.instant(one.at),
        "looks": one.looks,
        "low": one.low,
        "mean": one.mean,
        "high": one.high,
        "status": one.status,
    }


def _times(one: Times) -> dict[str, Json]:
    return {
        "availability": one.availability,
        "healthy": one.healthy,
        "degraded": one.degraded,
        "unhealthy": one.unhealthy,
        "unknown": one.unknown,
    }


def _windows(lately: Times, days: Sequence[Day], now: datetime) -> dict[str, Json]:
    """Sum up the last day, and the days of each window, of which today is the last."""
    today = now.date()
    spans: Mapping[str, Times] = {
        name: _sum(one for one in days if (today - one.date).days < length) for name, length in _WINDOWS
    }
    return {"day": _times(lately), **{name: _times(one) for name, one in spans.items()}}


def _sum(some: Iterable[Times]) -> Times:
    healthy = degraded = unhealthy = unknown = 0.0
    for one in some:
        healthy += one.healthy
        degraded += one.degraded
        unhealthy += one.unhealthy
        unknown += one.unknown
    return Times(healthy=healthy, degraded=degraded, unhealthy=unhealthy, unknown=unknown)

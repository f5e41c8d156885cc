"""The past of one check: read from the ledger, drawn beside the loop, and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from salus.model import CheckReport, Event, Metric, Observation, RecoveryRecord
from salus.model.history import Day, Incident, Series, Times
from salus.ports import EventQuery, RecoveryQuery
from salus.ports.history import IncidentQuery
from salus.surfaces.charts import Limit, curve, curve_table, days, look_bars
from salus.surfaces.charts.daily import total
from salus.surfaces.dashboard.kept import Found, Reads
from salus.surfaces.dashboard.page import Visit
from salus.surfaces.dashboard.source import Source
from salus.surfaces.dashboard.views.check_words import name_of

SPANS = {"1": "1 h", "24": "24 h", "168": "7 d", "720": "30 d"}
MOST_CURVES = 6
LOOKS_SHOWN = 40
EVENTS_SHOWN = 20
LAST = 10
_DAYS_SHOWN = 90
_DAY = timedelta(days=1)
_YOUNG, _SHORTEST = timedelta(minutes=40), timedelta(minutes=6)
_SHORT, _LONG = 12.0, 60.0
_CURVES_LAST = {"1": 30.0, "24": 60.0, "168": 300.0, "720": 300.0}
"""Seconds for which curves are told again: looks are kept once a minute, and the pictures are the largest of a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One number over time.

    Attributes:
        metric: its name in the address.
        name: its name for people.
        drawing: SVG.
        table: the same in words.
    """

    metric: str
    name: str
    drawing: str
    table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """The numbers of a check over time: those that are shown, and the names of all of them."""

    shown: Sequence[Curve] = ()
    names: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """How available a check was: the shares of some windows, and its days drawn."""

    windows: Sequence[tuple[str, float | None]] = ()
    drawing: str = ""
    known: int = 0


NO_CURVES, NOT_KNOWN = Curves(), Availability()


class CheckPast:
    """Reads the past of checks."""

    def __init__(self, source: Source) -> None:
        """Read that of ``source``."""
        self._source = source
        clock = source.clock
        self._looks: Reads[str] = Reads(clock, _SHORT, "")
        self._curves = {hours: Reads(clock, seconds, NO_CURVES) for hours, seconds in _CURVES_LAST.items()}
        self._days: Reads[Availability] = Reads(clock, _LONG, NOT_KNOWN)
        self._recoveries: Reads[Sequence[RecoveryRecord]] = Reads(clock, _LONG, ())
        self._incidents: Reads[Sequence[Incident]] = Reads(clock, _LONG, ())
        self._events: Reads[Sequence[Event]] = Reads(clock, _SHORT, ())

    async def looks(self, report: CheckReport) -> Found[str]:
        """Draw the last looks that were kept."""
        name = report.spec.name

        async def read() -> str:
            since = self._source.clock.now() - 7 * _DAY
            found = await self._source.past.observations(name, since=since, limit=LOOKS_SHOWN)
            return await asyncio.to_thread(_bars, list(reversed(found)))

        return await self._looks.get(name, (report.state.status, report.state.failing_since), read)

    # ── numbers over time ─────────────────────────────────────────────────────────────────────────────────────────────

    async def curves(self, report: CheckReport, hours: str, metric: str) -> Found[Curves]:
        """Draw the numbers of a check over the last hours: one of them, or the first few."""

        async def read() -> Curves:
            return await self._read_curves(report, int(hours), metric)

        return await self._curves[hours].get((report.spec.name, metric), "", read)

    async def _read_curves(self, report: CheckReport, hours: int, metric: str) -> Curves:
        history, name = self._source.parts.history, report.spec.name
        until = self._source.clock.now()
        since = until - timedelta(hours=hours)
        names = await history.metrics(name, since=since)
        wanted = [metric] if metric in names else list(names[:MOST_CURVES])
        points = 120 if metric in names else 60
        series = [await history.series(name, one, since=since, until=until, points=points) for one in wanted]
        if hours == 1 and (young := _young(series, until)):
            series = [await history.series(name, one, since=young, until=until, points=points) for one in wanted]
        units = {one.metric: one.unit for one in series}
        last: Mapping[str, Metric] = report.state.last.metrics if report.state.last else {}
        units |= {one: number.unit for one, number in last.items() if one not in units}
        told = [(one, name_of(one, units.get(one, ""))) for one in names]
        large = metric in names
        shown = await asyncio.to_thread(_draw_all, series, report.spec.timeout, large=large)
        return Curves(shown=tuple(shown), names=tuple(told))

    async def availability(self, report: CheckReport) -> Found[Availability]:
        """Sum up and draw the last days of a check."""
        name = report.spec.name

        async def read() -> Availability:
            history, now = self._source.parts.history, self._source.clock.now()
            found = (await history.days([name], since=(now - (_DAYS_SHOWN - 1) * _DAY).date())).get(name, ())
            lately = (await history.lately([name], since=now - _DAY)).get(name, Times())
            windows = [("24 h", lately.availability)]
            for length in (7, 30, 90):
                share = total([day for day in found if (now.date() - day.date).days < length])
                windows.append((f"{length} d", share))
            drawing = await asyncio.to_thread(days, found, now.date(), _DAYS_SHOWN)
            return Availability(windows=tuple(windows), drawing=drawing, known=_known(found))

        return await self._days.get(name, report.state.status, read)

    # ── what happened ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def recoveries(self, report: CheckReport, stamp: str) -> Found[Sequence[RecoveryRecord]]:
        """Return the last recoveries, and one more where there are more."""
        name = report.spec.name
        query = RecoveryQuery(check=name, limit=LAST + 2)
        return await self._recoveries.get(name, stamp, lambda: self._source.past.recoveries(query))

    async def incidents(self, report: CheckReport) -> Found[Sequence[Incident]]:
        """Return the last incidents that the check was part of."""
        name = report.spec.name
        query = IncidentQuery(check=name, limit=LAST)
        stamp = (report.state.status, report.state.since, report.healing)
        return await self._incidents.get(name, stamp, lambda: self._source.parts.incidents.incidents(query))

    async def events(self, report: CheckReport, visit: Visit, stamp: str) -> Found[Sequence[Event]]:
        """Return a page of what happened to it, newest first, and one more where there is more."""
        name, before = report.spec.name, visit.asked("before", 18)
        last = int(before) if before.isascii() and before.isdigit() else None
        query = EventQuery(check=name, before=last, limit=EVENTS_SHOWN + 1)
        return await self._events.get((name, last), stamp, lambda: self._source.past.events(query))


def _bars(found: Sequence[Observation]) -> str:
    return look_bars(found, LOOKS_SHOWN) if found else ""


def _young(series: Sequence[Series], until: datetime) -> datetime | None:
    """Return where the drawings of a check begin that is younger than they are long: a sliver shows nothing."""
    first = min((one.points[0].at for one in series if one.points), default=None)
    if first is None or until - first > _YOUNG:
        return None
    return min(first - timedelta(minutes=1), until - _SHORTEST)


def _draw_all(series: Sequence[Series], timeout: float, *, large: bool) -> list[Curve]:
    return [_draw(one, timeout, large=large) for one in series]


def _draw(one: Series, timeout: float, *, large: bool) -> Curve:
    name = name_of(one.metric, one.unit)
    limits = [Limit(value=timeout, name="timeout")] if one.metric == "duration" else []
    drawing = curve(one, limits=limits, height=260 if large else 170, heading=name)
    return Curve(metric=one.metric, name=name, drawing=drawing, table=curve_table(one))


def _known(found: Sequence[Day]) -> int:
    return sum(1 for day in found if day.judged)

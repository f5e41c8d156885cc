"""The long past as surfaces may read it: what the ledger holds, and what is counted and not written yet.

Loaded by who is asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

from salus.engine.chronicle import Chronicle
from salus.engine.days import DAY, DayBook, micros
from salus.engine.units import CheckUnit
from salus.model import Status
from salus.model.history import Day, Series, Times
from salus.ports import Clock, Past
from salus.ports.store import Spent

LOOKS_UP_TO = timedelta(hours=26)
"""Spans up to this long are drawn from the looks that were kept, longer ones from the hours."""

LONGEST = timedelta(days=400)
MOST_POINTS = 1000
DURATION = "duration"
_FIRST = date(1970, 1, 1)
_AT_ONCE = 200  # checks that are gone through in one turn of the loop
_ROWS_AT_ONCE = 1000
_DAYS_AT_ONCE = 500
_SECOND = 1_000_000
_DAY_SECONDS = 86_400.0


class EngineHistory:
    """Implements ``ports.history.History`` over a store, and over what a chronicle has still to write into it."""

    def __init__(
        self,
        past: Past,
        chronicle: Chronicle,
        units: Callable[[], Mapping[str, CheckUnit]],
        clock: Clock,
    ) -> None:
        """Read beside ``past``; ``units`` are the checks that there are now."""
        self._store = chronicle.store
        self._past = past
        self._chronicle = chronicle
        self._units = units
        self._clock = clock

    # ── days ──

    async def days(self, checks: Collection[str] | None = None, *, since: date) -> Mapping[str, Sequence[Day]]:
        """Return the days of checks, the oldest first, today's so far included; None asks for all checks."""
        first = _number(since)
        async with self._chronicle.lock:
            written = await self._store.days(checks, since=first)
            counted = await self._counted(checks)
        by_check: dict[str, dict[int, Spent]] = {}
        for count, row in enumerate((*written, *counted)):
            if row.day >= first:
                rows = by_check.setdefault(row.check, {})
                rows[row.day] = _added(rows[row.day], row) if row.day in rows else row
            if count % _ROWS_AT_ONCE == _ROWS_AT_ONCE - 1:
                await self._clock.sleep(0)
        found: dict[str, Sequence[Day]] = {}
        made = 0
        for name, rows in by_check.items():
            found[name] = _filled(rows)
            made += len(found[name])
            if made >= _DAYS_AT_ONCE:
                made = 0
                await self._clock.sleep(0)
        return found

    async def whole(self, *, since: date) -> Sequence[Day]:
        """Return the days of all checks together."""
        first = _number(since)
        async with self._chronicle.lock:
            written = await self._store.whole_days(since=first)
            counted = await self._counted(None)
        rows = {row.day: row for row in written}
        for row in counted:
            if row.day >= first:
                rows[row.day] = _added(rows[row.day], row) if row.day in rows else row
        return [_day(rows[day]) for day in sorted(rows)]

    async def _counted(self, checks: Collection[str] | None) -> list[Spent]:
        """Return what was counted of checks since it was last written; a few checks in one turn of the loop."""
        units, tally = self._units(), self._chronicle.tally
        names = list(units) if checks is None else [name for name in checks if name in units]
        found: list[Spent] = []
        for count, name in enumerate(names):
            if unit := units.get(name):
                found += tally.pending(unit)
            if count % _AT_ONCE == _AT_ONCE - 1:
                await self._clock.sleep(0)
        return found

    async def lately(self, checks: Collection[str] | None = None, *, since: datetime) -> Mapping[str, Times]:
        """Return how checks were from an instant of the last days until now, to the second."""
        await self._past.settle()
        units, now = self._units(), micros(self._chronicle.tally.now())
        wanted = {name: units[name] for name in (units if checks is None else checks) if name in units}
        begin = micros(since)
        course = _Course(begin)
        after = begin - 1
        while page := await self._store.changes(after=after, checks=None if checks is None else list(wanted)):
            for number, at, check, old, new in page:
                after = number
                if check is None:
                    course.nobody_looked(await self._store.last_sign(at), at)
                elif check in wanted:
                    course.turned(check, Status(old or Status.UNKNOWN), Status(new), min(at, now))
        found: dict[str, Times] = {}
        for count, (name, unit) in enumerate(wanted.items()):
            if unit.state.since is not None:
                found[name] = course.ended(name, unit, now)
            if count % _AT_ONCE == _AT_ONCE - 1:
                await self._clock.sleep(0)
        return found

    # ── numbers ──

    async def series(self, check: str, metric: str, *, since: datetime, until: datetime, points: int = 120) -> Series:
        """Return a number of a check over time, in at most so many points."""
        since = max(since, until - LONGEST)
        points = max(1, min(points, MOST_POINTS))
        await self._past.settle()
        hours = until - since > LOOKS_UP_TO
        find = self._store.points
        unit, found = await find(check, metric, since=since, until=until, points=points, hours=hours)
        if not found and not hours:  # the looks of then may be gone
            unit, found = await find(check, metric, since=since, until=until, points=points, hours=True)
        return Series(check=check, metric=metric, unit=unit, since=since, until=until, points=tuple(found))

    async def metrics(self, check: str, *, since: datetime) -> Sequence[str]:
        """Return the names of the numbers that looks at a check saw, ``duration`` first."""
        found = await self._store.metrics(check, since=max(since, self._clock.now() - LONGEST))
        return [DURATION, *(name for name in found if name != DURATION)]


class _Course:
    """How checks were since an instant, from change to change."""

    def __init__(self, begin: int) -> None:
        self._begin = begin
        self._gaps: list[tuple[int, int]] = []
        self._turned: dict[str, int] = {}
        self._book = DayBook()

    def nobody_looked(self, began: int | None, ended: int) -> None:
        """Take that no Salus ran in a span."""
        if began is not None and ended > began:
            self._gaps.append((began, ended))

    def turned(self, check: str, old: Status, new: Status, at: int) -> None:
        """Take a change of verdict."""
        self._book.charge(check, old, self._turned.get(check, self._begin), at, self._gaps)
        self._turned[check] = max(at, self._begin)

    def ended(self, check: str, unit: CheckUnit, now: int) -> Times:
        """Return how a check was until now."""
        known = micros(unit.state.since) if unit.state.since is not None else now
        since = self._turned.get(check, self._begin)
        if check not in self._turned:
            since = max(since, min(known, now))
        status = Status.UNKNOWN if unit.state.started is None else unit.state.status
        self._book.charge(check, status, since, now, self._gaps)
        rows = self._book.of(check, range(self._begin // DAY, now // DAY + 1))
        sums = [sum(column) / _SECOND for column in zip(*(row[2:6] for row in rows), strict=True)] or [0.0] * 4
        return Times(healthy=sums[0], degraded=sums[1], unhealthy=sums[2], unknown=sums[3])


def _number(day: date) -> int:
    return max(0, (day - _FIRST).days)


def _added(row: Spent, more: Spent) -> Spent:
    return row._replace(
        healthy=row.healthy + more.healthy,
        degraded=row.degraded + more.degraded,
        unhealthy=row.unhealthy + more.unhealthy,
        unknown=row.unknown + more.unknown,
        looks=row.looks + more.looks,
    )


def _day(row: Spent) -> Day:
    return Day(
        date=_FIRST + timedelta(days=row.day),
        healthy=row.healthy / _SECOND,
        degraded=row.degraded / _SECOND,
        unhealthy=row.unhealthy / _SECOND,
        unknown=row.unknown / _SECOND,
        looks=row.looks,
    )


def _filled(rows: Mapping[int, Spent]) -> list[Day]:
    """Return the days between the first and the last; of those without a row nothing is known, for no Salus ran."""
    days = range(min(rows), max(rows) + 1)
    return [
        _day(rows[day]) if day in rows else Day(date=_FIRST + timedelta(days=day), unknown=_DAY_SECONDS) for day in days
    ]

"""The long past in memory: days as they are told, and hours of the looks that were kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import reduce
from itertools import groupby
from math import isfinite
from typing import NamedTuple

from salus.model import Event, EventKind, Observation
from salus.model.history import Point
from salus.ports.store import Spent
from salus.store.codec import from_micros, to_micros
from salus.store.history_rows import DAY, HOUR, HOURS_KEPT, LOOKS_AT_ONCE, NAME_LENGTH, NUMBERS, RANKS

_WAITING = 10_000  # looks that wait for their hour; who never rolls up keeps no more
_KINDS = (EventKind.STATUS_CHANGED, EventKind.AGENT_STARTED)


class _Sum(NamedTuple):
    """Looks together: when the first began, how many, their number, the worst verdict, the unit, how the last ended."""

    at: int
    looks: int
    low: float
    sum: float
    high: float
    worst: int
    unit: str
    last: int | None

    def add(self, other: _Sum) -> _Sum:
        return _Sum(
            min(self.at, other.at),
            self.looks + other.looks,
            min(self.low, other.low),
            self.sum + other.sum,
            max(self.high, other.high),
            max(self.worst, other.worst),
            other.unit or self.unit,
            None if self.last is None or other.last is None else max(self.last, other.last),
        )


class MemoryHistory:
    """``salus.ports.history.HistoryStore`` in memory."""

    _events: deque[Event]
    _observations: dict[str, deque[Observation]]

    def __init__(self) -> None:
        """Know nothing."""
        self._days: dict[tuple[str, int], Spent] = {}
        self._hours: dict[tuple[str, int], dict[str, _Sum]] = {}
        self._unrolled: deque[tuple[str, Observation]] = deque(maxlen=_WAITING)

    def _keep_days(self, spent: Iterable[Spent]) -> None:
        for row in spent:
            key = row.check, row.day
            self._days[key] = _added(self._days[key], row) if key in self._days else row

    def _prune_history(self, now: datetime, days_before: datetime | None) -> None:
        hour, day = to_micros(now) // HOUR - HOURS_KEPT, 0
        if days_before is not None:
            day = to_micros(days_before) // DAY
            hour = max(hour, day * 24)
        self._days = {key: row for key, row in self._days.items() if row.day >= day}
        self._hours = {key: row for key, row in self._hours.items() if key[1] >= hour}

    def _history_size(self) -> int:
        return len(self._days) + sum(len(numbers) for numbers in self._hours.values())

    # ── days ──

    async def days(self, checks: Collection[str] | None, *, since: int) -> Sequence[Spent]:
        """Return the rows of checks from a day on, by check, the oldest first."""
        found = sorted(self._days.items())
        return [row for (name, day), row in found if day >= since and (checks is None or name in checks)]

    async def whole_days(self, *, since: int) -> Sequence[Spent]:
        """Return what all checks spent together, by day."""
        whole: dict[int, Spent] = {}
        for row in self._days.values():
            if row.day >= since:
                nameless = row._replace(check="", status="")
                whole[row.day] = _added(whole[row.day], nameless) if row.day in whole else nameless
        return [whole[day] for day in sorted(whole)]

    async def last_days(self) -> Sequence[Spent]:
        """Return the newest row of each check."""
        newest = max((day for _, day in self._days), default=0)
        last = {name: row for (name, day), row in sorted(self._days.items()) if day >= newest - 1}
        return list(last.values())

    async def changes(
        self, *, after: int, checks: Collection[str] | None = None, limit: int = 500
    ) -> Sequence[tuple[int, int, str | None, str, str]]:
        """Return changes of status and starts of Salus after an event, the oldest first."""
        found = [
            (event.id, to_micros(event.at), event.check, event.old or "", event.new or "")
            if event.kind is EventKind.STATUS_CHANGED
            else (event.id, to_micros(event.at), None, "", "")
            for event in self._events
            if event.id > after and event.kind in _KINDS and (event.new or event.kind is EventKind.AGENT_STARTED)
        ]
        return [row for row in found if checks is None or row[2] is None or row[2] in checks][: max(0, limit)]

    async def last_sign(self, before: int) -> int | None:
        """Return the instant of the last event or look before an instant."""
        looks = (look.at for ring in self._observations.values() for look in ring)
        found = [to_micros(at) for at in (*(event.at for event in self._events), *looks)]
        return max((at for at in found if at < before), default=None)

    # ── numbers ──

    async def points(
        self, check: str, metric: str, *, since: datetime, until: datetime, points: int, hours: bool
    ) -> tuple[str, Sequence[Point]]:
        """Return the unit and the points of a number, from the looks or from the hours."""
        begin, end = to_micros(since), to_micros(until)
        if end <= begin or points < 1:
            return "", []
        sums = self._of_hours(check, metric, begin, end) if hours else self._of_looks(check, metric, begin, end)
        found: list[Point] = []
        unit = ""
        for _, some in groupby(sums, lambda one: max(0, (one.at - begin) * points // (end - begin))):
            whole = reduce(_Sum.add, some)
            unit = whole.unit or unit
            found.append(_point(whole))
        return unit, found

    def _of_looks(self, check: str, metric: str, begin: int, end: int) -> Iterator[_Sum]:
        for look in self._observations.get(check, ()):
            if begin <= to_micros(look.at) < end and (seen := _numbers(look).get(metric)):
                yield seen

    def _of_hours(self, check: str, metric: str, begin: int, end: int) -> Iterator[_Sum]:
        for name, hour in sorted(self._hours):
            within = name == check and begin // HOUR <= hour <= (end - 1) // HOUR
            if within and (seen := self._hours[name, hour].get(metric)):
                yield seen._replace(at=hour * HOUR, last=None)

    async def metrics(self, check: str, *, since: datetime) -> Sequence[str]:
        """Return the names of the numbers that looks at a check saw, in order."""
        looks = (look for look in self._observations.get(check, ()) if look.at >= since)
        names = {name for look in looks for name in _numbers(look)} - {"duration"}
        first = to_micros(since) // HOUR
        hours = (numbers for (name, hour), numbers in self._hours.items() if name == check and hour >= first)
        return sorted(names.union(*hours))

    async def roll_up(self) -> bool:
        """Put the next looks into their hours; true when more wait."""
        for _ in range(min(len(self._unrolled), LOOKS_AT_ONCE)):
            check, look = self._unrolled.popleft()
            numbers = self._hours.setdefault((check, to_micros(look.at) // HOUR), {})
            for name, seen in sorted(_numbers(look).items(), key=lambda one: (one[0] != "duration", one[0])):
                if name in numbers:
                    numbers[name] = numbers[name].add(seen)
                elif len(numbers) < NUMBERS:
                    numbers[name] = seen
        return bool(self._unrolled)


def _numbers(look: Observation) -> dict[str, _Sum]:
    """Return the numbers of a look by name; how long it took is one of them."""
    at, worst = to_micros(look.at), RANKS.index(look.status)
    last = at * len(RANKS) + worst
    found = {
        name: _Sum(at, 1, metric.value, metric.value, metric.value, worst, metric.unit, last)
        for name, metric in look.metrics.items()
        if isfinite(metric.value) and len(name) <= NAME_LENGTH
    }
    took = look.duration
    return {**found, "duration": _Sum(at, 1, took, took, took, worst, "seconds", last)}


def _point(one: _Sum) -> Point:
    mean = one.sum / one.looks
    return Point(
        at=from_micros(one.at),
        looks=one.looks,
        low=one.low,
        mean=mean,
        high=one.high,
        status=RANKS[one.worst],
        left=None if one.last is None else RANKS[one.last % len(RANKS)],
    )


def _added(row: Spent, more: Spent) -> Spent:
    """Return a row with more time added; the newer verdict counts."""
    newer = more if more.until >= row.until else row
    return Spent(
        day=row.day,
        check=row.check,
        healthy=row.healthy + more.healthy,
        degraded=row.degraded + more.degraded,
        unhealthy=row.unhealthy + more.unhealthy,
        unknown=row.unknown + more.unknown,
        looks=row.looks + more.looks,
        until=newer.until,
        status=newer.status,
    )

"""How long checks were how: seconds by day (UTC), split where days and silences lie. Whole microseconds, so exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from salus.model import Status
from salus.ports.store import Spent

DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PLACES = {Status.HEALTHY: 0, Status.DEGRADED: 1, Status.UNHEALTHY: 2, Status.UNKNOWN: 3}
_UNKNOWN, _LOOKS, _UNTIL = 3, 4, 5


def micros(instant: datetime) -> int:
    """Return an instant as microseconds since 1970."""
    return (instant - _EPOCH) // _MICROSECOND


def silent(gaps: Sequence[tuple[int, int]], since: int, until: int) -> int:
    """Return how much of a span lies in gaps, none of which overlap."""
    return sum(max(0, min(until, ended) - max(since, began)) for began, ended in gaps)


class DayBook:
    """What is to be added to the days of checks."""

    __slots__ = ("_rows", "_statuses")

    def __init__(self) -> None:
        """Nothing yet."""
        self._rows: dict[tuple[int, str], list[int]] = {}
        self._statuses: dict[tuple[int, str], Status] = {}

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._rows)

    def charge(self, check: str, status: Status, since: int, until: int, gaps: Sequence[tuple[int, int]] = ()) -> None:
        """Add a span in which a check had a status; what of it lies in a gap is unknown.

        A day that lies in a gap as a whole gets no row: whoever reads the days fills it in.
        """
        place = _PLACES[status]
        while since < until:
            day = since // DAY
            end = min(until, (day + 1) * DAY)
            gap = silent(gaps, since, end) if gaps else 0
            if gap < DAY:
                row = self._row(day, check, end, status)
                row[place] += end - since - gap
                row[_UNKNOWN] += gap
            since = end

    def looked(self, check: str, at: int, looks: int, status: Status) -> None:
        """Add looks to the day of an instant."""
        if looks:
            self._row(at // DAY, check, at, status)[_LOOKS] += looks

    def _row(self, day: int, check: str, until: int, status: Status) -> list[int]:
        key = day, check
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = [0, 0, 0, 0, 0, until]
        if until >= row[_UNTIL]:
            row[_UNTIL] = until
            self._statuses[key] = status
        return row

    def add(self, spent: Spent) -> None:
        """Add a row."""
        row = self._row(spent.day, spent.check, spent.until, Status(spent.status))
        for place, more in enumerate(spent[2:7]):
            row[place] += int(more)

    def rows(self) -> Iterator[Spent]:
        """Go through what is there."""
        for key, row in self._rows.items():
            day, check = key
            yield Spent(day, check, row[0], row[1], row[2], row[3], row[4], row[5], self._statuses[key].value)

    def of(self, check: str, days: Sequence[int]) -> Iterator[Spent]:
        """Go through what is there of one check on some days."""
        for day in days:
            key = day, check
            if row := self._rows.get(key):
                yield Spent(day, check, row[0], row[1], row[2], row[3], row[4], row[5], self._statuses[key].value)

    def take(self) -> list[Spent]:
        """Take everything out."""
        found = list(self.rows())
        self._rows.clear()
        self._statuses.clear()
        return found

    def forget_before(self, day: int) -> int:
        """Let go of old days; returns how many rows that were."""
        old = [key for key in self._rows if key[0] < day]
        for key in old:
            del self._rows[key], self._statuses[key]
        return len(old)

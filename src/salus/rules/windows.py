"""When a maintenance window of the config is open. Pure: ``now`` is an argument.

1. A window is open from each moment its cron comes round for ``duration`` of elapsed time, whatever the clock on the
   wall does meanwhile. It is open at its first instant and closed at its last.
2. Where it begins again while it is still open, or just as it closes, the two are one window.
3. One that hardly ever closes is told in pieces: no further back than ``duration`` and a day before today (in UTC), no
   further on than ``duration`` after the end of tomorrow. So the answer depends on ``now`` alone, and is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from salus.cron import Cron
from salus.model import Maintenance, MaintenanceSpec

_DAY = timedelta(days=1)
_FORESIGHT = 3000  # beginnings that flow into each other, and then it hardly ever closes


def open_window(spec: MaintenanceSpec, now: datetime) -> Maintenance | None:
    """Return the window that is open at ``now`` (aware), or None.

    Cheap to ask: the answer is kept until the next moment at which it may change.
    """
    return _calendar(spec).at(now)


def next_window(spec: MaintenanceSpec, now: datetime) -> Maintenance | None:
    """Return the first window that begins after ``now`` (aware).

    None when none does: the one that is open hardly ever closes, or the cron does not come round in fifty years.
    """
    return _calendar(spec).after(now)


@dataclass(slots=True)
class _Answer:
    """What is open from ``since`` until before ``until``."""

    since: datetime
    until: datetime
    window: Maintenance | None


class _Calendar:
    """One window, and the last answer about it."""

    def __init__(self, spec: MaintenanceSpec) -> None:
        self._spec = spec
        self._cron = Cron(spec.cron, spec.time_zone)
        self._duration = timedelta(seconds=spec.duration)
        self._last: _Answer | None = None

    def at(self, now: datetime) -> Maintenance | None:
        last = self._last
        if last is None or not last.since <= now < last.until:
            last = self._last = self._look(now)
        return last.window

    def after(self, now: datetime) -> Maintenance | None:
        begun, closed = self._cron.latest(now), now
        if begun is not None and now < begun + self._duration:
            for _ in range(_FORESIGHT):
                closed = begun + self._duration
                later = self._cron.latest(closed)
                if later is None or later <= begun:
                    break
                begun = later
            else:
                return None
        begins = self._cron.first(closed)
        return self._look(begins).window if begins else None

    def _look(self, now: datetime) -> _Answer:
        """Find out what is open, and for how long that answer holds."""
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        begun = self._cron.latest(now)
        if begun is None or now >= begun + self._duration:
            return _Answer(now, self._cron.first(now) or today + _DAY, None)
        since, until = self._first_of(begun, today), self._end_of(begun, today)
        window = Maintenance(
            id=self._spec.name, since=since, until=until, members=self._spec.members, reason=self._spec.description
        )
        return _Answer(max(since, today), min(until, today + _DAY), window)

    def _first_of(self, begun: datetime, today: datetime) -> datetime:
        """Go back from one beginning to the first of those that flow into each other."""
        bound = today - _DAY - self._duration
        while (earlier := self._cron.first(max(begun - self._duration, bound))) and earlier < begun:
            begun = earlier
        return begun

    def _end_of(self, begun: datetime, today: datetime) -> datetime:
        """Go on from one beginning to the end of the last of those that flow into each other."""
        bound = today + 2 * _DAY
        while (later := self._cron.latest(min(begun + self._duration, bound))) and later > begun:
            begun = later
        return begun + self._duration


@lru_cache(maxsize=256)
def _calendar(spec: MaintenanceSpec) -> _Calendar:
    return _Calendar(spec)

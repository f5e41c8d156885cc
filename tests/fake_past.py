"""A past that says what a test wants it to say: days, and incidents with what happened in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from salus.errors import NotFoundError, StoreUnreadableError
from salus.model import Event
from salus.model.history import Day, Incident, Series, Times
from salus.ports.history import IncidentQuery


def day(at: date, *, down: float = 0.0, degraded: float = 0.0, unknown: float = 0.0) -> Day:
    """Return a whole day, well but for so many seconds."""
    healthy = 86400 - down - degraded - unknown
    return Day(date=at, healthy=healthy, degraded=degraded, unhealthy=down, unknown=unknown, looks=2880)


def well(until: date, count: int) -> list[Day]:
    """Return so many days without trouble, the oldest first."""
    return [day(until - timedelta(days=ago)) for ago in range(count - 1, -1, -1)]


@dataclass
class FakePast:
    """Implements ``ports.history`` with lists; ``broken`` cannot be read."""

    days_of: dict[str, Sequence[Day]] = field(default_factory=dict)
    troubles: list[Incident] = field(default_factory=list)
    events: dict[str, Sequence[Event]] = field(default_factory=dict)
    broken: bool = False
    asked: list[str] = field(default_factory=list)

    async def days(self, checks: Collection[str] | None = None, *, since: date) -> Mapping[str, Sequence[Day]]:
        self._ask("days")
        wanted = self.days_of if checks is None else checks
        found = {name: [one for one in self.days_of.get(name, ()) if one.date >= since] for name in wanted}
        return {name: days for name, days in found.items() if days}

    async def series(self, check: str, metric: str, *, since: datetime, until: datetime, points: int = 120) -> Series:
        self._ask("series")
        return Series(check=check, metric=metric, unit="", since=since, until=until)

    async def metrics(self, check: str, *, since: datetime) -> Sequence[str]:
        self._ask("metrics")
        return ["duration"]

    async def whole(self, *, since: date) -> Sequence[Day]:
        self._ask("whole")
        return []

    async def lately(self, checks: Collection[str] | None = None, *, since: datetime) -> Mapping[str, Times]:
        self._ask("lately")
        return {}

    async def incidents(self, query: IncidentQuery) -> Sequence[Incident]:
        self._ask("incidents")
        found = sorted(self.troubles, key=lambda one: one.started_at, reverse=True)
        if query.since is not None:
            found = [one for one in found if one.ended_at is None or one.ended_at >= query.since]
        if query.before is not None:
            found = found[1 + [one.id for one in found].index(query.before) :]
        return found[: query.limit]

    async def incident(self, incident: str) -> Incident:
        found = [one for one in self.troubles if one.id == incident]
        if not found:
            raise NotFoundError(f"there is no incident {incident!r}")
        return found[0]

    async def timeline(self, incident: Incident, limit: int = 500) -> Sequence[Event]:
        self._ask("timeline")
        return self.events.get(incident.id, ())[:limit]

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.broken:
            raise StoreUnreadableError("the disk is gone")

"""A long past as surfaces ask for it: what a test wants it to have been."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from salus.model import Status
from salus.model.history import Day, Point, Series, Times
from tests.fake_agent import NOW

DAYS = tuple(
    Day(date=(NOW - timedelta(days=ago)).date(), healthy=86_000.0, unhealthy=400.0, looks=2880) for ago in (2, 1, 0)
)
POINTS = tuple(
    Point(at=NOW - timedelta(minutes=ago), looks=4, low=0.01, mean=0.02, high=0.05, status=Status.HEALTHY)
    for ago in range(40, 0, -1)
)


@dataclass
class FakeHistory:
    """The same days and points for every check that is asked for."""

    day_list: Sequence[Day] = DAYS
    points: Sequence[Point] = POINTS
    names: Sequence[str] = ("duration", "free_ratio")
    unit: str = "seconds"
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def days(self, checks: Collection[str] | None = None, *, since: date) -> Mapping[str, Sequence[Day]]:
        found = [one for one in self.day_list if one.date >= since]
        return dict.fromkeys(checks or ("web",), found) if found else {}

    async def series(self, check: str, metric: str, *, since: datetime, until: datetime, points: int = 120) -> Series:
        self.asked.append((check, metric))
        shown = tuple(one for one in self.points if since <= one.at <= until)[-points:]
        return Series(check=check, metric=metric, unit=self.unit, since=since, until=until, points=shown)

    async def metrics(self, check: str, *, since: datetime) -> Sequence[str]:
        return self.names

    async def whole(self, *, since: date) -> Sequence[Day]:
        return [one for one in self.day_list if one.date >= since]

    async def lately(self, checks: Collection[str] | None = None, *, since: datetime) -> Mapping[str, Times]:
        times = Times(healthy=86_000.0, unhealthy=400.0)
        return dict.fromkeys(checks or ("web",), times) if self.day_list else {}

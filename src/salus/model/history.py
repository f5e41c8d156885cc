"""The long past, summed up: days of each check, numbers over time, and incidents.

Imported from here, not from ``salus.model``: an agent that nobody asks does not load it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from salus.model.checks import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long a check was how, over some time.

    Attributes:
        healthy, degraded, unhealthy, unknown: seconds in each status; unknown is also the time in which no Salus
            looked, once the check was known.
    """

    healthy: float = 0.0
    degraded: float = 0.0
    unhealthy: float = 0.0
    unknown: float = 0.0

    @property
    def judged(self) -> float:
        """Return the seconds in which it was known how the check was."""
        return self.healthy + self.degraded + self.unhealthy

    @property
    def availability(self) -> float | None:
        """Return the share (0 to 1) of the judged time in which it was not unhealthy; None where nothing was judged."""
        return (self.healthy + self.degraded) / self.judged if self.judged else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Day(Times):
    """How one check was on one day (UTC).

    Attributes:
        date: which day.
        looks: how many looks there were.
    """

    date: date
    looks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A few looks together: one point of a curve.

    Attributes:
        at: when the first of them began.
        looks: how many they are.
        low, mean, high: of the number that is drawn.
        status: the worst of their verdicts (unhealthy, degraded, unknown, healthy).
        left: the verdict of the last of them, which held until the next point; none where only the worst was kept.
    """

    at: datetime
    looks: int
    low: float
    mean: float
    high: float
    status: Status
    left: Status | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One number of one check over time.

    Attributes:
        check: name.
        metric: name of the number; ``duration`` is how long the looks took.
        unit: as the check says it: ``bytes``, ``seconds``, ``ratio``, ...
        since, until: what was asked for.
        points: the oldest first, at most as many as were asked for.
    """

    check: str
    metric: str
    unit: str
    since: datetime
    until: datetime
    points: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Trouble that belongs together: checks that were bad at the same time and hang together.

    Attributes:
        id: stays the same while it grows.
        title: one line for people: what is (or was) wrong.
        started_at: when the first of its checks turned bad.
        ended_at: when the last of them was well again; None while it lasts.
        status: the worst verdict that was reached.
        checks: in the order in which they turned bad.
        failing: those of them that are not well again.
        root: the check that it began with, as far as dependencies tell.
        services: those that its checks and recoveries are about.
        recoveries: ids of what was done about it, the oldest first; of very many the newest.
        outcome: how the last recovery ended; None where there was none, or it runs.
        detected: seconds from the first bad look to the verdict, where that is known.
    """

    id: str
    title: str
    started_at: datetime
    ended_at: datetime | None = None
    status: Status = Status.UNHEALTHY
    checks: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    root: str = ""
    services: tuple[str, ...] = ()
    recoveries: tuple[str, ...] = ()
    outcome: str | None = None
    detected: float | None = None

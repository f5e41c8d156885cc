"""The long past as surfaces may read it. Imported from here, as its nouns are: only who is asked loads it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, TypeAlias

from salus.model import Event
from salus.model.history import Day, Incident, Point, Series, Times
from salus.ports.store import Spent, Store


class History(Protocol):
    """Days and curves. Raises StoreError."""

    async def days(self, checks: Collection[str] | None = None, *, since: date) -> Mapping[str, Sequence[Day]]:
        """Return the days of checks, the oldest first, today's so far included; None asks for all checks.

        A day that nothing is known of is left out; so is a check without any.
        """
        ...

    async def series(self, check: str, metric: str, *, since: datetime, until: datetime, points: int = 120) -> Series:
        """Return a number of a check over time, in at most so many points."""
        ...

    async def metrics(self, check: str, *, since: datetime) -> Sequence[str]:
        """Return the names of the numbers that looks at a check saw, ``duration`` first."""
        ...

    async def whole(self, *, since: date) -> Sequence[Day]:
        """Return the days of all checks together: the seconds and the looks of each day added up, oldest first."""
        ...

    async def lately(self, checks: Collection[str] | None = None, *, since: datetime) -> Mapping[str, Times]:
        """Return how checks were from an instant of the last days until now, to the second; None asks for all."""
        ...


Change: TypeAlias = "tuple[int, int, str | None, str, str]"


class HistoryStore(Protocol):
    """What a ledger keeps for it, beside events and looks. Days are numbered from 1970, instants microseconds."""

    async def days(self, checks: Collection[str] | None, *, since: int) -> Sequence[Spent]:
        """Return the rows of checks (None: of all) from a day on, by check, the oldest first."""
        ...

    async def whole_days(self, *, since: int) -> Sequence[Spent]:
        """Return what all checks spent together, a row without a check's name for each day, the oldest first."""
        ...

    async def last_days(self) -> Sequence[Spent]:
        """Return the newest row of each check that has one on the newest day or the day before it."""
        ...

    async def changes(self, *, after: int, checks: Collection[str] | None = None, limit: int = 500) -> Sequence[Change]:
        """Return changes of status and starts of Salus after an event id, the oldest first.

        Each is (event id, instant, check, old status, new status); a start has no check.
        """
        ...

    async def last_sign(self, before: int) -> int | None:
        """Return the instant of the last event or look before an instant; None when there is none."""
        ...

    async def points(
        self, check: str, metric: str, *, since: datetime, until: datetime, points: int, hours: bool
    ) -> tuple[str, Sequence[Point]]:
        """Return the unit and the points of a number, from the looks or from the hours."""
        ...

    async def metrics(self, check: str, *, since: datetime) -> Sequence[str]:
        """Return the names of the numbers that looks at a check saw, in order."""
        ...

    async def roll_up(self) -> bool:
        """Put the next looks into their hours, a bounded number of them; true when more wait.

        Raises:
            StoreUnwritableError: nothing was written; the same looks come next.
        """
        ...


class HistoryLedger(Store, HistoryStore, Protocol):
    """A whole ledger: every store of ours is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentQuery:
    """Which incidents, newest first. ``before`` is the id of the last one of the page before.

    ``since``: those that lasted until then at least; all that are open are among them.
    """

    check: str | None = None
    open: bool | None = None
    since: datetime | None = None
    before: str | None = None
    limit: int = 50


class Incidents(Protocol):
    """Trouble that belongs together. Raises StoreError."""

    async def incidents(self, query: IncidentQuery) -> Sequence[Incident]:
        """Return incidents, newest first."""
        ...

    async def incident(self, incident: str) -> Incident:
        """Return one of them. Raises NotFoundError."""
        ...

    async def timeline(self, incident: Incident, limit: int = 500) -> Sequence[Event]:
        """Return what happened in it, the oldest first."""
        ...

"""The long past as surfaces may read it. Imported from here, as its nouns are: only who is asked loads it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from salus.model import Event
from salus.model.history import Day, Incident, Series


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

"""Incidents of one agent: read from the ledger when they are first asked for, and from there on when asked again.

Nothing listens on the bus: whoever asks has everything that happened written first, and the rest read. So incidents
cost nothing while nobody asks, and nothing that happened can be missed or be in them before it is in the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import islice

from salus.engine.engine import Engine
from salus.engine.units import CheckUnit
from salus.errors import NotFoundError
from salus.incidents import timeline
from salus.incidents.cases import read_id
from salus.incidents.fold import KINDS, MOST, Incidents
from salus.incidents.graph import Graph
from salus.model import Event, EventKind
from salus.model.history import Incident
from salus.ports import EventQuery, Past
from salus.ports.history import IncidentQuery

KEPT = timedelta(days=90)
PAGE = 50  # rows are read in another thread, but Python runs one at a time: more would hold the loop too
MOMENT = 0.0005
_AT_ONCE = 200
_LATELY = timedelta(minutes=1)


class LedgerIncidents:
    """Implements ``ports.history.Incidents``."""

    def __init__(self, past: Past, engine: Engine, *, kept: timedelta = KEPT, most: int = MOST) -> None:
        """Nothing is read yet.

        Args:
            past: the ledger.
            engine: knows the checks, and what hangs on what.
            kept: how far back incidents are told.
            most: how many that are over are kept.
        """
        self._past = past
        self._engine = engine
        self._kept, self._most = kept, most
        self._found: Incidents | None = None
        self._units: Mapping[str, CheckUnit] = {}
        self._last = 0
        self._reading = asyncio.Lock()

    async def incidents(self, query: IncidentQuery) -> Sequence[Incident]:
        """Return incidents, newest first."""
        found = await self._up_to_date()
        before = read_id(query.before) if query.before else None
        wanted = (
            case
            for case in found.newest_first(before)
            if (query.check is None or query.check in case.checks)
            and (query.open is None or query.open == (case.ended is None))
            and (query.since is None or case.ended is None or case.ended >= query.since)
        )
        return [case.incident() for case in islice(wanted, max(0, query.limit))]

    async def incident(self, incident: str) -> Incident:
        """Return one of them; one that was merged into another is that other."""
        found = (await self._up_to_date()).find(incident)
        if found is None:
            message = f"there is no incident {incident[:200]!r}"
            raise NotFoundError(message, remedy="GET /api/v1/incidents lists them")
        return found

    async def timeline(self, incident: Incident, limit: int = 500) -> Sequence[Event]:
        """Return what happened in it, the oldest first."""
        return timeline.woven([await self._past.events(one) for one in timeline.queries(incident, limit)], limit)

    async def _up_to_date(self) -> Incidents:
        async with self._reading:
            found = self._found
            if found is None:
                found = Incidents(await self._wiring(), most=self._most)
                self._last = timeline.micros(self._engine.site.clock.now() - self._kept) - 1
                self._remember(found)
                self._found = found
            elif self._units is not self._engine.units:
                found.rewire(await self._wiring())
            while page := await self._past.events(
                EventQuery(kinds=KINDS, after=self._last, oldest_first=True, limit=PAGE)
            ):
                await self._take(found, page)
                if len(page) < PAGE:
                    break
            self._correct(found)
            return found

    async def _take(self, found: Incidents, page: Sequence[Event]) -> None:
        """Take some events; the loop is free again after each moment of it."""
        clock = self._engine.site.clock
        began = clock.monotonic()
        for event in page:
            found.take(event)
            self._last = event.id
            if clock.monotonic() - began > MOMENT:
                await clock.sleep(0)
                began = clock.monotonic()

    async def _wiring(self) -> Graph:
        """Draw what hangs on what, a few checks at a time."""
        units = self._engine.units
        made = Graph(dict(self._engine.service_roots))
        for count, unit in enumerate([*units.values()], start=1):
            made.add(unit.spec)
            if count % _AT_ONCE == 0:
                await self._engine.site.clock.sleep(0)
        self._units = units
        return made

    def _remember(self, found: Incidents) -> None:
        """Begin with what has been bad since before the first event that is read: no event tells of that."""
        since = {
            name: unit.state.since
            for name, unit in self._units.items()
            if unit.state.status.bad and unit.state.since and timeline.micros(unit.state.since) <= self._last
        }
        number = 0
        for name, at in sorted(since.items(), key=lambda item: (item[1], item[0])):
            state, number = self._units[name].state, max(number + 1, timeline.micros(at))
            found.take(
                Event(
                    id=number,
                    at=at,
                    kind=EventKind.STATUS_CHANGED,
                    check=name,
                    service=self._units[name].spec.service,
                    new=state.status.value,
                    message=state.last.message if state.last else "",
                )
            )

    def _correct(self, found: Incidents) -> None:
        """End what goes on although its check is gone or has been well for a while: an event of that was lost."""
        now = self._engine.site.clock.now()
        for name in found.failing():
            unit = self._units.get(name)
            if unit is None:
                found.well(name, now)
            elif unit.state.status.value == "healthy" and unit.state.since and now - unit.state.since > _LATELY:
                found.well(name, unit.state.since)

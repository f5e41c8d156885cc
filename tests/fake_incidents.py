"""Incidents as surfaces ask for them: one that goes on, and one that is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from salus.errors import NotFoundError
from salus.incidents.cases import read_id
from salus.model import Event, EventKind, Status
from salus.model.history import Incident
from salus.ports.history import IncidentQuery
from tests.fake_agent import NOW

MINUTE = timedelta(minutes=1)
OPEN_INCIDENT = Incident(
    id="64bf535af0002",
    title="2 checks are failing, api first",
    started_at=NOW - 2 * MINUTE,
    checks=("web", "api"),
    failing=("web", "api"),
    root="api",
    services=("web",),
    recoveries=("r1", "running"),
    detected=1.5,
)
PAST_INCIDENT = Incident(
    id="64bf535af0001",
    title="disk was degraded: 3% <b>free</b>",
    started_at=NOW - 90 * MINUTE,
    ended_at=NOW - 60 * MINUTE,
    status=Status.DEGRADED,
    checks=("disk",),
    root="disk",
    recoveries=("r2",),
    outcome="recovered",
)
TURNED = Event(
    id=1_772_366_280_000_000,
    at=NOW - 2 * MINUTE,
    kind=EventKind.STATUS_CHANGED,
    check="web",
    old="healthy",
    new="unhealthy",
    message="got <500>",
)


@dataclass
class FakeIncidents:
    """Some incidents, newest first."""

    found: Sequence[Incident] = (OPEN_INCIDENT, PAST_INCIDENT)
    happened: Sequence[Event] = field(default_factory=lambda: [TURNED])

    async def incidents(self, query: IncidentQuery) -> Sequence[Incident]:
        before = read_id(query.before) if query.before else None
        found = [
            one
            for one in self.found
            if query.check in (None, *one.checks)
            and query.open in (None, one.ended_at is None)
            and (query.since is None or one.ended_at is None or one.ended_at >= query.since)
            and (before is None or int(one.id, 16) < before)
        ]
        return found[: query.limit]

    async def incident(self, incident: str) -> Incident:
        for one in self.found:
            if one.id == incident:
                return one
        message = f"there is no incident {incident!r}"
        raise NotFoundError(message)

    async def timeline(self, incident: Incident, limit: int = 500) -> Sequence[Event]:
        return self.happened[:limit]

"""A small shop whose trouble is told in events, for the tests of incidents."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from salus.incidents.fold import Incidents
from salus.incidents.graph import Graph
from salus.model import CheckSpec, Event, EventKind, Json, Status
from salus.model.history import Incident

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERVICES = {"web": ("db",), "db": (), "mail": ()}
CHECKS = (
    CheckSpec(name="db", kind="tcp", service="db"),
    CheckSpec(name="db-disk", kind="disk", service="db"),
    CheckSpec(name="web", kind="http", service="web"),
    CheckSpec(name="page", kind="http", depends_on=("web",), tags=("shop",)),
    CheckSpec(name="mail", kind="tcp", service="mail"),
    CheckSpec(name="clock", kind="ntp", tags=("shop",)),
    CheckSpec(name="door", kind="http"),
)


def graph(*checks: CheckSpec) -> Graph:
    made = Graph(SERVICES)
    for spec in checks or CHECKS:
        made.add(spec)
    return made


@dataclass
class Story:
    """Events one after the other, and the incidents that they make."""

    incidents: Incidents = field(default_factory=lambda: Incidents(graph()))
    at: datetime = NOW
    events: list[Event] = field(default_factory=list)

    def wait(self, seconds: float) -> Story:
        self.at += timedelta(seconds=seconds)
        return self

    def tell(self, kind: EventKind, **about: object) -> Story:
        number = int(self.at.timestamp() * 1_000_000) + len(self.events)
        event = Event(id=number, at=self.at, kind=kind, **about)  # type: ignore[arg-type] # named at each call
        self.events.append(event)
        self.incidents.take(event)
        return self

    def turns(self, check: str, status: Status, message: str = "", **data: Json) -> Story:
        return self.tell(EventKind.STATUS_CHANGED, check=check, new=status.value, message=message, data=data)

    def bad(self, *checks: str, message: str = "it is down", **data: Json) -> Story:
        for check in checks:
            self.turns(check, Status.UNHEALTHY, message, **data)
        return self

    def well(self, *checks: str) -> Story:
        for check in checks:
            self.turns(check, Status.HEALTHY)
        return self

    def heals(self, recovery: str, check: str, *targets: str) -> Story:
        return self.tell(EventKind.RECOVERY_STARTED, check=check, recovery=recovery, data={"targets": [*targets]})

    def healed(self, recovery: str, check: str, outcome: str = "recovered") -> Story:
        return self.tell(EventKind.RECOVERY_FINISHED, check=check, recovery=recovery, reason=outcome)

    @property
    def all(self) -> list[Incident]:
        return [case.incident() for case in self.incidents.newest_first()]

    @property
    def one(self) -> Incident:
        (found,) = self.all
        return found

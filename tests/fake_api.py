"""The API with fakes behind it, real tokens at its door, and a ledger in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from salus.config import Settings, loads
from salus.engine.announcements import AnnouncementBook
from salus.engine.chronicle import Chronicle
from salus.engine.days import DayBook, micros
from salus.engine.history import EngineHistory
from salus.engine.tally import Tally
from salus.engine.units import CheckUnit
from salus.errors import StoreUnreadableError
from salus.matchers import parse_matchers
from salus.model import (
    Alert,
    AlertState,
    Event,
    EventKind,
    Json,
    Maintenance,
    Metric,
    Observation,
    Pause,
    PolicyReport,
    RecoveryRecord,
    RefusalReason,
    RuleState,
    Selector,
    ServiceStatus,
    Silence,
    Status,
)
from salus.model.statuspage import Announcement, Impact
from salus.ports import AlertQuery, Batch, EventQuery, RecoveryQuery, Service
from salus.ports.history import History
from salus.store.memory import MemoryStore
from salus.surfaces.access.audit import Audit
from salus.surfaces.api.app import ApiApp, Parts
from salus.surfaces.api.door import ApiDoor
from salus.surfaces.dashboard.app import Dashboard
from salus.surfaces.door import FrontDoor, Lazy
from salus.surfaces.health import HealthApp
from tests.fake_access import Door
from tests.fake_agent import (
    API,
    DISK,
    NEW,
    NOW,
    PAUSE_OF_DISK,
    RECOVERY,
    RUNNING,
    WAITING,
    WEB,
    WEB_RULE,
    WEB_SERVICE,
    Bus,
    FakeControl,
    FakeView,
    check,
    explanation,
    look,
    refusal,
)
from tests.fake_desk import WEB_DOWN, FakeDesk
from tests.fake_incidents import FakeIncidents

CONFIG = """\
checks: {web: {http: {url: "http://127.0.0.1:1", headers: {Authorization: do-not-tell}}}}
services: {web: {process: {command: [web, --token, do-not-tell]}}}
alerts: {channels: {ops: {webhook: {url: "http://127.0.0.1:1/do-not-tell"}}}}
"""
ODD = check("odd.one", Status.DEGRADED, "<b>&\"'", metrics={"x": Metric(1.5)}, tags=("shop",), description="Odd")
MEMBERS = Selector(services=("web",))
WINDOW = Maintenance(id="deploy", since=NOW, until=NOW + timedelta(hours=1), members=MEMBERS, reason="42", by="olaf")
ANNOUNCEMENT = Announcement(id="a1", title="We move", impact=Impact.MAINTENANCE, since=NOW, by="olaf")
SILENCE = Silence(id="s1", match=parse_matchers("check=web"), since=NOW, until=NOW + timedelta(hours=1), by="olaf")
EVENT = Event(id=1_772_366_000_000_000, at=NOW, kind=EventKind.STATUS_CHANGED, message="web is down", check="web")


class PastStore(MemoryStore):
    """A ledger in memory that has everything written at once; ``broken`` cannot be read."""

    settled = True
    broken = False

    async def settle(self) -> bool:
        return self.settled

    async def events(self, query: EventQuery) -> Sequence[Event]:
        self._see()
        return await super().events(query)

    async def recoveries(self, query: RecoveryQuery) -> Sequence[RecoveryRecord]:
        self._see()
        return await super().recoveries(query)

    async def alerts(self, query: AlertQuery) -> Sequence[Alert]:
        self._see()
        return await super().alerts(query)

    async def observations(self, check: str, *, since: datetime, limit: int = 1000) -> Sequence[Observation]:
        self._see()
        return await super().observations(check, since=since, limit=limit)

    def _see(self) -> None:
        if self.broken:
            raise StoreUnreadableError("the disk is gone")


@dataclass
class Runs:
    """A service as far as the API asks it."""

    status: ServiceStatus = WEB_SERVICE
    lines: Sequence[str] = ("listening on :8080", "GET / 500", "x" * 9000)

    def last_output(self, lines: int = 50) -> list[str]:
        return list(self.lines[-lines:])


@dataclass
class FakeApi:
    """Everything around one API; ``app`` answers."""

    door: Door = field(default_factory=Door)
    control: FakeControl = field(default_factory=FakeControl)
    desk: FakeDesk = field(default_factory=lambda: FakeDesk(silence_list=[SILENCE]))
    bus: Bus = field(default_factory=Bus)
    past: PastStore = field(default_factory=PastStore)
    history: History | None = None
    incidents: FakeIncidents = field(default_factory=FakeIncidents)
    view: FakeView = field(
        default_factory=lambda: FakeView(
            [API, DISK, NEW, ODD, WEB],
            service_list=[WEB_SERVICE],
            rule_list=[
                WEB_RULE,
                replace(WEB_RULE, rule=replace(WEB_RULE.rule, name="z"), state=RuleState(rule="z", approval=WAITING)),
            ],
            running=[replace(RUNNING, id="running")],
            report=PolicyReport(
                pause=Pause(since=NOW),
                checks_paused=(PAUSE_OF_DISK,),
                maintenance=(WINDOW,),
                refusals={"web": {"paused": 2}},
            ),
            explained=[explanation(refusal(RefusalReason.COOLING_DOWN, "18 s ago", 42), running=True)],
        )
    )

    def __post_init__(self) -> None:
        settings = loads(CONFIG, folder=Path("/nowhere"), environ={})
        self.settings: Settings = replace(settings, agent=replace(settings.agent, state_dir=Path("/")))
        self.announcements = AnnouncementBook(
            self.door.clock, self.door.told, self.door.keep, self.door.commit, lambda: ["Website"]
        )
        self.announcements.load({"announcement:a1": msgspec.to_builtins(ANNOUNCEMENT)})
        parts = Parts(
            view=self.view,
            control=self.control,
            desk=self.desk,
            past=self.past,
            history=self.history or self._history(),
            incidents=self.incidents,
            access=self.door.book,
            service=self._service,
            settings=lambda: self.settings,
            announcements=self.announcements,
            subscribe=self.bus.subscribe,
        )
        health = HealthApp(self.view, self.control, gate=self.door.gate, clock=self.door.clock)
        audit = Audit(self.door.told, clock=self.door.clock)
        self.answers = ApiApp(parts, self.door.gate, audit, clock=self.door.clock)
        self.lazy = ApiDoor(lambda: self.answers)
        pages = Lazy("/health-dashboard", lambda: Dashboard(self.answers, self.door.gate, self.door.clock))
        self.app = FrontDoor([self.lazy, pages], health, home="health-dashboard/")

    def _history(self) -> EngineHistory:
        """Return the real one over the ledger in memory; what is counted and not written is unknown."""

        def units() -> dict[str, CheckUnit]:
            check: Any = None  # nothing looks
            return {one.spec.name: CheckUnit(spec=one.spec, check=check, state=one.state) for one in self.view.reports}

        tally = Tally(units, self.door.clock.now)
        return EngineHistory(self.past, Chronicle(self.past, tally, units, self.door.clock), units, self.door.clock)

    def _service(self, name: str) -> Service | None:
        found: Any = Runs() if name == "web" else None
        return found  # type: ignore[no-any-return] # as much of a service as the API asks

    async def fill(self) -> None:
        """Put a past into the ledger."""
        await self.past.open()
        recoveries = [
            replace(RECOVERY, id=f"r{number}", started_at=NOW - timedelta(minutes=number)) for number in range(5)
        ]
        events = [replace(EVENT, id=EVENT.id + number) for number in range(5)]
        ended = replace(WEB_DOWN, id="ee0", state=AlertState.RESOLVED, resolved_at=NOW, resolution="it is well")
        looks = [("web", look(Status.UNHEALTHY, "500", ago=number)) for number in range(4, 0, -1)]
        await self.past.write(Batch(events=events, recoveries=recoveries, observations=looks, alerts=[ended]))
        book = DayBook()
        book.charge("web", Status.HEALTHY, micros(NOW - timedelta(days=3)), micros(NOW - timedelta(hours=1)))
        book.charge("web", Status.UNHEALTHY, micros(NOW - timedelta(hours=1)), micros(NOW))
        book.looked("web", micros(NOW), 100, Status.UNHEALTHY)
        await self.past.write(Batch(days=book.take()))


def names(page: Json, key: str = "name") -> list[Any]:
    """Return one field of every item on a page."""
    assert isinstance(page, dict)
    items = page["items"]
    assert isinstance(items, list)
    return [item[key] for item in items if isinstance(item, dict)]

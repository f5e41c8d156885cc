"""A status page with fakes behind it: a small shop, and how it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from salus.config import Settings, loads
from salus.engine.announcements import AnnouncementBook
from salus.model import CheckReport, Event, EventKind, Json, Outcome, PolicyReport, Status
from salus.model.history import Incident
from salus.surfaces.statuspage.app import StatusPage
from salus.surfaces.statuspage.reading import Parts
from tests.asgi import Answer, ask
from tests.fake_access import Door
from tests.fake_agent import NOW, FakeView, check
from tests.fake_past import FakePast, well

CONFIG = """
salus: {trusted_proxies: [10.0.0.1]}
services: {web: {process: {command: [web]}}}
checks:
  web-http: {http: {url: "http://10.9.8.7:1"}, critical: true, service: web, tags: [front]}
  pay-api: {http: {url: "http://10.9.8.7:2"}, tags: [pay]}
  pay-queue: {tcp: {host: 10.9.8.7, port: 3}, tags: [pay]}
  search-es: {http: {url: "http://10.9.8.7:4"}}
  disk-sda: {disk: {path: /srv/secret}}
status_page:
  title: Example Shop
  description: How the shop is doing
  link: https://example.org/help
  components:
    Website: web-http
  groups:
    - name: Behind the counter
      description: What you do not see, and still need
      components:
        Payment: {tags: [pay], description: "Cards, and everything else that is money"}
        Search: search-es
"""
NAMES = ("web-http", "pay-api", "pay-queue", "search-es", "disk-sda")


def event(kind: EventKind, name: str, at: datetime, new: str | None = None, **more: Any) -> Event:
    number = int(at.timestamp() * 1_000_000)
    return Event(id=number, at=at, kind=kind, check=name, new=new, message=f"{name} at 10.9.8.7", **more)


def turned(name: str, status: Status, at: datetime) -> Event:
    return event(EventKind.STATUS_CHANGED, name, at, status.value)


class Shop:
    """The page, and everything around it."""

    def __init__(self, config: str = CONFIG, statuses: Mapping[str, Status] | None = None, days: int = 90) -> None:
        self.door = Door()
        self.clock = self.door.clock
        self.settings = loads(config, name="salus.yaml", folder=Path("/nowhere"), environ={})
        self.view = FakeView([])
        self.past = FakePast()
        self.book = AnnouncementBook(self.clock, self.door.told, self.door.keep, self.door.commit, self.labels)
        for name in NAMES:
            self.become(name, (statuses or {}).get(name, Status.HEALTHY))
            self.past.days_of[name] = well(NOW.date(), days)
        parts = Parts(
            view=self.view,
            settings=self._settings,
            history=self.past,
            incidents=self.past,
            announcements=self.book,
        )
        self.app = StatusPage(parts, clock=self.clock)

    def _settings(self) -> Settings:
        return self.settings

    def labels(self) -> list[str] | None:
        page = self.settings.status_page
        return None if page is None else [one.label for one in page.components]

    def become(self, name: str, status: Status, message: str | None = None) -> None:
        """Have a check be so."""
        said = f"{name} at 10.9.8.7 says /srv/secret" if message is None else message
        spec = self.settings.checks.get(name)
        report = check(name, status, "" if status is Status.UNKNOWN else said)
        self.put(replace(report, spec=spec) if spec else report)

    def put(self, report: CheckReport) -> None:
        self.view.reports = [one for one in self.view.reports if one.spec.name != report.spec.name] + [report]

    def reload(self, config: str) -> None:
        self.settings = loads(config, name="salus.yaml", folder=Path("/nowhere"), environ={})

    def hold(self, report: PolicyReport) -> None:
        self.view.report = report

    def outage(self, name: str, *, ago: timedelta, lasted: timedelta | None, repaired: bool = True) -> Incident:
        """Put an incident into the past: a check was down, and Salus did something about it."""
        began = NOW - ago
        one = Incident(
            id=f"{name}:{began:%Y%m%dT%H%M%S}",
            title=f"{name} is unhealthy: connection to 10.9.8.7 refused",
            started_at=began,
            ended_at=None if lasted is None else began + lasted,
            checks=(name, "disk-sda"),
            root=name,
            services=("web",),
            recoveries=("r1",),
            outcome=Outcome.RECOVERED if repaired else None,
        )
        events = [
            turned(name, Status.UNHEALTHY, began),
            event(EventKind.RECOVERY_STARTED, name, began + timedelta(seconds=20), recovery="r1"),
        ]
        if lasted is not None:
            if repaired:
                done = one.started_at + lasted - timedelta(seconds=5)
                events.append(event(EventKind.RECOVERY_FINISHED, name, done, reason=Outcome.RECOVERED.value))
            events.append(turned(name, Status.HEALTHY, began + lasted))
        self.past.troubles.append(one)
        self.past.events[one.id] = events
        return one

    async def ask(self, target: str = "/status", **more: Any) -> Answer:
        return await ask(self.app, target, **more)

    async def json(self, name: str = "summary") -> dict[str, Json]:
        told: dict[str, Json] = (await self.ask(f"/status/api/v2/{name}.json")).json
        return told

"""The doors of one agent: what is answered over the network, and what at the control socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from salus.app.alerting import Alerting
from salus.config import Settings
from salus.engine.access import TokenBook
from salus.engine.chronicle import Chronicle
from salus.engine.control import EngineControl
from salus.engine.engine import Engine
from salus.engine.past import EnginePast
from salus.engine.view import EngineView
from salus.ports import Clock
from salus.surfaces.access.audit import Audit
from salus.surfaces.access.gate import Gate, Shown
from salus.surfaces.api.door import ApiDoor
from salus.surfaces.control import ControlApp
from salus.surfaces.door import FrontDoor, Lazy, once
from salus.surfaces.health import HealthApp
from salus.surfaces.receiving import AlertDoors

if TYPE_CHECKING:
    from salus.engine.announcements import AnnouncementBook
    from salus.surfaces.api.app import ApiApp
    from salus.surfaces.dashboard.app import Dashboard
    from salus.surfaces.metrics.app import MetricsApp
    from salus.surfaces.statuspage.app import StatusPage


class Parent(Protocol):
    """What the doors need of an agent; its config may change at any time."""

    view: EngineView
    control: EngineControl
    access: TokenBook
    alerting: Alerting

    @property
    def announcements(self) -> AnnouncementBook:
        """Return what the public was told."""
        ...

    @property
    def settings(self) -> Settings:
        """Return the config in force."""
        ...


class Doors:
    """From the outside to the inside: the API, the doors for alerts of others, the health endpoints."""

    def __init__(self, agent: Parent, engine: Engine, past: EnginePast, chronicle: Chronicle, clock: Clock) -> None:
        """Stand before an agent."""

        def shown() -> Shown:
            settings = agent.settings.agent
            return Shown(settings.show_details, settings.trusted_proxies)

        gate = Gate(agent.access, shown, clock=clock)
        health = HealthApp(agent.view, agent.control, gate=gate, clock=clock)
        receiving = AlertDoors(lambda: agent.settings.alerts.receive, agent.control, health, clock=clock)
        audit = Audit(engine.bus.tell, clock=clock)

        @once
        def api() -> ApiApp:
            from salus.engine.history import EngineHistory
            from salus.engine.incidents import LedgerIncidents
            from salus.surfaces.api.app import ApiApp, Parts

            parts = Parts(
                view=agent.view,
                control=agent.control,
                desk=agent.alerting.desk,
                past=past,
                history=EngineHistory(past, chronicle, lambda: engine.units, clock),
                incidents=LedgerIncidents(past, engine),
                access=agent.access,
                service=engine.site.services.get,
                settings=lambda: agent.settings,
                announcements=agent.announcements,
                subscribe=engine.bus.subscribe,
            )
            return ApiApp(parts, gate, audit, clock=clock)

        door = ApiDoor(api)

        def dashboard() -> Dashboard:
            from salus.surfaces.dashboard.app import Dashboard

            return Dashboard(api(), gate, clock)

        def status_page() -> StatusPage:
            from salus.surfaces.statuspage.app import StatusPage
            from salus.surfaces.statuspage.reading import Parts

            told = api().parts
            parts = Parts(
                view=told.view,
                settings=told.settings,
                history=told.history,
                incidents=told.incidents,
                announcements=told.announcements,
            )
            return StatusPage(parts, clock=clock)

        def metrics() -> MetricsApp:
            from salus.surfaces.metrics.app import MetricsApp
            from salus.surfaces.metrics.scrape import Parts

            alerting = agent.alerting
            parts = Parts(
                view=agent.view,
                counts=engine.meter,
                alerts=alerting.alerter.desk.alerts.values,
                channels=lambda: [report.spec.name for report in alerting.courier.report()],
                suppressed=lambda: alerting.alerter.desk.suppressed,
            )
            return MetricsApp(parts, gate, audit, lambda: agent.settings.agent.metrics, clock=clock)

        wings: list[Lazy[Any]] = [
            door,
            Lazy("/health-dashboard", dashboard),
            Lazy("/status", status_page),
            Lazy("/metrics", metrics),
        ]
        self.network = FrontDoor(wings, receiving, home="health-dashboard/")
        self.local = ControlApp(
            agent.view,
            agent.control,
            engine.bus.subscribe,
            desk=agent.alerting.desk,
            api=door,
            audit=audit,
            clock=clock,
        )

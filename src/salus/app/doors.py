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
    """From the outside to the inside: the API, the doors for alerts of others, the health endpoints.

    Attributes:
        network: the app that is answered over the network.
        local: the app at the control socket.
    """

    def __init__(self, agent: Parent, engine: Engine, past: EnginePast, chronicle: Chronicle, clock: Clock) -> None:
        """Stand before an agent; what is seldom asked for is loaded when it is."""
        self._agent = agent
        self._engine = engine
        self._past = past
        self._chronicle = chronicle
        self._clock = clock
        self._gate = Gate(agent.access, self._shown, clock=clock)
        self._audit = Audit(engine.bus.tell, clock=clock)
        self._api = once(self._make_api)
        door = ApiDoor(self._api)
        self.network = self._make_network(door)
        self.local = ControlApp(
            agent.view,
            agent.control,
            engine.bus.subscribe,
            desk=agent.alerting.desk,
            api=door,
            audit=self._audit,
            clock=clock,
        )

    def _shown(self) -> Shown:
        settings = self._agent.settings.agent
        return Shown(settings.show_details, settings.trusted_proxies)

    def _make_network(self, door: ApiDoor) -> FrontDoor:
        agent, clock = self._agent, self._clock
        health = HealthApp(agent.view, agent.control, gate=self._gate, clock=clock)
        receiving = AlertDoors(lambda: agent.settings.alerts.receive, agent.control, health, clock=clock)
        wings: list[Lazy[Any]] = [
            door,
            Lazy("/health-dashboard", self._make_dashboard),
            Lazy("/status", self._make_status_page),
            Lazy("/metrics", self._make_metrics),
        ]
        return FrontDoor(wings, receiving, home="health-dashboard/")

    # ── wings ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _make_api(self) -> ApiApp:
        from salus.engine.history import EngineHistory
        from salus.engine.incidents import LedgerIncidents
        from salus.surfaces.api.app import ApiApp, Parts

        agent, engine = self._agent, self._engine
        parts = Parts(
            view=agent.view,
            control=agent.control,
            desk=agent.alerting.desk,
            past=self._past,
            history=EngineHistory(self._past, self._chronicle, lambda: engine.units, self._clock),
            incidents=LedgerIncidents(self._past, engine),
            access=agent.access,
            service=engine.site.services.get,
            settings=lambda: agent.settings,
            announcements=agent.announcements,
            subscribe=engine.bus.subscribe,
        )
        return ApiApp(parts, self._gate, self._audit, clock=self._clock)

    def _make_dashboard(self) -> Dashboard:
        from salus.surfaces.dashboard.app import Dashboard

        return Dashboard(self._api(), self._gate, self._clock)

    def _make_status_page(self) -> StatusPage:
        from salus.surfaces.statuspage.app import StatusPage
        from salus.surfaces.statuspage.reading import Parts

        told = self._api().parts
        parts = Parts(
            view=told.view,
            settings=told.settings,
            history=told.history,
            incidents=told.incidents,
            announcements=told.announcements,
        )
        return StatusPage(parts, clock=self._clock)

    def _make_metrics(self) -> MetricsApp:
        from salus.surfaces.metrics.app import MetricsApp
        from salus.surfaces.metrics.scrape import Parts

        agent, alerting = self._agent, self._agent.alerting
        parts = Parts(
            view=agent.view,
            counts=self._engine.meter,
            alerts=alerting.alerter.desk.alerts.values,
            channels=lambda: [report.spec.name for report in alerting.courier.report()],
            suppressed=lambda: alerting.alerter.desk.suppressed,
        )
        return MetricsApp(parts, self._gate, self._audit, lambda: agent.settings.agent.metrics, clock=self._clock)

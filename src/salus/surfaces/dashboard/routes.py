"""Which page is where, and who may see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from salus.errors import NotFoundError
from salus.model import Json, Role
from salus.surfaces.dashboard.page import PageView, Visit
from salus.surfaces.dashboard.source import Source
from salus.surfaces.dashboard.views.alert import AlertPage
from salus.surfaces.dashboard.views.alerts import AlertsPage
from salus.surfaces.dashboard.views.audit import AuditPage
from salus.surfaces.dashboard.views.check import CheckPage
from salus.surfaces.dashboard.views.dependencies import Dependencies
from salus.surfaces.dashboard.views.incident import IncidentPage
from salus.surfaces.dashboard.views.incidents import IncidentsPage
from salus.surfaces.dashboard.views.maintenance import MaintenancePage
from salus.surfaces.dashboard.views.overview import Overview
from salus.surfaces.dashboard.views.recoveries import RecoveriesPage, RecoveryPage
from salus.surfaces.dashboard.views.rules import RulePage, RulesPage
from salus.surfaces.dashboard.views.services import ServicePage, ServicesPage
from salus.surfaces.dashboard.views.statistics import StatisticsPage
from salus.surfaces.dashboard.views.system import System
from salus.surfaces.dashboard.views.tokens import TokensPage

_LONGEST_NAME = 200

Make: TypeAlias = Callable[[Source], PageView]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the navigation.

    Attributes:
        name: of the entry; pages say by it where they belong.
        label: what people read.
        path: below the root.
        icon: name of its picture.
        shown: everybody may see it where ``show_details`` is ``always``.
        role: who else may.
    """

    name: str
    label: str
    path: str
    icon: str
    shown: bool = False
    role: Role = Role.VIEWER


NAVIGATION = (
    Entry("overview", "Overview", "/", "home", shown=True),
    Entry("incidents", "Incidents", "/incidents", "flag"),
    Entry("recoveries", "Recoveries", "/recoveries", "wrench"),
    Entry("alerts", "Alerts", "/alerts", "bell"),
    Entry("services", "Services", "/services", "server"),
    Entry("rules", "Rules", "/rules", "list"),
    Entry("dependencies", "Dependencies", "/dependencies", "graph"),
    Entry("maintenance", "Maintenance", "/maintenance", "pause"),
    Entry("statistics", "Statistics", "/statistics", "chart"),
    Entry("system", "System", "/system", "chip"),
    Entry("audit", "Audit", "/audit", "book"),
    Entry("tokens", "Tokens", "/tokens", "key", role=Role.ADMIN),
)

# A path of one part, or of two where the second is a name.
_PAGES: dict[str, Make] = {
    "": Overview,
    "incidents": IncidentsPage,
    "alerts": AlertsPage,
    "services": ServicesPage,
    "maintenance": MaintenancePage,
    "audit": AuditPage,
    "tokens": TokensPage,
    "dependencies": Dependencies,
    "statistics": StatisticsPage,
    "system": System,
    "recoveries": RecoveriesPage,
    "rules": RulesPage,
}
_NAMED: dict[str, Make] = {
    "checks": CheckPage,
    "incidents": IncidentPage,
    "recoveries": RecoveryPage,
    "rules": RulePage,
    "alerts": AlertPage,
    "services": ServicePage,
}


class Routes:
    """Finds the view of a path."""

    def __init__(self, source: Source) -> None:
        """Make every view once."""
        self._source = source
        self._pages = {path: make(source) for path, make in _PAGES.items()}
        self._named = {path: make(source) for path, make in _NAMED.items()}

    def find(self, path: str) -> tuple[PageView, str]:
        """Return the view of a path, and the name in it.

        Raises:
            NotFoundError: there is no such page.
        """
        first, _, name = path.removeprefix("/").partition("/")
        if not name and (found := self._pages.get(first)):
            return found, ""
        if 0 < len(name) <= _LONGEST_NAME and (found := self._named.get(first)):
            return found, name
        raise NotFoundError(f"there is no page {path[:200]!r}", remedy="the overview leads to all pages")

    async def data(self, path: str, visit: Visit) -> Json:
        """Answer what programs may ask for below the root.

        Raises:
            NotFoundError: there is no such answer.
            StoreError: the ledger cannot be read.
        """
        from salus.surfaces.dashboard import data  # only programs ask for it

        view, past, clock = self._source.view, self._source.past, self._source.clock
        if path == "/api/data":
            incidents = self._source.parts.incidents
            return await data.at_a_glance(
                caller=visit.caller, view=view, desk=self._source.desk, past=past, incidents=incidents, clock=clock
            )
        if path == "/api/recovery":
            return await data.recovery(view=view, past=past, clock=clock)
        message = f"there is nothing at {path[:200]!r}"
        raise NotFoundError(message, remedy="there are /health-dashboard/api/data and /health-dashboard/api/recovery")

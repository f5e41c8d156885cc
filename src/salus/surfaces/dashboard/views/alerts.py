"""The alerts: what people are told now, what they were told, what they do not want to hear, and how it reaches them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

from salus.model import Role
from salus.surfaces.dashboard.page import Page, Region, Rows, Visit
from salus.surfaces.dashboard.source import Source
from salus.surfaces.dashboard.views.alerts_active import ActiveAlerts
from salus.surfaces.dashboard.views.alerts_ended import EndedAlerts
from salus.surfaces.dashboard.views.channels import Channels
from salus.surfaces.dashboard.views.silences import Silences


class Tab(Protocol):
    """One of the pages behind the tabs."""

    async def parts(self, visit: Visit) -> Sequence[Region | Rows]:
        """Make what stands below the tabs, in order."""
        ...


class AlertsPage:
    """Makes the pages of the alerts."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._tabs: Mapping[str, Tab] = {
            "active": ActiveAlerts(source),
            "ended": EndedAlerts(source),
            "silences": Silences(source),
            "channels": Channels(source),
        }

    async def page(self, visit: Visit) -> Page:
        """Make the one that ``?tab=`` asks for. Raises Refused, StoreError."""
        asked = visit.asked("tab", 20)
        tab = asked if asked in self._tabs else "active"
        parts = await self._tabs[tab].parts(visit)
        facts = {"tab": tab, "below": [part.id for part in parts]}
        return Page(
            title="Alerts",
            template="alerts.html",
            parts=[self._head(tab, visit), *parts],
            facts=facts,
            nav="alerts",
            refresh=10.0 if tab == "ended" else 2.0,
        )

    def _head(self, tab: str, visit: Visit) -> Region:
        desk = self._source.desk
        failing = sum(one.failing_since is not None and one.spec.enabled for one in desk.channels())
        counts = {"active": len(desk.active()), "silences": len(desk.silences()), "channels": failing}
        facts = {"tab": tab, "counts": counts}
        return Region(
            id="alerts-head", template="alerts_head.html", facts=facts, key=tuple(counts.values()), classes="page-head"
        )

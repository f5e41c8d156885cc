"""Maintenance: all recovery paused, single checks set aside, and windows in which people work on something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from salus.model import Maintenance, MaintenanceSpec, Role
from salus.rules.windows import next_window
from salus.surfaces.dashboard.kept import Kept
from salus.surfaces.dashboard.page import Page, Region, Rows, Visit
from salus.surfaces.dashboard.source import Source

_MOST = 200
_MOST_CHOICES = 500
_NEXT = 3
_KEPT = 15.0


@dataclass(frozen=True, slots=True)
class Recurring:
    """A window that comes again and again, and when it comes next."""

    spec: MaintenanceSpec
    next: tuple[Maintenance, ...]


class MaintenancePage:
    """Makes the page on which people say what Salus shall leave alone."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._recurring: Kept[Sequence[Recurring]] = Kept(source.clock, _KEPT, most=1)

    async def page(self, visit: Visit) -> Page:
        """Make it."""
        policy = self._source.view.policy()
        specs = self._source.settings.maintenance
        recurring = await self._recurring.get(specs, lambda: self._calendar(specs, visit.now))
        parts: list[Region | Rows] = [
            Region(
                id="pause",
                template="maintenance_pause.html",
                facts={"pause": policy.pause, "mode": policy.mode},
                key=(policy.pause, policy.mode),
                tag="section",
                classes="card",
            ),
            self._aside(),
            *self._windows(policy.maintenance, visit.now),
            *self._again(recurring, policy.maintenance, visit.now),
        ]
        if visit.may_act:
            parts.append(await self._form())
        return Page(title="Maintenance", template="maintenance.html", parts=parts, nav="maintenance", refresh=2.0)

    def _aside(self) -> Region:
        """Tell which checks people have set aside."""
        paused = self._source.view.policy().checks_paused[:_MOST]
        return Region(id="aside", template="maintenance_aside.html", facts={"paused": paused}, key=paused)

    def _windows(self, windows: Sequence[Maintenance], now: datetime) -> list[Region | Rows]:
        """List the windows that are open, and those of people that are to come; when others come stands below."""
        names = {spec.name for spec in self._source.settings.maintenance}
        windows = [one for one in windows if one.since <= now or one.id not in names]
        rows = [
            Region(
                id=f"window-{one.id}",
                template="maintenance_window.html",
                facts={"window": one, "open": one.since <= now},
                key=(one, one.since <= now),
                classes="row window-row",
            )
            for one in windows[:_MOST]
        ]
        end = {"found": len(windows), "shown": len(rows)}
        return [
            Rows(id="windows", rows=rows, classes="rows"),
            Region(id="windows-end", template="maintenance_end.html", facts=end, key=tuple(end.values())),
        ]

    def _again(
        self, recurring: Sequence[Recurring], windows: Sequence[Maintenance], now: datetime
    ) -> list[Region | Rows]:
        """List the windows of the config, with the next times they open."""
        opened = {one.id: one for one in windows if not one.by and one.since <= now}
        rows = [
            Region(
                id=f"recurring-{one.spec.name}",
                template="maintenance_recurring.html",
                facts={"spec": one.spec, "next": one.next, "open": opened.get(one.spec.name)},
                key=(one, opened.get(one.spec.name)),
                classes="row recurring-row",
            )
            for one in recurring
        ]
        return [
            Rows(id="recurring", rows=rows, classes="rows"),
            Region(id="recurring-end", template="maintenance_none.html", facts={"found": len(rows)}, key=len(rows)),
        ]

    async def _calendar(self, specs: Sequence[MaintenanceSpec], now: datetime) -> Sequence[Recurring]:
        found = []
        for spec in specs[:_MOST]:
            coming: list[Maintenance] = []
            at = now
            while len(coming) < _NEXT and (window := next_window(spec, at)) is not None and window.since > at:
                coming.append(window)
                at = window.since
            found.append(Recurring(spec, tuple(coming)))
            await self._source.clock.sleep(0)
        return found

    async def _form(self) -> Region:
        """Ask for a new window; what there is to choose from is suggested."""
        survey = await self._source.survey()
        facts = {
            "checks": tuple(one.spec.name for one in survey.reports[:_MOST_CHOICES]),
            "tags": tuple(survey.tags[:_MOST_CHOICES]),
            "services": tuple(one.name for one in self._source.view.services())[:_MOST_CHOICES],
        }
        return Region(id="open-window", template="maintenance_form.html", facts=facts, key=tuple(facts.values()))

"""One incident: its story, its checks and services as they are now, and what was done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from salus.model import Event, RecoveryRecord, Role, ServiceStatus, Status
from salus.model.history import Incident
from salus.ports import RecoveryQuery
from salus.surfaces.dashboard.page import Page, Region, Rows, Visit
from salus.surfaces.dashboard.source import Source
from salus.surfaces.dashboard.views.incident_story import Chapter, story
from salus.surfaces.dashboard.views.kept import Found, Kept
from salus.surfaces.dashboard.views.recoveries import row

MOST_EVENTS = 500
MOST_CHECKS = 100
MOST_RECOVERIES = 20
_FEW = 10
_LIVE, _SLOWER, _FRESH = 1.0, 5.0, 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """What the ledger tells about an incident."""

    events: Sequence[Event] = ()
    recoveries: Sequence[RecoveryRecord] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A check of an incident, as it is now.

    Attributes:
        name: of it.
        status: None where it is not in the config any more.
        message: what the last look said.
        root: it began with this one.
        failing: it is not well again.
        healing: something is done about it.
    """

    name: str
    status: Status | None
    message: str
    root: bool
    failing: bool
    healing: bool


class IncidentPage:
    """Makes the page of one incident; it goes on while the incident does."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._live: Kept[Told] = Kept(source.clock, _SLOWER, Told())
        self._over: Kept[Told] = Kept(source.clock, _FRESH, Told())

    async def page(self, visit: Visit) -> Page:
        """Make it. Raises NotFoundError."""
        incident = await self._source.parts.incidents.incident(visit.name)
        running = [one for one in self._source.view.recoveries() if one.id in incident.recoveries]
        told = await self._told(incident, running)
        recoveries = _with_what_runs(told.value.recoveries, running)
        rules = [rule for check in incident.checks[:MOST_CHECKS] for rule in self._source.view.rules(check)]
        chapters = story(incident, told.value.events, recoveries, rules)
        open_ = incident.ended_at is None
        parts: list[Region | Rows] = [
            Region(id="head", template="incident_head.html", facts={"incident": incident}, key=incident),
            Region(
                id="story-note",
                template="incident_note.html",
                facts={"trouble": told.trouble, "cut": len(told.value.events) >= MOST_EVENTS, "most": MOST_EVENTS},
                key=(told.trouble, len(told.value.events) >= MOST_EVENTS),
            ),
            Rows(id="story", rows=[_chapter(one, incident) for one in chapters], tag="ol", classes="timeline"),
            self._facts(incident),
            self._members(incident),
            Rows(id="recoveries", rows=[row(one) for one in reversed(recoveries) if one.outcome], tag="tbody"),
        ]
        title = "Incident: " + incident.title[:60]
        refresh = _LIVE if open_ else _FRESH
        return Page(title=title, template="incident.html", parts=parts, nav="incidents", refresh=refresh)

    async def _told(self, incident: Incident, running: Sequence[RecoveryRecord]) -> Found[Told]:
        kept = self._live if incident.ended_at is None else self._over
        # Of an incident of many checks the ledger is asked for each of them: that is not done at every event.
        changed = (incident, tuple((one.id, len(one.steps)) for one in running))
        stamp = changed if len(incident.checks) <= _FEW else ()
        return await kept.get(incident.id, stamp, lambda: self._read(incident))

    async def _read(self, incident: Incident) -> Told:
        events = await self._source.parts.incidents.timeline(incident, MOST_EVENTS)
        recoveries: list[RecoveryRecord] = []
        for name in incident.recoveries[-MOST_RECOVERIES:]:
            recoveries += await self._source.past.recoveries(RecoveryQuery(id=name, limit=1))
        return Told(events, recoveries)

    def _facts(self, incident: Incident) -> Region:
        known = {one.name: one for one in self._source.view.services()} if incident.services else {}
        services: list[tuple[str, ServiceStatus | None]] = [(name, known.get(name)) for name in incident.services]
        key = (incident, tuple((name, one.state if one else None) for name, one in services))
        facts = {"incident": incident, "services": services}
        return Region(id="facts", template="incident_facts.html", facts=facts, key=key)

    def _members(self, incident: Incident) -> Region:
        shown = tuple(self._member(name, incident) for name in incident.checks[:MOST_CHECKS])
        more = len(incident.checks) - len(shown)
        facts = {"members": shown, "more": more, "several": len(incident.checks) > 1}
        return Region(id="members", template="incident_members.html", facts=facts, key=(shown, more))

    def _member(self, name: str, incident: Incident) -> Member:
        report = self._source.view.check(name)
        last = report.state.last if report else None
        return Member(
            name=name,
            status=report.state.status if report else None,
            message=last.message if last else "",
            root=name == incident.root,
            failing=name in incident.failing,
            healing=bool(report and report.healing),
        )


def _with_what_runs(known: Sequence[RecoveryRecord], running: Sequence[RecoveryRecord]) -> list[RecoveryRecord]:
    """Return the recoveries in order: what runs as it is at this moment, for the ledger knows only its beginning."""
    now = {one.id: one for one in running}
    found = {one.id: now.get(one.id, one) for one in known} | now
    return sorted(found.values(), key=lambda one: one.started_at)


def _chapter(one: Chapter, incident: Incident) -> Region:
    dated = one.at.date() != incident.started_at.date()
    classes = f"s-{one.tone}" if one.tone else "s-plain"
    facts = {"chapter": one, "dated": dated}
    return Region(id=one.id, template="incident_chapter.html", facts=facts, key=(one, dated), tag="li", classes=classes)

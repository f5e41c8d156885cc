"""Trouble that belongs together: what goes on first, then what is over, day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import ClassVar

from salus.incidents.cases import read_id
from salus.model import CheckReport, RecoveryRecord, Role, Status
from salus.model.history import Incident
from salus.ports import RecoveryQuery
from salus.ports.history import IncidentQuery
from salus.surfaces.dashboard.page import Page, Region, Rows, Visit
from salus.surfaces.dashboard.source import Source
from salus.surfaces.dashboard.views.kept import Found, Kept

ON_A_PAGE = 30
MOST_OPEN = 30
_MOST_CHOICES = 200
_MOST_NAMED = 6
_MOST_DONE = 4
_RECOVERIES_READ = 200
_LIVE, _FRESH = 2.0, 12.0
_DAY = timedelta(days=1)
DAYS = {"1": "24 hours", "7": "7 days", "30": "30 days", "90": "90 days"}
STATES = {"open": "Going on", "over": "Over"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which incidents are shown.

    Attributes:
        state: ``open`` or ``over``; empty for all.
        check: only those that this check was part of.
        days: only those of so many days; empty for all that are known.
        before: only those older than this one.
    """

    state: str = ""
    check: str = ""
    days: str = ""
    before: str = ""

    @classmethod
    def of(cls, visit: Visit) -> Wanted:
        """Read it from behind the question mark; what is not understood says nothing."""
        state, days, before = visit.asked("state", 5), visit.asked("days", 3), visit.asked("before", 16)
        return cls(
            state=state if state in STATES else "",
            check=visit.asked("check"),
            days=days if days in DAYS else "",
            before=before if read_id(before) is not None else "",
        )

    def query(self, visit: Visit, *, going_on: bool) -> IncidentQuery:
        """Return what is asked for: one more than is shown, to know whether there is more."""
        return IncidentQuery(
            check=self.check or None,
            open=going_on,
            since=visit.now - int(self.days) * _DAY if self.days else None,
            before=self.before or None,
            limit=(MOST_OPEN if going_on else ON_A_PAGE) + 1,
        )


@dataclass(frozen=True, slots=True)
class Done:
    """What was done about an incident, in few words.

    Attributes:
        actions: of the last recovery, in order.
        more: how many further actions it took.
        recovery: id of it.
    """

    actions: tuple[str, ...] = ()
    more: int = 0
    recovery: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """Incidents that are over, and what was done about each."""

    incidents: Sequence[Incident] = ()
    done: Mapping[str, Done] | None = None


class IncidentsPage:
    """Makes the list."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._open: Kept[Sequence[Incident]] = Kept(source.clock, _LIVE, ())
        self._over: Kept[Past] = Kept(source.clock, _FRESH, Past())

    async def page(self, visit: Visit) -> Page:
        """Make it."""
        wanted, view = Wanted.of(visit), self._source.view
        running = tuple(one.id for one in view.recoveries())
        going_on: Found[Sequence[Incident]] = Found(())
        if wanted.state != "over" and not wanted.before:
            query = wanted.query(visit, going_on=True)
            stamp = (view.overall(), running)
            going_on = await self._open.get(wanted, stamp, lambda: self._source.parts.incidents.incidents(query))
        over: Found[Past] = Found(Past())
        if wanted.state != "open":
            ended = (tuple(one.id for one in going_on.value), running)  # what is over has left those that go on
            over = await self._over.get(wanted, ended, lambda: self._read_over(wanted, visit))
        cards = [self._card(one) for one in going_on.value[:MOST_OPEN]]
        parts: list[Region | Rows] = [
            self._filters(wanted),
            Rows(id="going-on", rows=cards, classes="stack"),
            Rows(id="incidents", rows=_by_day(over.value, visit.now.date()), classes="rows"),
            _end(wanted, going_on, over, visit),
        ]
        title = f"{len(cards)} going on" if cards else "Incidents"
        return Page(title=title, template="incidents.html", parts=parts, nav="incidents", refresh=_LIVE)

    async def _read_over(self, wanted: Wanted, visit: Visit) -> Past:
        found = await self._source.parts.incidents.incidents(wanted.query(visit, going_on=False))
        acted = [one for one in found if one.recoveries]
        if not acted:
            return Past(found, {})
        # What was done is read with one question for all of them; of very many the older ones tell only how it ended.
        since = min(one.started_at for one in acted) - _DAY / 24
        until = max(one.ended_at or visit.now for one in acted) + _DAY / 24
        query = RecoveryQuery(since=since, before=until, limit=_RECOVERIES_READ)
        known = {one.id: one for one in await self._source.past.recoveries(query)}
        return Past(found, {one.id: _done(one, known) for one in acted})

    def _filters(self, wanted: Wanted) -> Region:
        names = self._source.view.names()
        choices = tuple(names) if len(names) <= _MOST_CHOICES else ()
        facts = {"wanted": wanted, "names": choices, "days": DAYS, "states": STATES}
        return Region(id="filters", template="incidents_filters.html", facts=facts, key=(wanted, choices))

    def _card(self, incident: Incident) -> Region:
        """Show one that goes on: how its checks are now, and what is done about it."""
        view = self._source.view
        shown = [_how(name, view.check(name)) for name in incident.checks[:_MOST_NAMED]]
        running = tuple(one for one in view.recoveries() if one.id in incident.recoveries)
        facts = {
            "incident": incident,
            "checks": shown,
            "more": len(incident.checks) - len(shown),
            "running": running,
        }
        key = (incident, tuple(shown), running)
        return Region(
            id=f"incident-{incident.id}",
            template="incident_card.html",
            facts=facts,
            key=key,
            tag="article",
            classes=f"card going-on s-{incident.status}",
        )


def _how(name: str, report: CheckReport | None) -> tuple[str, Status | None, bool]:
    return name, report.state.status if report else None, bool(report and report.healing)


def _done(incident: Incident, known: Mapping[str, RecoveryRecord]) -> Done:
    last = known.get(incident.recoveries[-1])
    actions = tuple(step.action for step in last.steps) if last else ()
    return Done(actions[:_MOST_DONE], max(0, len(actions) - _MOST_DONE), incident.recoveries[-1])


def _by_day(past: Past, today: date) -> list[Region]:
    """Return a line for each, with a heading before those of another day."""
    rows: list[Region] = []
    last: date | None = None
    for one in past.incidents[:ON_A_PAGE]:
        day = one.started_at.date()
        if day != last:
            last = day
            words = _day_in_words(day, today)
            facts = {"words": words}
            rows.append(
                Region(id=f"day-{day}", template="incidents_day.html", facts=facts, key=words, classes="group-head")
            )
        rows.append(_row(one, (past.done or {}).get(one.id, Done())))
    return rows


def _row(incident: Incident, done: Done) -> Region:
    facts = {
        "incident": incident,
        "done": done,
        "checks": incident.checks[:_MOST_NAMED],
        "more": max(0, len(incident.checks) - _MOST_NAMED),
    }
    return Region(
        id=f"incident-{incident.id}",
        template="incident_row.html",
        facts=facts,
        key=(incident, done),
        classes="row past-incident",
    )


def _day_in_words(day: date, today: date) -> str:
    plain = f"{day:%A}, {day.day} {day:%B %Y}"
    near = {0: "Today", 1: "Yesterday"}.get((today - day).days)
    return f"{near}, {day.day} {day:%B}" if near else plain


def _end(wanted: Wanted, going_on: Found[Sequence[Incident]], over: Found[Past], visit: Visit) -> Region:
    incidents = over.value.incidents
    last = incidents[ON_A_PAGE - 1].id if len(incidents) > ON_A_PAGE else ""
    facts = {
        "trouble": going_on.trouble or over.trouble,
        "open": min(len(going_on.value), MOST_OPEN),
        "more_open": len(going_on.value) > MOST_OPEN,
        "count": len(incidents),
        "state": wanted.state,
        "filtered": replace(wanted, before="") != Wanted(),
        "first": visit.address_with(before="") if wanted.before else "",
        "next": visit.address_with(before=last) if last else "",
        "clear": visit.path,
    }
    return Region(
        id="incidents-end", template="incidents_end.html", facts=facts, key=tuple(facts.values()), classes="end"
    )

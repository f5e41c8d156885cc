"""One check: how it is, what it saw, what depends on it, and why its rules act or do not."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from salus.errors import NotFoundError
from salus.model import CheckReport, Event, Matcher, Matching, RecoveryRecord, Role, RuleExplanation
from salus.surfaces.dashboard.kept import Found
from salus.surfaces.dashboard.page import Page, Region, Rows, Visit
from salus.surfaces.dashboard.source import Source
from salus.surfaces.dashboard.views.check_past import EVENTS_SHOWN, LAST, SPANS, CheckPast
from salus.surfaces.dashboard.views.check_words import against, facts, numbers, thresholds
from salus.surfaces.dashboard.views.happened import event_row
from salus.surfaces.dashboard.views.healing import card
from salus.surfaces.dashboard.views.kin import Kin
from salus.surfaces.dashboard.views.recoveries import row
from salus.surfaces.dashboard.views.why import key_of, why

_REFRESH = 2.0


class CheckPage:
    """Makes the page of one check.

    Who is nobody in particular sees what the API shows to everybody: not what is done about a check, nor why.
    """

    shown: ClassVar[bool] = True
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._past = CheckPast(source)
        self._kin = Kin(source)

    async def page(self, visit: Visit) -> Page:
        """Make it. Raises NotFoundError."""
        report = self._source.view.check(visit.name)
        if report is None:
            raise NotFoundError(f"there is no check {visit.name[:200]!r}", remedy="the overview lists them")
        known = visit.caller.role is not None
        explained = self._source.view.explain(visit.name) if known else ()
        running = [one for one in self._source.view.recoveries() if one.check == visit.name] if known else []
        stamp = _stamp(report, explained, running)
        parts: list[Region | Rows] = [
            _head(report, explained),
            _look(report),
            await self._looks(report),
            await self._available(report),
            *await self._curves(report, visit),
            await self._around(report, known=known),
            await self._incidents(report, known=known),
            _configuration(report, known=known),
        ]
        if known:
            rules = self._source.view.rules(visit.name) if running else ()
            whys = [why(one, report) for one in explained]
            parts += [
                Rows(id="healing", rows=[card(one, rules) for one in running], classes="stack"),
                Region(id="why", template="whys.html", facts={"whys": whys, "whose": "check"}, key=key_of(whys)),
                *await self._recoveries(report, stamp),
                *await self._events(report, visit, stamp),
            ]
        return Page(
            title=report.spec.name,
            template="check.html",
            parts=parts,
            facts={"known": known},
            nav="overview",
            refresh=_REFRESH,
        )

    async def _looks(self, report: CheckReport) -> Region:
        drawn = await self._past.looks(report)
        told = {"bars": drawn.value, "trouble": drawn.trouble}
        return Region(id="looks", template="check_looks.html", facts=told, key=drawn)

    async def _available(self, report: CheckReport) -> Region:
        found = await self._past.availability(report)
        told = {"available": found.value, "trouble": found.trouble}
        return Region(id="available", template="check_available.html", facts=told, key=found)

    async def _curves(self, report: CheckReport, visit: Visit) -> list[Region]:
        hours = visit.asked("hours", 4)
        hours = hours if hours in SPANS else "1"
        metric = visit.asked("metric")
        found = await self._past.curves(report, hours, metric)
        spans = [(words, visit.address_with(hours=one), one == hours) for one, words in SPANS.items()]
        chosen = metric if any(metric == one for one, _ in found.value.names) else ""
        names = [(words, visit.address_with(metric=one), one == chosen) for one, words in found.value.names]
        told = {
            "curves": found.value.shown,
            "spans": spans,
            "names": names,
            "all": visit.address_with(metric=""),
            "chosen": chosen,
            "trouble": found.trouble,
        }
        return [Region(id="curves", template="check_curves.html", facts=told, key=(found, hours, chosen))]

    async def _around(self, report: CheckReport, *, known: bool) -> Region:
        needs, needed = await self._kin.around(report)
        name = report.spec.service
        service = (
            next((one for one in self._source.view.services() if one.name == name), None) if known and name else None
        )
        told = {
            "name": report.spec.name,
            "needs": needs,
            "needed": needed,
            "service": name,
            "state": service,
            "known": known,
        }
        return Region(id="around", template="check_around.html", facts=told, key=(needs, needed, service, name))

    async def _incidents(self, report: CheckReport, *, known: bool) -> Region:
        found = await self._past.incidents(report)
        told = {"incidents": found.value, "trouble": found.trouble, "known": known}
        return Region(id="incidents", template="check_incidents.html", facts=told, key=found)

    async def _recoveries(self, report: CheckReport, stamp: str) -> list[Region | Rows]:
        found = await self._past.recoveries(report, stamp)
        ended = [one for one in found.value if one.outcome is not None]
        told = {
            "trouble": found.trouble,
            "count": len(ended),
            "more": len(ended) > LAST,
            "rule": "",
            "check": report.spec.name,
        }
        end = Region(
            id="recoveries-end",
            template="last_recoveries_end.html",
            facts=told,
            key=tuple(told.values()),
            classes="end",
        )
        return [Rows(id="recoveries", rows=[row(one) for one in ended[:LAST]], tag="tbody"), end]

    async def _events(self, report: CheckReport, visit: Visit, stamp: str) -> list[Region | Rows]:
        found = await self._past.events(report, visit, stamp)
        return [
            Rows(
                id="events", rows=[event_row(one) for one in found.value[:EVENTS_SHOWN]], tag="ol", classes="happened"
            ),
            _events_end(found, visit),
        ]


def _events_end(found: Found[Sequence[Event]], visit: Visit) -> Region:
    more = len(found.value) > EVENTS_SHOWN
    last = str(found.value[EVENTS_SHOWN - 1].id) if more else ""
    told = {
        "trouble": found.trouble,
        "count": len(found.value),
        "first": visit.address_with(before="") + "#events-head" if visit.asked("before") else "",
        "next": visit.address_with(before=last) + "#events-head" if last else "",
    }
    return Region(
        id="events-end", template="check_events_end.html", facts=told, key=tuple(told.values()), classes="end"
    )


def _head(report: CheckReport, explained: Sequence[RuleExplanation]) -> Region:
    name = report.spec.name
    rules = [one.rule.name for one in explained]
    told = {
        "check": report,
        "rules": rules,
        "match": str(Matcher(label="check", matching=Matching.EQUAL, value=name)),
    }
    state = report.state
    key = (report.spec, state.status, state.since, state.flapping, report.healing, report.paused, tuple(rules))
    return Region(id="head", template="check_head.html", facts=told, key=key)


def _look(report: CheckReport) -> Region:
    last = report.state.last
    short, long = facts(last.metadata) if last else ([], [])
    told = {
        "check": report,
        "against": against(last) if last else None,
        "numbers": numbers(last.metrics) if last else [],
        "short": short,
        "long": long,
    }
    return Region(id="look", template="check_look.html", facts=told, key=(report.state, report.paused))


def _configuration(report: CheckReport, *, known: bool) -> Region:
    told = {"spec": report.spec, "thresholds": thresholds(report.spec) if known else []}
    return Region(id="configuration", template="check_configuration.html", facts=told, key=report.spec)


def _stamp(report: CheckReport, explained: Sequence[RuleExplanation], running: Sequence[RecoveryRecord]) -> str:
    """Return what changes whenever something worth reading was written about a check."""
    state = report.state
    rules: list[Hashable] = [(one.state.last_started, one.state.last_finished, one.state.approval) for one in explained]
    return repr((state.status, state.since, report.paused, rules, [(one.id, one.current) for one in running]))

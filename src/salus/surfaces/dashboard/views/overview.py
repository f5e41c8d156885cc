"""The overview: how it is as a whole, what is being healed, what wants attention, and every check in a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from salus.model import CheckReport, Role, RuleReport, Status
from salus.state import looks
from salus.surfaces.charts.looks import bars
from salus.surfaces.dashboard.page import Page, Region, Rows, Visit
from salus.surfaces.dashboard.source import Source
from salus.surfaces.dashboard.survey import Survey
from salus.surfaces.dashboard.views.healing import card

ON_A_PAGE = 50
_MOST_WORRIES = 12
_MOST_CHOICES = 200
_AT_ONCE = 500
_GROUPINGS = ("status", "service", "tag", "kind")
_WORST_FIRST = (Status.UNHEALTHY, Status.DEGRADED, Status.UNKNOWN, Status.HEALTHY)


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the checks is shown.

    Attributes:
        text: stands in the name, the description or the last message.
        status: only this one; empty for all.
        tag, service: only those of it.
        failing: only those that are not well.
        group: by what they are put together.
        page: 1 for the first.
    """

    text: str = ""
    status: str = ""
    tag: str = ""
    service: str = ""
    failing: bool = False
    group: str = ""
    page: int = 1

    @classmethod
    def of(cls, visit: Visit) -> Filter:
        """Read it from behind the question mark; what is not understood says nothing."""
        status, group, page = visit.asked("status"), visit.asked("group"), visit.asked("page", 6)
        return cls(
            text=visit.asked("q"),
            status=status if status in set(Status) else "",
            tag=visit.asked("tag"),
            service=visit.asked("service"),
            failing=visit.asked("failing") in ("1", "true", "on"),
            group=group if group in _GROUPINGS else "",
            page=max(1, int(page)) if page.isdecimal() else 1,
        )

    def __bool__(self) -> bool:
        """Tell whether anything is left out."""
        return bool(self.text or self.status or self.tag or self.service or self.failing)

    def takes(self, report: CheckReport) -> bool:
        """Tell whether a check is shown."""
        spec, state = report.spec, report.state
        if self.status and state.status != self.status:
            return False
        if self.failing and state.status is Status.HEALTHY:
            return False
        if (self.tag and self.tag not in spec.tags) or (self.service and self.service != spec.service):
            return False
        text = self.text.lower()
        said = (spec.name, spec.description, state.last.message if state.last else "")
        return not text or any(text in one.lower() for one in said)


class Overview:
    """Makes the first page that people see."""

    shown: ClassVar[bool] = True
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source

    async def page(self, visit: Visit) -> Page:
        """Make it."""
        wanted = Filter.of(visit)
        survey = await self._source.survey()
        found = await self._found(survey.reports, wanted)
        parts = [
            self._hero(survey),
            *self._healing(visit),
            self._worries(survey, visit),
            self._filters(wanted, survey),
            *self._list(found, wanted, visit),
        ]
        bad = survey.counts.get(Status.UNHEALTHY, 0) + survey.counts.get(Status.DEGRADED, 0)
        title = f"{bad} failing" if bad else "Overview"
        return Page(title=title, template="overview.html", parts=parts, nav="overview", refresh=1.0)

    async def _found(self, reports: Sequence[CheckReport], wanted: Filter) -> Sequence[CheckReport]:
        """Return the checks that are shown; through many it is gone in steps."""
        if not wanted:
            return reports
        found: list[CheckReport] = []
        for start in range(0, len(reports), _AT_ONCE):
            found += [one for one in reports[start : start + _AT_ONCE] if wanted.takes(one)]
            await self._source.clock.sleep(0)
        return found

    def _hero(self, survey: Survey) -> Region:
        overall, agent = survey.overall, self._source.view.agent()
        ordered = [(status, survey.counts[status]) for status in _WORST_FIRST if survey.counts.get(status)]
        facts = {"overall": overall, "agent": agent, "counts": ordered, "total": len(survey.reports)}
        key = (overall, agent.started_at, tuple(ordered), agent.environment)
        return Region(id="hero", template="overview_hero.html", facts=facts, key=key)

    # ── what is being done ────────────────────────────────────────────────────────────────────────────────────────────

    def _healing(self, visit: Visit) -> list[Rows]:
        if visit.caller.role is None:
            return []
        view = self._source.view
        rows = [card(one, view.rules(one.check)) for one in view.recoveries()]
        return [Rows(id="healing", rows=rows, classes="stack")]

    # ── what wants attention ──────────────────────────────────────────────────────────────────────────────────────────

    def _worries(self, survey: Survey, visit: Visit) -> Region:
        """Show the worst first: critical before others, what has lasted longest before what has just begun."""
        view = self._source.view
        worries = sorted(survey.worries, key=_urgency)
        shown = worries[:_MOST_WORRIES]
        told = visit.caller.role is not None
        items = [(one, _reason(one, view.rules(one.spec.name)) if told else "") for one in shown]
        facts = {"items": items, "more": len(worries) - len(shown)}
        key = tuple((one.spec.name, _key(one), reason) for one, reason in items), len(worries)
        return Region(id="worries", template="overview_worries.html", facts=facts, key=key)

    # ── all of them ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _filters(self, wanted: Filter, survey: Survey) -> Region:
        counts = tuple((status, survey.counts.get(status, 0)) for status in _WORST_FIRST)
        tags, services = survey.tags[:_MOST_CHOICES], survey.services[:_MOST_CHOICES]
        facts = {"wanted": wanted, "groupings": _GROUPINGS, "counts": counts, "tags": tags, "services": services}
        key = (wanted, tuple(tags), tuple(services), counts)
        return Region(id="filters", template="overview_filters.html", facts=facts, key=key)

    def _list(self, found: Sequence[CheckReport], wanted: Filter, visit: Visit) -> list[Region | Rows]:
        pages = max(1, -(-len(found) // ON_A_PAGE))
        wanted = replace(wanted, page=min(wanted.page, pages))
        grouped = _grouped(found, wanted.group) if wanted.group else {"": list(found)}
        ordered = [(name, one) for name, reports in grouped.items() for one in reports]
        start = (wanted.page - 1) * ON_A_PAGE
        rows: list[Region] = []
        headed = None
        for name, report in ordered[start : start + ON_A_PAGE]:
            if wanted.group and name != headed:
                headed = name
                rows.append(_heading(name, grouped[name], wanted.group))
            rows.append(_row(report, wanted))
        facts = {
            "wanted": wanted,
            "pages": pages,
            "found": len(found),
            "before": visit.address_with(page=str(wanted.page - 1)) if wanted.page > 1 else "",
            "after": visit.address_with(page=str(wanted.page + 1)) if wanted.page < pages else "",
            "clear": visit.path,
        }
        return [
            Rows(id="checks", rows=rows, classes="rows"),
            Region(
                id="checks-end",
                template="overview_end.html",
                facts=facts,
                key=(wanted, pages, len(found)),
                classes="end",
            ),
        ]


def _row(report: CheckReport, wanted: Filter) -> Region:
    facts = {"check": report, "bars": bars(looks(report.looks)), "wanted": wanted.text}
    return Region(
        id=f"check-{report.spec.name}",
        template="check_row.html",
        facts=facts,
        key=(*_key(report), wanted.text),
        classes=f"row check-row s-{report.state.status}",
    )


def _heading(name: str, reports: Sequence[CheckReport], group: str) -> Region:
    counts = Counter(report.state.status for report in reports)
    told = [(status, counts[status]) for status in _WORST_FIRST if counts[status]]
    facts = {"name": name, "group": group, "counts": told, "total": len(reports)}
    return Region(
        id=f"group-{name}" if name else "ungrouped",
        template="overview_group.html",
        facts=facts,
        key=tuple(told),
        classes="group-head",
    )


def _grouped(found: Iterable[CheckReport], by: str) -> dict[str, list[CheckReport]]:
    groups: dict[str, list[CheckReport]] = {}
    for report in found:
        for name in _groups_of(report, by):
            groups.setdefault(name, []).append(report)
    if by == "status":
        return {status.value: groups[status] for status in _WORST_FIRST if status in groups}
    return dict(sorted(groups.items(), key=lambda one: (one[0] == "", one[0])))


def _groups_of(report: CheckReport, by: str) -> Sequence[str]:
    """Return the one group of a check: a check stands once on a page, under its first tag."""
    if by == "status":
        return (report.state.status,)
    if by == "service":
        return (report.spec.service or "",)
    if by == "kind":
        return (report.spec.kind,)
    return report.spec.tags[:1] or ("",)


def _key(report: CheckReport) -> tuple[Hashable, ...]:
    """Return what the line of a check is written from."""
    state = report.state
    return (
        state.status,
        report.looks,
        state.since,
        state.last.at if state.last else None,
        report.healing,
        report.paused,
        state.flapping,
    )


def _urgency(report: CheckReport) -> tuple[int, bool, float, str]:
    state = report.state
    since = state.since.timestamp() if state.since else 0.0
    return _WORST_FIRST.index(state.status), not report.spec.critical, since, report.spec.name


def _reason(report: CheckReport, rules: Sequence[RuleReport]) -> str:
    """Say in a few words what Salus does about a check, or why it does nothing."""
    if report.healing:
        return "it is being healed"
    if not rules:
        return "no rule heals it"
    held = next((rule.refusal for rule in rules if rule.refusal), None)
    if held:
        return held.detail or held.reason.value.replace("_", " ")
    return ""

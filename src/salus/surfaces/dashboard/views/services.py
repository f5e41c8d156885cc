"""The services: how each is, what looks at it, and what starts and stops it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from salus.errors import NotFoundError, StoreError
from salus.model import CheckReport, RecoveryRecord, Role, ServiceState, ServiceStatus, Status
from salus.ports import RecoveryQuery
from salus.surfaces.dashboard.kept import Kept
from salus.surfaces.dashboard.page import Page, Region, Rows, Visit
from salus.surfaces.dashboard.source import Source

ON_A_PAGE = 50
_LINES = 200
_LONGEST_LINE = 2000
_RECOVERIES = 10
_MOST_CHECKS = 50
_KEPT = 10.0
_URGENT_FIRST = (
    ServiceState.EXITED,
    ServiceState.UNKNOWN,
    ServiceState.STARTING,
    ServiceState.STOPPING,
    ServiceState.RUNNING,
    ServiceState.STOPPED,
)


class ServicesPage:
    """Makes the list of the services."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source

    async def page(self, visit: Visit) -> Page:
        """Make it: those that are down first."""
        found = sorted(self._source.view.services(), key=_urgency)
        asked = visit.asked("page", 6)
        pages = max(1, -(-len(found) // ON_A_PAGE))
        number = min(max(1, int(asked)), pages) if asked.isdecimal() else 1
        looked = await _checks_by_service(self._source)
        shown = found[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]
        end = {
            "found": len(found),
            "number": number,
            "pages": pages,
            "before": visit.address_with(page=str(number - 1)) if number > 1 else "",
            "after": visit.address_with(page=str(number + 1)) if number < pages else "",
        }
        parts: list[Region | Rows] = [
            self._head(found),
            Rows(id="services", rows=[_row(one, looked.get(one.name, ())) for one in shown], classes="rows"),
            Region(id="services-end", template="services_end.html", facts=end, key=tuple(end.values()), classes="end"),
        ]
        return Page(title="Services", template="services.html", parts=parts, nav="services", refresh=2.0)

    def _head(self, found: Sequence[ServiceStatus]) -> Region:
        up = sum(one.running for one in found)
        unwanted = sum(not one.wanted and not one.running for one in found)
        facts = {"total": len(found), "up": up, "down": len(found) - up - unwanted, "unwanted": unwanted}
        return Region(
            id="services-head", template="services_head.html", facts=facts, key=tuple(facts.values()), classes="figures"
        )


class ServicePage:
    """Makes the page of one service."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._recoveries: Kept[Sequence[RecoveryRecord]] = Kept(source.clock, _KEPT)

    async def page(self, visit: Visit) -> Page:
        """Make it. Raises NotFoundError, StoreError."""
        name = visit.name
        status = next((one for one in self._source.view.services() if one.name == name), None)
        if status is None:
            raise NotFoundError(f"there is no service {name[:200]!r}", remedy="the list of the services has all")
        checks = (await _checks_by_service(self._source)).get(name, [])
        needs, needed = self._dependencies(name)
        parts = [
            self._head(status, checks, needed),
            self._facts(status, needs, needed),
            self._held(name),
            _checks(checks),
            await self._healed(name, checks),
        ]
        if visit.may_act:
            parts.append(self._output(name))
        return Page(title=name, template="service.html", parts=parts, nav="services", refresh=2.0)

    def _head(self, status: ServiceStatus, checks: Sequence[CheckReport], needed: Sequence[ServiceStatus]) -> Region:
        names = tuple(one.spec.name for one in checks)
        facts = {"service": status, "checks": names, "needed": [one.name for one in needed]}
        key = (status, names, tuple(needed))
        return Region(id="service-head", template="service_head.html", facts=facts, key=key, classes="page-head")

    def _facts(self, status: ServiceStatus, needs: Sequence[ServiceStatus], needed: Sequence[ServiceStatus]) -> Region:
        facts = {"service": status, "needs": needs, "needed": needed}
        key = (status, tuple(needs), tuple(needed))
        return Region(id="service-facts", template="service_facts.html", facts=facts, key=key)

    def _dependencies(self, name: str) -> tuple[list[ServiceStatus], list[ServiceStatus]]:
        """Return what a service needs, and what needs it."""
        known = {one.name: one for one in self._source.view.services()}
        specs = self._source.settings.services
        spec = specs.get(name)
        needs = [known[one] for one in spec.depends_on if one in known] if spec else []
        needed = [known[one.name] for one in specs.values() if name in one.depends_on and one.name in known]
        return needs, needed

    def _held(self, name: str) -> Region:
        """Tell what keeps Salus from healing this very service: somebody else does, or its actions keep failing."""
        policy, called = self._source.view.policy(), {name, f"service:{name}"}
        rivals = tuple(one for one in policy.rivals if f"service:{name}" in one.split())
        circuits = tuple(one for one in policy.circuits if called.intersection(one.action.split()[1:]))
        facts = {"rivals": rivals, "circuits": circuits}
        return Region(id="service-held", template="service_held.html", facts=facts, key=(rivals, circuits))

    async def _healed(self, name: str, checks: Sequence[CheckReport]) -> Region:
        """Tell the last recoveries of it, those that run first."""
        target = f"service:{name}"
        running = [one for one in self._source.view.recoveries() if target in one.targets]
        names = tuple(one.spec.name for one in checks)
        ids = tuple(one.id for one in running)
        past: Sequence[RecoveryRecord] = ()
        trouble = ""
        try:
            past = await self._recoveries.get((name, names, ids), lambda: self._past(target, names))
        except StoreError as error:  # it can be started and stopped all the same
            trouble = str(error)
        ended = [one for one in past if one.id not in ids]
        found = [*running, *ended][:_RECOVERIES]
        key = (trouble, tuple((one.id, one.outcome, len(one.steps)) for one in found))
        facts = {"recoveries": found, "trouble": trouble}
        return Region(id="service-healed", template="service_healed.html", facts=facts, key=key)

    async def _past(self, target: str, checks: Sequence[str]) -> Sequence[RecoveryRecord]:
        """Return the last recoveries that touched a service, newest first."""
        found: list[RecoveryRecord] = []
        for check in checks[:_MOST_CHECKS]:
            found += await self._source.past.recoveries(RecoveryQuery(check=check, limit=_RECOVERIES))
        touched = [one for one in found if target in one.targets]
        return sorted(touched, key=lambda one: one.started_at, reverse=True)[:_RECOVERIES]

    def _output(self, name: str) -> Region:
        """Show what it wrote last; only to who may act: secrets of its own may stand there."""
        service = self._source.service(name)
        lines = tuple(one[:_LONGEST_LINE] for one in service.last_output(_LINES)) if service else ()
        facts = {"lines": lines, "most": _LINES}
        return Region(id="service-output", template="service_output.html", facts=facts, key=lines)


def _checks(checks: Sequence[CheckReport]) -> Region:
    key = tuple((one.spec.name, one.state.status, one.state.last and one.state.last.at, one.healing) for one in checks)
    return Region(id="service-checks", template="service_checks.html", facts={"checks": checks}, key=key)


def _row(status: ServiceStatus, checks: Sequence[CheckReport]) -> Region:
    looked = tuple((one.spec.name, one.state.status) for one in checks)
    healing = any(one.healing for one in checks)
    tone = "s-unhealthy" if status.wanted and status.state is ServiceState.EXITED else ""
    return Region(
        id=f"service-{status.name}",
        template="service_row.html",
        facts={"service": status, "checks": looked, "healing": healing},
        key=(status, looked, healing),
        classes=f"row service-row {tone}".strip(),
    )


async def _checks_by_service(source: Source) -> Mapping[str, list[CheckReport]]:
    found: dict[str, list[CheckReport]] = {}
    for report in (await source.survey()).reports:
        if report.spec.service:
            found.setdefault(report.spec.service, []).append(report)
    for reports in found.values():
        reports.sort(key=lambda one: (one.state.status is Status.HEALTHY, one.spec.name))
    return found


def _urgency(status: ServiceStatus) -> tuple[int, str]:
    return _URGENT_FIRST.index(status.state), status.name

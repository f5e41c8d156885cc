"""What is there now: everything in memory, nothing here runs a check."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable

from salus.errors import NotFoundError
from salus.model import CheckReport, CheckSpec, CheckState, Json, Status
from salus.ports import Clock, Service, View
from salus.surfaces import wire
from salus.surfaces.api.badge import badge
from salus.surfaces.api.queries import ChecksQuery, OutputQuery, page, read
from salus.surfaces.asked import Asked
from salus.surfaces.http import Response

_LONGEST_LINE = 4096
_AT_ONCE = 500  # checks
_WRITTEN_AT_ONCE = 100


class PresentRequests:
    """Shows checks, rules, services and what holds them."""

    def __init__(self, view: View, service: Callable[[str], Service | None], clock: Clock) -> None:
        """Serve a view; ``service`` finds a service by name."""
        self._view = view
        self._service = service
        self._clock = clock
        self._words: dict[str, tuple[CheckSpec, str]] = {}  # of each check what never changes, in small letters

    async def status(self, asked: Asked) -> Json:
        """Tell how it is as a whole."""
        statuses: Counter[str] = Counter(report.state.status.value for report in self._view.checks())
        states: Counter[str] = Counter(one.state.value for one in self._view.services())
        return {
            "agent": wire.agent(self._view.agent(), self._clock.now()),
            "overall": wire.overall(self._view.overall()),
            "checks": {status.value: statuses[status.value] for status in Status},
            "services": dict(states),
            "recoveries": len(self._view.recoveries()),
            "paused": self._view.policy().pause is not None,
        }

    async def policy(self, asked: Asked) -> Json:
        """Tell what holds healing now."""
        return wire.policy(self._view.policy())

    # ── checks ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def checks(self, asked: Asked) -> Json:
        """Tell the checks, by name; only what is on the page is written."""
        query = read(asked.query, ChecksQuery)
        names = self._view.names()
        if _narrows(query):
            names = await self._sought(query)
        start = bisect_right(names, query.after) if query.after else 0
        shown = names[start : start + query.limit]
        more = start + len(shown) < len(names)
        items: list[Json] = []
        for count, name in enumerate(shown, 1):
            if report := self._view.check(name):
                items.append(wire.check(report))
            if count % _WRITTEN_AT_ONCE == 0:
                await self._clock.sleep(0)
        return {"items": items, "next": shown[-1] if more else None, "total": len(names)}

    async def _sought(self, query: ChecksQuery) -> list[str]:
        """Return the names of the checks that are asked for; some are gone through in each turn of the loop."""
        found: list[str] = []
        text = query.text.lower()
        if len(self._words) > 2 * len(self._view.names()):
            self._words.clear()  # checks that left the config
        for count, (spec, state) in enumerate(self._view.pairs(), 1):
            if _wanted(spec, state, query) and (not text or self._says(spec, state, text)):
                found.append(spec.name)
            if count % _AT_ONCE == 0:
                await self._clock.sleep(0)
        return found

    def _says(self, spec: CheckSpec, state: CheckState, text: str) -> bool:
        known = self._words.get(spec.name)
        if known is None or known[0] is not spec:
            known = self._words[spec.name] = spec, f"{spec.name}\n{spec.description}".lower()
        return text in known[1] or (state.last is not None and text in state.last.message.lower())

    async def check(self, asked: Asked) -> Json:
        """Tell all about one check."""
        return wire.check(self._report(asked.name))

    async def badge(self, asked: Asked) -> Response:
        """Draw the status of a check."""
        report = self._report(asked.name)
        return badge(report.spec.name, report.state.status)

    def _report(self, name: str) -> CheckReport:
        report = self._view.check(name)
        if report is None:
            raise NotFoundError(f"there is no check {name[:200]!r}", remedy="GET /api/v1/checks lists them")
        return report

    # ── rules and services ────────────────────────────────────────────────────────────────────────────────────────────

    async def rules(self, asked: Asked) -> Json:
        """Tell the rules, by name."""
        off = self._view.policy().disabled
        return page([wire.rule(one, off=one.rule.name in off) for one in self._view.rules()], asked.query, "name")

    async def rule(self, asked: Asked) -> Json:
        """Tell all about one rule."""
        for one in self._view.rules():
            if one.rule.name == asked.name:
                return wire.rule(one, off=asked.name in self._view.policy().disabled)
        raise NotFoundError(f"there is no rule {asked.name[:200]!r}", remedy="GET /api/v1/rules lists them")

    async def services(self, asked: Asked) -> Json:
        """Tell the services, by name."""
        return page([wire.service(one) for one in self._view.services()], asked.query, "name")

    async def service(self, asked: Asked) -> Json:
        """Tell how one service is."""
        return wire.service(self._known(asked.name).status)

    async def output(self, asked: Asked) -> Json:
        """Tell the last lines that a service wrote."""
        query = read(asked.query, OutputQuery)
        lines = self._known(asked.name).last_output(query.lines)
        return {"service": asked.name, "lines": [one[:_LONGEST_LINE] for one in lines]}

    def _known(self, name: str) -> Service:
        found = self._service(name)
        if found is None:
            raise NotFoundError(f"there is no service {name[:200]!r}", remedy="GET /api/v1/services lists them")
        return found


def _narrows(query: ChecksQuery) -> bool:
    return bool(query.status or query.failing == "true" or query.tag or query.service or query.text)


def _wanted(spec: CheckSpec, state: CheckState, query: ChecksQuery) -> bool:
    if query.status and state.status not in query.status:
        return False
    if query.failing == "true" and not state.status.bad:
        return False
    return (not query.tag or query.tag in spec.tags) and query.service in ("", spec.service)

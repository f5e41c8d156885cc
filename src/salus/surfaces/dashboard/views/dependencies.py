"""What depends on what, as a graph in the colours of this moment, and as a list for who reads rather than looks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from salus.errors import NotFoundError
from salus.model import Role, ServiceState, ServiceStatus, Status
from salus.surfaces.charts import Node, graph
from salus.surfaces.dashboard.page import Page, Region, Visit
from salus.surfaces.dashboard.source import Source
from salus.surfaces.dashboard.words import segment

MOST_DRAWN = 150
_MARK = "service "
_OF_STATES = {
    ServiceState.RUNNING: Status.HEALTHY,
    ServiceState.STARTING: Status.DEGRADED,
    ServiceState.STOPPING: Status.DEGRADED,
    ServiceState.EXITED: Status.UNHEALTHY,
}


@dataclass(frozen=True, slots=True)
class Knot:
    """One thing that depends on others, or others on it.

    Attributes:
        name: of the check, or ``service`` and that of the service.
        status: in whose colour it is drawn.
        path: of its page.
    """

    name: str
    status: Status
    path: str


@dataclass(slots=True)
class Net:
    """Everything that hangs together with something.

    Attributes:
        knots: by name.
        edges: what depends, on what.
    """

    knots: dict[str, Knot] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)

    def around(self, name: str) -> Net:
        """Return what a knot stands on and what stands on it, however far.

        Raises:
            NotFoundError: there is no such knot.
        """
        if name not in self.knots:
            raise NotFoundError(f"nothing called {name[:200]!r} depends on anything", remedy="look at the whole graph")
        ups: dict[str, list[str]] = {}
        downs: dict[str, list[str]] = {}
        for one, other in self.edges:
            downs.setdefault(one, []).append(other)
            ups.setdefault(other, []).append(one)
        near = {name, *_reach(name, downs), *_reach(name, ups)}
        knots = {called: knot for called, knot in self.knots.items() if called in near}
        return Net(knots, [pair for pair in self.edges if pair[0] in near and pair[1] in near])

    def worst(self, most: int) -> Net:
        """Return at most so many knots: those in trouble and what is next to them first."""
        if len(self.knots) <= most:
            return self
        bad = {name for name, knot in self.knots.items() if knot.status is not Status.HEALTHY}
        near = bad | {one for pair in self.edges if bad & set(pair) for one in pair}
        order = sorted(self.knots, key=lambda name: (name not in bad, name not in near, name))
        kept = set(order[:most])
        knots = {name: knot for name, knot in self.knots.items() if name in kept}
        return Net(knots, [pair for pair in self.edges if pair[0] in kept and pair[1] in kept])


class Dependencies:
    """Makes the page of the graph."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._drawn: tuple[object, str] = (None, "")

    async def page(self, visit: Visit) -> Page:
        """Make it. Raises NotFoundError: what it should be about is not there."""
        whole = await self._net()
        focus = visit.asked("focus")
        net = (whole.around(focus) if focus else whole).worst(MOST_DRAWN)
        knots = tuple(net.knots.values())
        base = visit.caller.prefix + "/health-dashboard"
        key = (knots, tuple(net.edges), base)
        facts = {
            "drawing": await self._draw(key, knots, net.edges, base) if knots else "",
            "focus": focus,
            "left": len(whole.knots) - len(knots) if not focus else 0,
            "names": sorted(whole.knots),
            "lines": _lines(net),
        }
        region = Region(id="graph", template="dependencies_graph.html", facts=facts, key=key)
        return Page(title="Dependencies", template="dependencies.html", parts=[region], nav="dependencies", refresh=5)

    async def _net(self) -> Net:
        """Knit the net: checks on checks, services on services, and a check on the service that it looks at."""
        net = Net()
        services = {one.name: one for one in self._source.view.services()}
        roots = {name: spec.depends_on for name, spec in self._source.settings.services.items()}
        for name, one in services.items():
            net.knots[_MARK + name] = _of_service(one)
            net.edges += [(_MARK + name, _MARK + root) for root in roots.get(name, ()) if root in services]
        stood_on: set[str] = set()
        found = {}
        for report in (await self._source.survey()).reports:
            spec = report.spec
            found[spec.name] = Knot(spec.name, report.state.status, f"/checks/{segment(spec.name)}")
            net.edges += [(spec.name, root) for root in spec.depends_on]
            stood_on.update(spec.depends_on)
            if spec.service in services:
                net.edges.append((spec.name, _MARK + spec.service))
        tied = {one for pair in net.edges for one in pair}
        net.knots |= {name: knot for name, knot in found.items() if name in tied}
        net.edges = [pair for pair in net.edges if pair[0] in net.knots and pair[1] in net.knots]
        return net

    async def _draw(self, key: object, knots: Sequence[Knot], edges: Iterable[tuple[str, str]], base: str) -> str:
        """Draw, beside the loop; the same is drawn once."""
        if self._drawn[0] != key:
            nodes = [Node(name=one.name, status=one.status, href=base + one.path) for one in knots]
            self._drawn = key, await asyncio.to_thread(graph, nodes, list(edges))
        return self._drawn[1]


def _of_service(one: ServiceStatus) -> Knot:
    status = _OF_STATES.get(one.state, Status.UNKNOWN)
    return Knot(_MARK + one.name, status, f"/services/{segment(one.name)}")


def _reach(name: str, ways: Mapping[str, Sequence[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = [name]
    while ahead:
        for other in ways.get(ahead.pop(), ()):
            if other not in seen:
                seen.add(other)
                ahead.append(other)
    return seen


def _lines(net: Net) -> list[tuple[Knot, list[Knot]]]:
    """Return the graph in words: each knot with what it depends on."""
    below: dict[str, list[Knot]] = {}
    for one, other in net.edges:
        below.setdefault(one, []).append(net.knots[other])
    return [(knot, below.get(name, [])) for name, knot in sorted(net.knots.items())]

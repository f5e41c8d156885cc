"""Dependencies that go round in a circle: over checks, over services, and over both together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from salus.config.sources import Keys, Sources
from salus.errors import Problem

Node: TypeAlias = "tuple[str, str]"
"""What kind of thing it is, and its name."""

Listed: TypeAlias = "Mapping[str, list[tuple[int, str]]]"
"""Name -> what it depends on, with the place of each in its list."""

_REMEDY = "remove one of them: what fails first must depend on nothing that follows"


class Edge(NamedTuple):
    """A step from one thing to what it depends on, and the entry of the config that says so."""

    to: Node
    path: Keys


def problems(checks: Listed, services: Listed, service_of: Mapping[str, Edge], sources: Sources) -> Iterator[Problem]:
    """Find all circles.

    A check depends on the checks it names and, through its service, on the checks of the services that this one
    depends on.

    Args:
        checks: check -> checks it depends on.
        services: service -> services it depends on.
        service_of: check -> its service, and the entry of the config that says so.
        sources: the places.
    """
    graph: dict[Node, list[Edge]] = {}
    for name, listed in services.items():
        steps = [Edge(("service", other), ("services", name, "depends_on", index)) for index, other in listed]
        graph["service", name] = steps
    round_services = list(_circles(graph))
    yield from (_problem(circle, sources) for circle in round_services)
    if round_services:
        services = {}  # every check of theirs would go round too
    yield from (_problem(circle, sources) for circle in _circles(_together(checks, services, service_of)))


def _together(checks: Listed, services: Listed, service_of: Mapping[str, Edge]) -> Mapping[Node, list[Edge]]:
    graph: dict[Node, list[Edge]] = {}
    of_service: dict[str, list[Edge]] = {}
    for check, (service, path) in service_of.items():
        of_service.setdefault(service[1], []).append(Edge(("check", check), path))
    for name, listed in checks.items():
        graph["check", name] = [Edge(("check", other), ("checks", name, "depends_on", i)) for i, other in listed]
        if name in service_of:
            # What its service needs, which is another thing than the service with its checks: a check does not
            # depend on its own service being well.
            service, path = service_of[name]
            graph["check", name].append(Edge(("needs of", service[1]), path))
    for name, listed in services.items():
        graph["needs of", name] = [
            Edge(("service", other), ("services", name, "depends_on", index)) for index, other in listed
        ]
        graph["service", name] = [*of_service.get(name, ()), Edge(("needs of", name), ("services", name))]
    return graph


def _circles(graph: Mapping[Node, list[Edge]]) -> Iterator[list[Edge]]:
    """Walk depth first (without recursion: a chain may be long); a step back to the way here closes a circle."""
    done: set[Node] = set()
    for start in graph:
        if start in done:
            continue
        way: dict[Node, Edge | None] = {start: None}  # the way here: each with the step that leads on from it
        pending = [iter(graph[start])]
        while pending:
            step = next(pending[-1], None)
            if step is None:
                pending.pop()
                done.add(way.popitem()[0])
                continue
            way[next(reversed(way))] = step
            if step.to in way:
                nodes = list(way)
                yield [edge for node in nodes[nodes.index(step.to) :] if (edge := way[node])]
            elif step.to not in done and step.to in graph:
                way[step.to] = None
                pending.append(iter(graph[step.to]))


def _problem(circle: list[Edge], sources: Sources) -> Problem:
    """Point at the last dependency of a check, or else of a service; the circle begins where it leads to."""
    written = [index for index, edge in enumerate(circle) if "depends_on" in edge.path[2:3]]
    last = next((index for index in reversed(written) if circle[index].path[0] == "checks"), written[-1])
    ordered = [*circle[last + 1 :], *circle[: last + 1]]
    nodes = [circle[last].to, *(edge.to for edge in ordered)]
    mixed = len({kind == "check" for kind, _ in nodes}) > 1
    words = [name if kind == "check" or not mixed else f"service {name}" for kind, name in nodes]
    # A service and what it needs are two nodes and one word.
    told = [word for index, word in enumerate(words) if not (index and mixed and word == words[index - 1])]
    what = f"dependencies go round in a circle: {' -> '.join(told)}"
    return sources.problem(circle[last].path, what, _REMEDY, value=True)

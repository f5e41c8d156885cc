"""Names that point at other names: do they exist, and do they go round in circles."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from salus.config.sources import Keys, Sources, did_you_mean, known_words
from salus.errors import Problem
from salus.model import Json


def problems(sections: Mapping[str, Json], sources: Sources) -> Iterator[Problem]:
    """Find what points nowhere, at itself, or round in a circle.

    Reads the tree and not what became of it: a check with a wrong interval still exists, and still points somewhere.

    Args:
        sections: the tree.
        sources: the places.
    """
    checks, services = _entries(sections.get("checks")), _entries(sections.get("services"))
    yield from _services(services, sources)
    dependencies: dict[str, list[tuple[int, str]]] = {}
    for name, check in checks.items():
        path = ("checks", name)
        service = check.get("service")
        if isinstance(service, str) and service not in services:
            yield _unknown("service", service, services, (*path, "service"), sources)
        listed = check.get("depends_on")
        others = enumerate(listed) if isinstance(listed, list) else ()
        dependencies[name] = [(index, other) for index, other in others if isinstance(other, str)]
        for index, other in dependencies[name]:
            if other not in checks:
                yield _unknown("check", other, checks, (*path, "depends_on", index), sources)
    yield from _rules(_entries(sections.get("rules")), checks, sources)
    yield from _cycles(dependencies, "checks", sources)


def _services(services: Mapping[str, Mapping[str, Json]], sources: Sources) -> Iterator[Problem]:
    dependencies: dict[str, list[tuple[int, str]]] = {}
    for name, service in services.items():
        listed = service.get("depends_on")
        others = enumerate(listed) if isinstance(listed, list) else ()
        dependencies[name] = [(index, other) for index, other in others if isinstance(other, str)]
        for index, other in dependencies[name]:
            if other not in services:
                yield _unknown("service", other, services, ("services", name, "depends_on", index), sources)
    yield from _cycles(dependencies, "services", sources)


def _entries(section: Json) -> Mapping[str, Mapping[str, Json]]:
    """Return what stands under each name; nothing where that is no mapping."""
    if not isinstance(section, dict):
        return {}
    return {name: entry if isinstance(entry, dict) else {} for name, entry in section.items()}


def _unknown(noun: str, name: str, known: Collection[str], path: Keys, sources: Sources) -> Problem:
    remedy = did_you_mean(name, known) or known_words(known) or f"add it to {noun}s:"
    return sources.problem(path, f"there is no {noun} {name!r}", remedy, value=True)


def _rules(rules: Mapping[str, Mapping[str, Json]], checks: Collection[str], sources: Sources) -> Iterator[Problem]:
    for name, rule in rules.items():
        if rule.get("tags") is not None or rule.get("all_checks"):
            continue
        check = rule.get("check")
        if check == "*":
            remedy = "say all_checks: true instead, if that is meant"
            yield sources.problem(("rules", name, "check"), "'*' is no check", remedy, value=True)
        elif isinstance(check, str) and check not in checks:
            yield _unknown("check", check, checks, ("rules", name, "check"), sources)
        elif check is None and name not in checks:
            remedy = did_you_mean(name, checks) or "name the rule after its check, or say check: or tags:"
            yield sources.problem(("rules", name), f"there is no check {name!r}", remedy)


def _cycles(dependencies: Mapping[str, list[tuple[int, str]]], section: str, sources: Sources) -> Iterator[Problem]:
    """Walk the dependencies depth first (without recursion: a chain may be long); an edge back closes a circle."""
    done: set[str] = set()
    for start in dependencies:
        trail: dict[str, int] = {}  # the way here: name -> index of the step that leads on from it
        pending = [iter([(0, start)])]
        while pending:
            index, name = next(pending[-1], (-1, ""))
            if index < 0:
                pending.pop()
                if trail:
                    done.add(trail.popitem()[0])
                continue
            if trail:
                trail[next(reversed(trail))] = index
            if name in trail:
                yield _circle(name, trail, section, sources)
            elif name not in done and name in dependencies:
                trail[name] = 0
                pending.append(iter(dependencies[name]))


def _circle(first: str, trail: Mapping[str, int], section: str, sources: Sources) -> Problem:
    way = list(trail)
    names = [*way[way.index(first) :], first]
    path = (section, way[-1], "depends_on", trail[way[-1]])
    what = f"dependencies go round in a circle: {' -> '.join(names)}"
    return sources.problem(
        path, what, "remove one of them: what fails first must depend on nothing that follows", value=True
    )

"""Names that point at other names: do they exist, and do they go round in circles."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from salus.config.sources import Keys, Sources, did_you_mean, known_words
from salus.errors import Problem
from salus.model import CheckSpec, Json


def problems(sections: Mapping[str, Json], checks: Mapping[str, CheckSpec], sources: Sources) -> Iterator[Problem]:
    """Find what points nowhere, at itself, or round in a circle.

    Args:
        sections: the tree; a name that stands there exists, even if what it means could not be read.
        checks: the checks that could be read.
        sources: the places.
    """
    names = {section: _names(sections.get(section)) for section in ("checks", "services")}
    for check in checks.values():
        path = ("checks", check.name)
        if check.service is not None and check.service not in names["services"]:
            yield _unknown("service", check.service, names["services"], (*path, "service"), sources)
        for index, other in enumerate(check.depends_on):
            if other not in names["checks"]:
                yield _unknown("check", other, names["checks"], (*path, "depends_on", index), sources)
    yield from _rules(sections.get("rules"), names["checks"], sources)
    yield from _cycles(checks, sources)


def _names(section: Json) -> Collection[str]:
    return section.keys() if isinstance(section, dict) else ()


def _unknown(noun: str, name: str, known: Collection[str], path: Keys, sources: Sources) -> Problem:
    remedy = did_you_mean(name, known) or known_words(known) or f"add it to {noun}s:"
    return sources.problem(path, f"there is no {noun} {name!r}", remedy, value=True)


def _rules(section: Json, checks: Collection[str], sources: Sources) -> Iterator[Problem]:
    if not isinstance(section, dict):
        return
    for name, rule in section.items():
        if not isinstance(rule, dict) or rule.get("tags") is not None:
            continue
        check = rule.get("check")
        if isinstance(check, str):
            if check not in checks:
                yield _unknown("check", check, checks, ("rules", name, "check"), sources)
        elif check is None and name not in checks:
            remedy = did_you_mean(name, checks) or "name the rule after its check, or say check: or tags:"
            yield sources.problem(("rules", name), f"there is no check {name!r}", remedy)


def _cycles(checks: Mapping[str, CheckSpec], sources: Sources) -> Iterator[Problem]:
    """Walk the dependencies depth first (without recursion: a chain may be long); an edge back closes a cycle."""
    done: set[str] = set()
    for start in checks:
        trail: list[str] = []
        pending = [(start, 0)]
        while pending:
            name, depth = pending.pop()
            for left in trail[depth:]:
                done.add(left)
            del trail[depth:]
            if name in trail:
                yield _cycle([*trail[trail.index(name) :], name], checks, sources)
            elif name not in done and name in checks:
                trail.append(name)
                pending += [(other, depth + 1) for other in reversed(checks[name].depends_on)]
        done.update(trail)


def _cycle(names: list[str], checks: Mapping[str, CheckSpec], sources: Sources) -> Problem:
    last, first = names[-2], names[-1]
    path = ("checks", last, "depends_on", checks[last].depends_on.index(first))
    what = f"dependencies go round in a circle: {' -> '.join(names)}"
    return sources.problem(
        path, what, "remove one of them: what fails first must depend on nothing that follows", value=True
    )

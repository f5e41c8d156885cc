"""Names that point at other names: do they exist, do they mean everything, do they go round in circles."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from salus.config import alert_defaults, circles
from salus.config.alert_rules import is_own
from salus.config.leaves import reread
from salus.config.sources import Keys, Sources, did_you_mean, known_words, nearest
from salus.errors import Problem
from salus.model import Json

_IN_CODE = {
    "service": "declare it: health.service(NAME, start=..., stop=...)",
    "check": "declare it: @health.check or health.register(NAME, ...)",
}

Entries = Mapping[str, Mapping[str, Json]]


def problems(sections: Mapping[str, Json], sources: Sources) -> Iterator[Problem]:
    """Find what points nowhere, at itself, at everything without saying so, or round in a circle.

    Reads the tree and not what became of it: a check with a wrong interval still exists, and still points somewhere.

    Args:
        sections: the tree.
        sources: the places.
    """
    names = _Names(sections, sources)
    yield from names.services_and_checks()
    for rule, entry in _entries(sections.get("rules")).items():
        yield from names.rule(entry, ("rules", rule))
    limits = sections.get("limits")
    for group, entry in _entries(limits.get("groups") if isinstance(limits, dict) else None).items():
        yield from names.selector(entry, ("limits", "groups", group))
    for window, entry in _entries(sections.get("maintenance")).items():
        yield from names.selector(entry, ("maintenance", window))
    yield from names.alerts(_entry(sections.get("alerts")))


def service_of(check: Mapping[str, Json], services: Collection[str]) -> tuple[str, Keys] | None:
    """Return the service that a check is of, and the keys below the check that say so.

    It is the one it names, or else the one it looks at itself, as ``process: {service: web}`` does.
    """
    if isinstance(named := check.get("service"), str):
        return named, ("service",)
    for kind, options in check.items():
        looks_at = options.get("service") if isinstance(options, dict) else None
        if isinstance(looks_at, str) and looks_at in services:
            return looks_at, (kind, "service")
    return None


class _Names:
    """What is there to be named."""

    def __init__(self, sections: Mapping[str, Json], sources: Sources) -> None:
        self._sources = sources
        self._checks = _entries(sections.get("checks"))
        self._services = _entries(sections.get("services"))
        self._tags = {name: {tag for _, tag in _listed(check.get("tags"))} for name, check in self._checks.items()}

    def services_and_checks(self) -> Iterator[Problem]:
        """Judge what services and checks depend on."""
        below: dict[str, circles.Listed] = {}
        for section, noun, entries in (("services", "service", self._services), ("checks", "check", self._checks)):
            below[section] = {name: _listed(entry.get("depends_on")) for name, entry in entries.items()}
            for name, listed in below[section].items():
                for index, other in listed:
                    if other not in entries:
                        yield self._unknown(noun, other, entries, (section, name, "depends_on", index))
        of: dict[str, circles.Edge] = {}
        for name, check in self._checks.items():
            if found := service_of(check, self._services):
                service, keys = found
                if service in self._services:
                    of[name] = circles.Edge(("service", service), ("checks", name, *keys))
                else:
                    yield self._unknown("service", service, self._services, ("checks", name, *keys))
        yield from circles.problems(below["checks"], below["services"], of, self._sources)

    def rule(self, entry: Mapping[str, Json], path: Keys) -> Iterator[Problem]:
        """Judge which checks a rule watches."""
        name, check, tags = str(path[-1]), entry.get("check"), entry.get("tags")
        if tags is not None:
            yield from self._rule_tags(tags, (*path, "tags"))
        elif _true(entry.get("all_checks")):
            if not self._checks:
                yield self._sources.problem((*path, "all_checks"), "there are no checks", "add them to checks:")
        elif check == "*":
            yield self._everything((*path, "check"), "'*' is no check", "all_checks")
        elif isinstance(check, str) and check not in self._checks:
            yield self._unknown("check", check, self._checks, (*path, "check"))
        elif check is None and name not in self._checks:
            remedy = did_you_mean(name, self._checks) or "name the rule after its check, or say check: or tags:"
            yield self._sources.problem(path, f"there is no check {name!r}", remedy)

    def _rule_tags(self, raw: Json, at: Keys) -> Iterator[Problem]:
        found = list(self._nobodys_tags(raw, at))
        yield from found
        if not found and self._match_all([tag for _, tag in _listed(raw)]):
            yield self._everything(at, "these tags match every check", "all_checks")

    def _nobodys_tags(self, raw: Json, at: Keys) -> Iterator[Problem]:
        """Tell of tags that mean no check: some hosts may lack some of them, but not all."""
        tags = [tag for _, tag in _listed(raw)]
        if raw == []:
            remedy = "name a tag, or say all_checks: true"
            yield self._sources.problem(at, "no tag is given, so no check is meant", remedy, value=True)
        elif "*" in tags:
            yield self._everything((*at, tags.index("*")), "'*' is no tag", "all_checks")
        elif tags and not any(own.intersection(tags) for own in self._tags.values()):
            known: set[str] = set().union(*self._tags.values())
            remedy = did_you_mean(tags[0], known) or known_words(known) or "give tags to checks"
            yield self._sources.problem(at, "no check has any of these tags", remedy, value=True)

    def selector(self, entry: Mapping[str, Json], path: Keys) -> Iterator[Problem]:
        """Judge what a group or a window means."""
        keys = ("checks", "tags", "services")
        given = [key for key in keys if entry.get(key) is not None]
        if _true(entry.get("everything")):
            if given:
                what = f"{given[0]} and everything are both given"
                yield self._sources.problem((*path, "everything"), what, "keep one of them")
        elif not given:
            remedy = "name checks, tags or services, or say everything: true"
            yield self._sources.problem(path, "nothing is meant by this", remedy)
        for key in given:
            yield from self._members(key, entry[key], (*path, key))

    def _members(self, key: str, raw: Json, at: Keys) -> Iterator[Problem]:
        noun, listed = key.removesuffix("s"), _listed(raw)
        known = self._names_of(key)
        if raw == []:
            remedy = f"name a {noun}, or say everything: true"
            yield self._sources.problem(at, f"no {noun} is given, so nothing is meant", remedy, value=True)
        for index, name in listed:
            if name == "*":
                yield self._everything((*at, index), f"'*' is no {noun}", "everything")
            elif name not in known:
                yield self._unknown(noun, name, known, (*at, index))
        if key == "tags" and self._match_all([tag for _, tag in listed]):
            yield self._everything(at, "these tags match every check", "everything")

    # ── Alerts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def alerts(self, section: Mapping[str, Json]) -> Iterator[Problem]:
        """Judge what alert rules watch, and the channels and times that routes name."""
        for name, entry in _entries(section.get("rules")).items():
            yield from self._alert_rule(entry, ("alerts", "rules", name))
        channels = {*_entry(section.get("channels")), *alert_defaults.CHANNELS}
        intervals = _entry(section.get("time_intervals"))
        routes = section.get("routes")
        for index, route in enumerate(routes if isinstance(routes, list) else ()):
            path: Keys = ("alerts", "routes", index)
            yield from self._known("channel", channels, _entry(route).get("channels"), (*path, "channels"))
            for key in ("mute_during", "active_during"):
                yield from self._known("time interval", intervals, _entry(route).get(key), (*path, key))
            steps = _entry(route).get("escalate")
            for place, step in enumerate(steps if isinstance(steps, list) else ()):
                at = (*path, "escalate", place, "channels")
                yield from self._known("channel", channels, _entry(step).get("channels"), at)

    def _alert_rule(self, entry: Mapping[str, Json], path: Keys) -> Iterator[Problem]:
        """Judge which checks an alert rule watches; one on what happened needs none."""
        name, check = str(path[-1]), entry.get("check")
        listed = [key for key in ("checks", "tags", "services") if entry.get(key) is not None]
        yield from self._nobodys_tags(entry.get("tags"), (*path, "tags"))
        for key in ("checks", "services"):
            yield from self._watched(key, entry.get(key), (*path, key))
        if check == "*":
            yield self._everything((*path, "check"), "'*' is no check", "all_checks")
        elif isinstance(check, str) and check not in self._checks:
            yield self._unknown("check", check, self._checks, (*path, "check"))
        elif _true(entry.get("all_checks")) and not self._checks:
            yield self._sources.problem((*path, "all_checks"), "there are no checks", "add them to checks:")
        unsaid = check is None and not listed and not _true(entry.get("all_checks"))
        if unsaid and name not in self._checks and entry.get("on") is None and not is_own(name, entry):
            near = nearest(name, self._checks, 0.8)
            remedy = f"did you mean {near!r}?" if near else "say check: NAME, or tags:, services: or all_checks: true"
            yield self._sources.problem(path, f"there is no check {name!r}, and no other is named", remedy)

    def _watched(self, key: str, raw: Json, at: Keys) -> Iterator[Problem]:
        noun, known = key.removesuffix("s"), self._names_of(key)
        if raw == []:
            remedy = f"name a {noun}, or say all_checks: true"
            yield self._sources.problem(at, f"no {noun} is given, so no check is meant", remedy, value=True)
        for index, name in _listed(raw):
            if name == "*":
                yield self._everything((*at, index), f"'*' is no {noun}", "all_checks")
            elif name not in known:
                yield self._unknown(noun, name, known, (*at, index))

    def _known(self, noun: str, known: Collection[str], raw: Json, at: Keys) -> Iterator[Problem]:
        for index, name in _listed(raw):
            if name not in known:
                yield self._unknown(noun, name, known, (*at, index))

    # ── Words ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _names_of(self, key: str) -> Collection[str]:
        return {
            "checks": self._checks.keys(),
            "services": self._services.keys(),
            "tags": set().union(*self._tags.values()),
        }[key]

    def _match_all(self, tags: list[str]) -> bool:
        return len(self._tags) > 1 and all(own.intersection(tags) for own in self._tags.values())

    def _everything(self, path: Keys, what: str, key: str) -> Problem:
        return self._sources.problem(path, what, f"say {key}: true instead, if that is meant", value=True)

    def _unknown(self, noun: str, name: str, known: Collection[str], path: Keys) -> Problem:
        add = "give it to a check" if noun == "tag" else f"add it to {noun.replace(' ', '_')}s:"
        if noun in _IN_CODE and self._sources.in_code(path):
            add = _IN_CODE[noun]
        remedy = did_you_mean(name, known) or known_words(known) or add
        return self._sources.problem(path, f"there is no {noun} {name!r}", remedy, value=True)


def _entries(section: Json) -> Entries:
    """Return what stands under each name; nothing where that is no mapping."""
    if not isinstance(section, dict):
        return {}
    return {name: entry if isinstance(entry, dict) else {} for name, entry in section.items()}


def _entry(raw: Json) -> Mapping[str, Json]:
    return raw if isinstance(raw, dict) else {}


def _true(raw: Json) -> bool:
    return reread(raw) is True  # a variable is still text here


def _listed(raw: Json) -> list[tuple[int, str]]:
    """Return the texts of a list with their places."""
    return [(index, text) for index, text in enumerate(raw) if isinstance(text, str)] if isinstance(raw, list) else []

"""A scenario: what goes wrong in the simulated world, when, and what would help. Read like a config."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, cast

from msgspec import Meta, field

from salus.app.build import Resolved
from salus.config.convert import Converter
from salus.config.files import read, read_text
from salus.config.sources import Keys, Sources, did_you_mean, known_words
from salus.errors import ConfigError, Problem
from salus.model import Json
from salus.options import Options
from salus.simulate.faults import AnyFault, BrokenCheck, OneFault, Positive, SharedDependency, Spread
from salus.units import Duration, Share

Rate = Annotated[float, Meta(ge=0, le=1)]

_SOON = Spread(median=Duration(1))


class ServicePart(Options, frozen=True, kw_only=True):
    """A service of the config, as the simulated world has it.

    Attributes:
        needs: services and shared dependencies that must be well for this one to be well, whatever the config knows.
        starts_in: how long a start takes.
        faults: what goes wrong with it.
    """

    needs: tuple[str, ...] = ()
    starts_in: Spread | None = None
    faults: tuple[OneFault, ...] = ()


class CheckPart(Options, frozen=True, kw_only=True):
    """A check of the config, as the simulated world has it.

    Attributes:
        false_positive_rate: share of looks that say unhealthy although all is well.
        takes: how long a look takes.
        faults: ``broken_check``; and where the check has no service, any fault of what it looks at.
    """

    false_positive_rate: Rate | None = None
    takes: Spread | None = None
    faults: tuple[OneFault, ...] = ()


class ActionPart(Options, frozen=True, kw_only=True):
    """An action, by its kind or as ``run:<program>``: how it goes. What it heals, the faults say.

    Attributes:
        takes: how long it takes.
        fails: share of its runs that fail by themselves.
    """

    takes: Spread = Spread(median=Duration(0.1))
    fails: Share = Share(0)


class Everywhere(Options, frozen=True, kw_only=True):
    """What holds for every service and check that does not say otherwise; its faults come on top of theirs.

    Attributes:
        starts_in: how long the start of a service takes.
        takes: how long a look takes; an instant unless told otherwise.
        false_positive_rate: share of looks that say unhealthy although all is well.
        faults: what goes wrong, with each of them on its own.
    """

    starts_in: Spread = _SOON
    takes: Spread | None = None
    false_positive_rate: Rate = 0.0
    faults: tuple[OneFault, ...] = ()


class Person(Options, frozen=True, kw_only=True):
    """Who is called.

    Attributes:
        repairs_after: from the call (a rule gave up, or asks for approval) until everything it is about is repaired.
    """

    scalar = "repairs_after"

    repairs_after: Positive


class Scenario(Options, frozen=True, kw_only=True):
    """The whole file.

    Attributes:
        description: one line for people.
        everywhere: what holds for all.
        services: by name.
        checks: by name.
        shared_dependencies: things outside, by name.
        actions: by kind, or ``run:<program>``.
        person: who is called; without one, nobody comes.
    """

    description: str = ""
    everywhere: Everywhere = Everywhere()
    services: dict[str, ServicePart] = field(default_factory=dict)
    checks: dict[str, CheckPart] = field(default_factory=dict)
    shared_dependencies: dict[str, SharedDependency] = field(default_factory=dict)
    actions: dict[str, ActionPart] = field(default_factory=dict)
    person: Person | None = None

    def faults_of(self, room: Literal["services", "checks"], name: str) -> Iterator[tuple[str, AnyFault]]:
        """Yield the faults of a service or check, each with the label of its stream of chance."""
        part: ServicePart | CheckPart | None = getattr(self, room).get(name)
        for place, one in enumerate(part.faults if part else ()):
            yield f"{room}/{name}/{place}", one.fault
        for place, one in enumerate(self.everywhere.faults):
            if isinstance(one.fault, BrokenCheck) == (room == "checks"):
                yield f"everywhere/{name}/{place}", one.fault

    def needs_of(self, service: str) -> tuple[str, ...]:
        """Return what a service needs: services and shared dependencies, each once."""
        part = self.services.get(service)
        shared = [name for name, one in self.shared_dependencies.items() if _needed(one, service)]
        return tuple(dict.fromkeys([*(part.needs if part else ()), *shared]))


@dataclass(frozen=True, slots=True)
class Source:
    """A scenario and the places of its words, for problems found when it meets a config."""

    scenario: Scenario
    sources: Sources


def load_scenario(path: Path, environ: Mapping[str, str] = os.environ) -> Source:
    """Read a scenario.

    Raises:
        ConfigError: with every problem found.
    """
    sources, problems = Sources(), list[Problem]()
    tree, _ = read([path], sources, environ, problems)
    return _converted(tree, sources, problems)


def scenario_from(text: str, name: str = "<scenario>") -> Source:
    """Read a scenario from text.

    Raises:
        ConfigError: with every problem found.
    """
    problems: list[Problem] = []
    tree, sources = read_text(text, name, {}, problems)
    return _converted(tree, sources, problems)


def _converted(tree: Json, sources: Sources, problems: list[Problem]) -> Source:
    converter = Converter(sources)
    made = converter.struct(Scenario, tree if tree is not None else {}, ())
    if found := (*problems, *converter.problems):
        raise ConfigError(found)
    return Source(cast("Scenario", made), sources)


def fit(source: Source, resolved: Resolved) -> Scenario:
    """See that a scenario and a config are about the same things.

    Raises:
        ConfigError: the scenario names what the config does not have, or goes round in a circle.
    """
    problems = list(_Fitting(source, resolved).problems())
    if problems:
        raise ConfigError(tuple(problems))
    return source.scenario


class _Fitting:
    def __init__(self, source: Source, resolved: Resolved) -> None:
        self._scenario = source.scenario
        self._sources = source.sources
        self._checks = resolved.checks
        self._services = list(resolved.services)

    def problems(self) -> Iterator[Problem]:
        scenario = self._scenario
        for name in scenario.services:
            yield from self._unknown("service", name, self._services, ("services", name))
        for name in scenario.checks:
            yield from self._unknown("check", name, list(self._checks), ("checks", name))
        for name, shared in scenario.shared_dependencies.items():
            yield from self._shared(name, shared)
        for name, part in scenario.services.items():
            yield from self._service(name, part)
        for name, check in scenario.checks.items():
            yield from self._check(name, check)
        if circle := _circle({name: scenario.needs_of(name) for name in self._services}):
            what = f"what services need goes round in a circle: {' -> '.join(circle)}"
            yield self._sources.problem(("services", circle[0], "needs"), what, "remove one of them")

    def _shared(self, name: str, shared: SharedDependency) -> Iterator[Problem]:
        path = ("shared_dependencies", name)
        if name in self._services:
            remedy = "give it another name, or give that service a fault"
            yield self._sources.problem(path, f"{name!r} is a service of the config", remedy)
        if shared.needed_by != "everything":
            for place, service in enumerate(shared.needed_by):
                yield from self._unknown("service", service, self._services, (*path, "needed_by", place))

    def _service(self, name: str, part: ServicePart) -> Iterator[Problem]:
        known = [*self._services, *self._scenario.shared_dependencies]
        for place, need in enumerate(part.needs):
            yield from self._unknown("service or shared dependency", need, known, ("services", name, "needs", place))
        for place, one in enumerate(part.faults):
            if isinstance(one.fault, BrokenCheck):
                path = ("services", name, "faults", place)
                yield self._sources.problem(path, "a service has no broken check", "put it under checks:")

    def _check(self, name: str, part: CheckPart) -> Iterator[Problem]:
        spec = self._checks[name][0] if name in self._checks else None
        for place, one in enumerate(part.faults):
            if spec is not None and spec.service is not None and not isinstance(one.fault, BrokenCheck):
                what = f"{name!r} looks at the service {spec.service!r}, and this is a fault of that"
                yield self._sources.problem(("checks", name, "faults", place), what, f"put it under {spec.service}:")

    def _unknown(self, noun: str, name: str, known: Sequence[str], path: Keys) -> Iterator[Problem]:
        if name not in known:
            remedy = did_you_mean(name, known) or known_words(known) or f"the config has no {noun}"
            in_a_list = isinstance(path[-1], int)
            yield self._sources.problem(path, f"there is no {noun} {name!r} in the config", remedy, value=in_a_list)


def _needed(shared: SharedDependency, service: str) -> bool:
    return shared.needed_by == "everything" or service in shared.needed_by


def _circle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return names that need each other in turn, the first one again at the end; empty when there are none."""
    left = {name: {need for need in many if need in needs} for name, many in needs.items()}
    while free := [name for name, many in left.items() if not many]:
        for name in free:
            del left[name]
        for many in left.values():
            many.difference_update(free)
    if not left:
        return []
    trail = [min(left)]
    while trail.count(trail[-1]) == 1:
        trail.append(min(left[trail[-1]]))
    return trail[trail.index(trail[-1]) :]

"""Names become objects: every kind in a config is looked up and its options are read, with all problems at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeAlias

from salus.app import registry
from salus.app.conditions import Conditions
from salus.config import Settings, Sources, did_you_mean, options
from salus.config.sources import Keys
from salus.errors import ConfigError, MissingExtraError, NotFoundError, Problem
from salus.model import ActionSpec, ChannelSpec, CheckSpec, Json, Matchers, RecoveryRule, Rungs
from salus.options import ActionOptions, ChannelOptions, CheckOptions, Options, ServiceOptions
from salus.ports import Action

if TYPE_CHECKING:  # loaded where a rule has a condition, and where a program brings something along
    from salus.app.own import Own, OwnAction, ReadyAction
    from salus.conditions import Condition

BuiltLadder: TypeAlias = tuple[tuple[ActionSpec, Action], ...]


@dataclass(frozen=True, slots=True)
class ResolvedRule:
    """A rule whose actions and condition are objects."""

    rule: RecoveryRule
    ladders: tuple[BuiltLadder, ...]
    last_words: BuiltLadder
    touches: frozenset[str]
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """A config whose every name is an object; nothing runs yet.

    Attributes:
        settings: the config.
        checks, services, channels: by name.
        rules: in the order of the config.
        alert_conditions: the ``when`` of alert rules, by the name of the rule.
    """

    settings: Settings
    checks: Mapping[str, tuple[CheckSpec, CheckOptions]]
    services: Mapping[str, ServiceOptions]
    rules: tuple[ResolvedRule, ...]
    channels: Mapping[str, tuple[ChannelSpec, ChannelOptions]]
    alert_conditions: Mapping[str, Condition]

    def extent(self) -> str:
        """Say how much there is of what."""
        counts = {"check": len(self.checks), "service": len(self.services), "rule": len(self.rules)}
        return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items())

    def service_roots(self) -> dict[str, tuple[str, ...]]:
        """Return which services each service depends on, directly."""
        specs = self.settings.services
        return {name: spec.depends_on for name, spec in specs.items() if spec.depends_on}

    def listeners(self) -> dict[str, tuple[str, ...]]:
        """Return which checks listen to which heartbeat."""
        found: dict[str, tuple[str, ...]] = {}
        for name, (_, check) in self.checks.items():
            if slug := getattr(check, "slug", None):
                found[slug] = (*found.get(slug, ()), name)
        return found

    def alert_listeners(self) -> dict[str, tuple[Matchers, ...]]:
        """Return which alerts of others each check listens to."""
        listens = {name: getattr(check, "listens_to", ()) for name, (_, check) in self.checks.items()}
        return {name: matchers for name, matchers in listens.items() if matchers}


def resolve(settings: Settings, own: Own | None = None) -> Resolved:
    """Turn all names of a config into objects.

    Args:
        settings: the config.
        own: what the program brings along itself; it goes before kinds of the same name.

    Raises:
        ConfigError: with every problem found, each at its place.
    """
    builder = _Builder(settings, own)
    resolved = Resolved(
        settings=settings,
        checks=dict(builder.checks()),
        services=dict(builder.services()),
        rules=tuple(builder.rules()),
        channels=dict(builder.channels()),
        alert_conditions=dict(builder.alert_conditions()),
    )
    builder.references(resolved)
    builder.telemetry()
    builder.problems += builder.conditions.problems
    if builder.problems:
        raise ConfigError(tuple(dict.fromkeys(builder.problems)))
    return resolved


def _can_export() -> bool:
    """Tell whether what speaks to an OpenTelemetry collector is installed; loads next to nothing of it."""
    try:
        return all(find_spec(name) for name in ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"))
    except ModuleNotFoundError:
        return False


class _Builder:
    """Reads every kind and collects problems instead of stopping at the first."""

    def __init__(self, settings: Settings, own: Own | None) -> None:
        self.settings = settings
        self.own = own
        self.sources: Sources = settings.sources
        self.problems: list[Problem] = []
        self.conditions = Conditions(settings.checks, self.sources)

    def checks(self) -> Iterator[tuple[str, tuple[CheckSpec, CheckOptions]]]:
        for name, spec in self.settings.checks.items():
            read = (self.own and self.own.checks.get(name)) or self._read(
                "checks", spec.kind, spec.options, ("checks", name, spec.kind)
            )
            if isinstance(read, CheckOptions):
                yield name, (spec, read)

    def services(self) -> Iterator[tuple[str, ServiceOptions]]:
        for name, spec in self.settings.services.items():
            read = (self.own and self.own.services.get(name)) or self._read(
                "services", spec.kind, spec.options, ("services", name, spec.kind)
            )
            if isinstance(read, ServiceOptions):
                yield name, read

    def rules(self) -> Iterator[ResolvedRule]:
        for rule in self.settings.rules:
            own = spec.service if (spec := self.settings.checks.get(rule.check)) else None
            many = len(rule.ladders) > 1
            ladders = [
                self._ladder(
                    rungs, own, rule.check, ("rules", rule.name, *(("ladders", place) if many else ("actions",)))
                )
                for place, rungs in enumerate(rule.ladders)
            ]
            last_words = self._ladder(rule.on_exhausted, own, rule.check, ("rules", rule.name, "on_exhausted"))
            every = [action for ladder in (*ladders, last_words) for _, action in ladder]
            touches = {name for action in every for name in action.targets(own)}
            condition = self.conditions.compile(rule)
            yield ResolvedRule(rule, tuple(ladders), last_words, frozenset(touches), condition)

    def channels(self) -> Iterator[tuple[str, tuple[ChannelSpec, ChannelOptions]]]:
        for name, spec in self.settings.alerts.channels.items():
            read = self._read("channels", spec.kind, spec.options, ("alerts", "channels", name, spec.kind))
            if isinstance(read, ChannelOptions):
                yield name, (spec, read)

    def alert_conditions(self) -> Iterator[tuple[str, Condition]]:
        for rule in self.settings.alerts.rules:
            if condition := self.conditions.compile_alert(rule):
                yield rule.name, condition

    def _ladder(self, rungs: Rungs, own: str | None, check: str, path: Keys) -> BuiltLadder:
        built: list[tuple[ActionSpec, Action]] = []
        for place, rung in enumerate(rungs):
            at: Keys = (*path, place, rung.kind)
            if found := self.own and self.own.action(rung.kind, check):
                if action := self._own_action(found, rung, at):
                    built.append((rung, action))
                continue
            read = self._read("actions", rung.kind, rung.options, at)
            if isinstance(read, ActionOptions):
                built.append((rung, read))  # type: ignore[arg-type]  # kinds implement run; the base cannot
                self._known_services(read.targets(own), at)
                if read.wants_service and not read.targets(own):
                    what = f"{rung.kind} needs a service, and the check {check!r} watches none"
                    remedy = f"say `service: NAME` at the check, or `{rung.kind}: {{service: NAME}}` here"
                    self.problems.append(self.sources.problem(at, what, remedy))
        return tuple(built)

    def _own_action(self, found: OwnAction | ReadyAction, rung: ActionSpec, at: Keys) -> Action | None:
        try:
            action = found.build(rung.options)
        except TypeError as error:
            what = f"these are not the parameters of {rung.kind}: {error}"
            self.problems.append(self.sources.problem(at, what, "see its definition"))
            return None
        self._known_services(action.targets(None), at)
        return action

    def references(self, resolved: Resolved) -> None:
        """See that services named inside the options of checks exist."""
        for name, (spec, check) in resolved.checks.items():
            if isinstance(service := getattr(check, "service", None), str):
                self._known_services({service}, ("checks", name, spec.kind, "service"))

    def telemetry(self) -> None:
        """See that what the section ``telemetry`` needs is there."""
        if self.settings.telemetry is not None and not _can_export():
            error = MissingExtraError("telemetry", extra="opentelemetry")
            self.problems.append(self.sources.problem(("telemetry",), str(error), error.remedy or ""))

    def _known_services(self, names: set[str] | frozenset[str], path: Keys) -> None:
        for name in sorted(names - set(self.settings.services)):
            add = "add it under services"
            if self.sources.in_code(path):
                add = "declare it: health.service(NAME, start=..., stop=...)"
            remedy = did_you_mean(name, list(self.settings.services)) or add
            self.problems.append(self.sources.problem(path, f"there is no service {name!r}", remedy, value=True))

    def _read(self, room: str, kind: str, raw: Mapping[str, Json], path: Keys) -> Options | None:
        try:
            options_type = registry.kind(room, kind)
        except NotFoundError as error:
            own = self.own.actions if self.own and room == "actions" else ()
            remedy = did_you_mean(kind, [*own, *registry.names(room)]) or error.remedy or ""
            if room == "actions" and self.sources.in_code(path):
                remedy += "; a function becomes one by @health.action"
            what = f"unknown {room.removesuffix('s')} kind {kind!r}"
            if kind in registry.names(room):  # it is there, and cannot be loaded
                what, remedy = str(error), error.remedy or ""
            self.problems.append(self.sources.problem(path, what, remedy))
            return None
        except MissingExtraError as error:
            self.problems.append(self.sources.problem(path, str(error), error.remedy or ""))
            return None
        if not issubclass(options_type, Options):
            what = f"{kind!r} is registered as {options_type!r}, which is not a subclass of salus.options.Options"
            self.problems.append(self.sources.problem(path, what, "tell its author"))
            return None
        try:
            return options(options_type, raw, path=path, sources=self.sources)
        except ConfigError as error:
            self.problems += error.problems
            return None

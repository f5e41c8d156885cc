"""The tree of a config -> Settings: every section read, every problem kept until the end."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import msgspec

from salus.config import references
from salus.config.alert_shapes import ChannelShape
from salus.config.alerts import AlertsBuilder
from salus.config.convert import SCALAR, Converter, Missing, fields_of
from salus.config.leaves import Refused, description
from salus.config.listen import address
from salus.config.rules import PolicyBuilder, plain
from salus.config.settings import AgentSettings, Settings
from salus.config.shapes import (
    NAME,
    SECTIONS,
    ActionShape,
    AgentShape,
    CheckShape,
    DefaultsShape,
    LimitsShape,
    LogFormat,
    LogLevel,
    ServiceShape,
    Shape,
)
from salus.config.sources import Keys, Sources, did_you_mean, known_words, nearest
from salus.config.targets import judge_proxy
from salus.errors import ConfigError, Problem
from salus.model import ActionSpec, ChannelSpec, CheckSpec, Json, ServiceSpec

if TYPE_CHECKING:
    from salus.config.pings import PingShape
    from salus.config.telemetry import TelemetryShape
    from salus.model.statuspage import StatusPageSettings

_EXAMPLES = {
    "services": "process: {command: [...]}",
    "checks": "http: {url: ...}",
    "actions": "wait: 5s",
    "channels": "webhook: {url: ...}",
}
_IN_CODE = ("checks", "services")


class Builder:
    """Builds Settings from one tree; made for one use."""

    def __init__(self, sources: Sources, environ: Mapping[str, str], problems: list[Problem]) -> None:
        """Begin with the problems that the reading found."""
        self._sources = sources
        self._environ = environ
        self._read_problems = problems
        self._convert = Converter(sources)
        self._warnings: list[Problem] = []

    def settings(self, tree: Json, found: tuple[Path, ...]) -> Settings:
        """Build it all.

        Raises:
            ConfigError: with every problem, in the order of the files.
        """
        sections = self._sections(tree)
        agent = self._agent(sections)
        services = self._services(self._named(sections, "services"))
        defaults = cast("DefaultsShape | None", self._shape(DefaultsShape, sections, "defaults"))
        if defaults:
            self._thresholds(defaults, None, ("defaults",))
        checks = self._checks(self._named(sections, "checks"), defaults, services)
        policy = PolicyBuilder(self._convert, self._sources, checks, self._actions)
        rules = policy.rules(self._named(sections, "rules"))
        limits = policy.limits(self._limits(sections), _entry(sections.get("limits")))
        maintenance = policy.maintenance(self._named(sections, "maintenance"))
        alerts = AlertsBuilder(self._convert, self._sources, named=self._entries, channel=self._channel)
        heard = alerts.settings(sections.get("alerts"), _entry(sections.get("checks")).keys())
        page = self._status_page(sections)
        telemetry, pings = self._telemetry(sections), self._pings(sections)
        self._convert.problems += references.problems(sections, self._sources)
        if problems := self._problems():
            raise ConfigError(problems)
        return Settings(
            agent=cast("AgentSettings", agent),
            services=services,
            checks=checks,
            rules=tuple(rules),
            limits=limits,
            maintenance=maintenance,
            alerts=heard,
            status_page=page,
            telemetry=telemetry,
            pings=pings,
            sources=self._sources,
            files=found,
            warnings=tuple(sorted([*self._warnings, *policy.warnings, *alerts.warnings])),
        )

    def _status_page(self, sections: Mapping[str, Json]) -> StatusPageSettings | None:
        """Read what the public is shown; most configs have no such page, and do not load what reads it."""
        if "status_page" not in sections:
            return None
        from salus.config import status_page

        raw = sections["status_page"]
        checks = {name: _entry(check) for name, check in _entry(sections.get("checks")).items()}
        self._convert.problems += status_page.problems(raw, checks, self._sources)
        return status_page.settings(self._convert, raw)

    def _telemetry(self, sections: Mapping[str, Json]) -> TelemetryShape | None:
        """Read where an OpenTelemetry collector is; most configs have none, and do not load what reads it."""
        if "telemetry" not in sections:
            return None
        from salus.config import telemetry

        return telemetry.settings(self._convert, sections["telemetry"])

    def _pings(self, sections: Mapping[str, Json]) -> Mapping[str, PingShape]:
        if not (entries := self._named(sections, "pings")):
            return {}
        from salus.config import pings

        return pings.settings(self._convert, entries)

    def _problems(self) -> tuple[Problem, ...]:
        """Return all of them; where the reading found one, what follows from it is left out."""
        places = {(problem.file, problem.line, problem.column) for problem in self._read_problems}
        later = [
            one for one in self._convert.problems if not one.line or (one.file, one.line, one.column) not in places
        ]
        return tuple(sorted({*self._read_problems, *later}))

    def _sections(self, tree: Json) -> dict[str, Json]:
        if tree is None:
            return {}
        if not isinstance(tree, dict):
            what = f"expected sections such as checks: and services:, got {description(tree)}"
            self._convert.note((), what, "see `salus init` for an example")
            return {}
        for section in tree:
            if section not in SECTIONS:
                remedy = did_you_mean(section, SECTIONS) or known_words(SECTIONS)
                self._convert.note((section,), f"unknown section {section!r}", remedy, value=False)
        return tree

    def _named(self, sections: Mapping[str, Json], section: str) -> dict[str, Json]:
        """Return a section whose keys are names that people choose."""
        return self._entries(sections.get(section), (section,))

    def _entries(self, content: Json, path: Keys) -> dict[str, Json]:
        """Return what stands under names that people choose; nothing where that is no mapping (noted)."""
        if content is None:
            return {}
        if not isinstance(content, dict):
            what = f"expected names with what they mean, got {description(content)}"
            self._convert.note(path, what, f"write {path[-1]}: and below it, indented, <name>: ...")
            return {}
        self._names(content, path)
        return content

    def _names(self, names: Iterable[str], path: Keys) -> None:
        for name in names:
            if not re.match(NAME, name) or name.endswith("\n"):
                remedy = "use letters, digits, '-', '_' and '.', at most 100, and begin with a letter or digit"
                self._convert.note((*path, name), f"{name!r} cannot be a name", remedy, value=False)

    def _shape(self, shape: type[Shape], sections: Mapping[str, Json], section: str) -> Shape | None:
        result = self._convert.struct(shape, sections.get(section), (section,))
        return None if isinstance(result, Missing) else cast("Shape", result)

    def _limits(self, sections: Mapping[str, Json]) -> LimitsShape | None:
        self._names(_entry(_entry(sections.get("limits")).get("groups")), ("limits", "groups"))
        return cast("LimitsShape | None", self._shape(LimitsShape, sections, "limits"))

    # ── The agent ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _agent(self, sections: Mapping[str, Json]) -> AgentSettings | None:
        raw = self._without_foreign_stores(sections.get("salus"))
        shape = cast("AgentShape | None", self._shape(AgentShape, {"salus": raw}, "salus"))
        level = self._chosen("SALUS_LOG_LEVEL", "log level", get_args(LogLevel))
        form = self._chosen("SALUS_LOG_FORMAT", "log format", get_args(LogFormat))
        listen = self._environ.get("SALUS_LISTEN")
        if shape is None:
            return None
        try:
            host, port = address(listen or shape.listen)
        except Refused as refused:
            self._refused(refused, "SALUS_LISTEN" if listen else "", ("salus", "listen"))
            return None
        self._proxies(shape)
        kept = (
            *("store", "name", "environment", "show_details", "metrics", "trusted_proxies"),
            *("keep_events", "keep_observations", "keep_days", "observe_every"),
        )
        return AgentSettings(
            host=host,
            port=port,
            state_dir=self._sources.folder(("salus", "state_dir")) / shape.state_dir,
            log_level=level or shape.log_level,
            log_format=form or shape.log_format,
            **plain({key: getattr(shape, key) for key in kept}),
        )

    def _proxies(self, shape: AgentShape) -> None:
        for index, text in enumerate(shape.trusted_proxies):
            try:
                judge_proxy(text)
            except Refused as refused:
                self._convert.note(("salus", "trusted_proxies", index), refused.what, refused.remedy)

    def _without_foreign_stores(self, raw: Json) -> Json:
        store = raw.get("store") if isinstance(raw, dict) else None
        if isinstance(raw, dict) and isinstance(store, str) and "://" in store:
            what = "databases other than SQLite are not available in this version"
            self._convert.note(("salus", "store"), what, "write store: sqlite, or store: memory")
            return {key: value for key, value in raw.items() if key != "store"}
        return raw

    def _chosen(self, variable: str, what: str, known: tuple[str, ...]) -> str:
        """Return the word that a variable of the environment says, or an empty string."""
        word = self._environ.get(variable, "").lower()
        if word and word not in known:
            refused = Refused(f"there is no {what} {word!r}", did_you_mean(word, known) or known_words(known))
            self._refused(refused, variable, ())
        return word

    def _refused(self, refused: Refused, variable: str, path: Keys) -> None:
        if not variable:
            self._convert.note(path, refused.what, refused.remedy)
            return
        file = f"environment variable {variable}"
        problem = Problem(file=file, line=0, column=0, path="", what=refused.what, remedy=refused.remedy)
        self._convert.problems.append(problem)

    # ── Kinds ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _kind(self, raw: Json, path: Keys, shape: type[Shape] | None, room: str) -> tuple[str, dict[str, Json]] | None:
        """Find the one key of an entry that names its kind.

        Returns:
            The kind and its options; a bare value stands under SCALAR. None where there is no saying (noted).
        """
        example = _EXAMPLES[room]
        if isinstance(raw, str) and raw:
            return str(raw), {}
        if not isinstance(raw, dict):
            got = description(raw, self._sources.words.get(path, ""))
            self._convert.note(path, f"expected {{kind: options}}, got {got}", f"write it like {example}")
            return None
        known = set(fields_of(shape)) if shape else set()
        kinds = [key for key in raw if key not in known]
        misspelled = [
            key for key in kinds if (len(kinds) > 1 or not isinstance(raw[key], dict)) and nearest(key, known, 0.75)
        ]
        for key in misspelled:
            self._convert.note((*path, key), f"unknown key {key!r}", did_you_mean(key, known), value=False)
        kinds = [key for key in kinds if key not in misspelled]
        if len(kinds) > 1:
            what = f"expected one kind, got {len(kinds)}: {', '.join(kinds)}"
            remedy = (
                f"keep one of them; other keys here are {', '.join(sorted(known))}" if known else "keep one of them"
            )
            self._convert.note((*path, kinds[1]), what, remedy, value=False)
        elif not kinds and not misspelled:
            remedy = f"add one, such as {example}"
            if room in _IN_CODE:
                remedy += "; where an application declares it in code, HealthSystem.judge() reads both"
            self._convert.note(path, "the kind is missing", remedy, value=False)
        if len(kinds) != 1:
            return None
        return kinds[0], _options(raw[kinds[0]])

    def _beside(self, shape: type[Shape], raw: Json, kind: str | None, path: Keys) -> Shape | None:
        """Read the keys that stand beside the kind."""
        known = fields_of(shape)
        entries = {key: value for key, value in raw.items() if key in known} if isinstance(raw, dict) else {}
        result = self._convert.struct(shape, entries, path)
        return None if isinstance(result, Missing) else cast("Shape", result)

    def _services(self, section: Mapping[str, Json]) -> dict[str, ServiceSpec]:
        services: dict[str, ServiceSpec] = {}
        for name, raw in section.items():
            path = ("services", name)
            found = self._kind(raw, path, ServiceShape, "services")
            shape = cast("ServiceShape | None", self._beside(ServiceShape, raw, found[0] if found else None, path))
            if found and shape:
                services[name] = ServiceSpec(name=name, kind=found[0], options=found[1], depends_on=shape.depends_on)
        return services

    def _checks(
        self, section: Mapping[str, Json], defaults: DefaultsShape | None, services: Collection[str]
    ) -> dict[str, CheckSpec]:
        checks: dict[str, CheckSpec] = {}
        for name, raw in section.items():
            path = ("checks", name)
            found = self._kind(raw, path, CheckShape, "checks")
            shape = self._beside(CheckShape, raw, found[0] if found else None, path)
            if found and shape:
                timing = self._timing(cast("CheckShape", shape), defaults, path)
                rest = {key: getattr(shape, key) for key in ("critical", "liveness", "tags", "depends_on", "service")}
                if isinstance(raw, dict) and (of := references.service_of(raw, services)):
                    rest["service"] = of[0]
                description_ = cast("CheckShape", shape).description
                checks[name] = CheckSpec(
                    name=name, kind=found[0], options=found[1], description=description_, **timing, **rest
                )
        return checks

    def _channel(self, name: str, raw: Json, path: Keys) -> ChannelSpec | None:
        found = self._kind(raw, path, ChannelShape, "channels")
        shape = self._beside(ChannelShape, raw, found[0] if found else None, path)
        if not found or not shape:
            return None
        return ChannelSpec(name=name, kind=found[0], options=found[1], **plain(msgspec.structs.asdict(shape)))

    def _timing(self, shape: CheckShape, defaults: DefaultsShape | None, path: Keys) -> dict[str, Any]:
        said: dict[str, Any] = {}
        for key in fields_of(DefaultsShape):
            own = getattr(shape, key)
            value = own if own is not None else getattr(defaults, key) if defaults else None
            if value is not None:
                said[key] = value
        said = plain(said)
        interval = said.get("interval", 30.0)
        # What nobody said never outlasts the interval, so that a quick check needs one key and not three.
        said.setdefault("timeout", min(10.0, interval))
        said.setdefault("retry_interval", min(1.0, interval))
        for key in ("timeout", "retry_interval"):
            if said[key] > interval and (getattr(shape, key) is not None or shape.interval is not None):
                what = f"{key} is longer than the interval: looks never overlap, so the next one waits"
                at = (*path, key) if getattr(shape, key) is not None else (*path, "interval")
                self._warnings.append(self._sources.problem(at, what, "lengthen the interval or shorten this"))
        self._thresholds(shape, defaults, path)
        return said

    def _thresholds(self, own: DefaultsShape, defaults: DefaultsShape | None, path: Keys) -> None:
        """Note what does not fit together, at a key that stands here; what the defaults say is told there."""

        def value(key: str) -> Any:
            said = [getattr(shape, key) for shape in (own, defaults) if shape and getattr(shape, key) is not None]
            return said[0] if said else getattr(CheckSpec(name="", kind=""), key)

        def note(what: str, *pair: str) -> None:
            here = [key for key in pair if getattr(own, key) is not None]
            if here:
                self._convert.note((*path, here[0]), what, f"raise {pair[0]}, or lower {pair[1]}")

        threshold, window = value("failure_threshold"), value("failure_window")
        if window and window < threshold:
            note(f"{threshold} bad looks cannot be among the last {window}", "failure_window", "failure_threshold")
        low, high = value("low_flap_threshold"), value("high_flap_threshold")
        if high and low > high:
            what = f"flapping cannot end under {low * 100:g}% and begin at {high * 100:g}%"
            note(what, "high_flap_threshold", "low_flap_threshold")

    # ── Rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _actions(self, raw: Json, path: Keys) -> tuple[ActionSpec, ...]:
        if not isinstance(raw, list):
            return ()
        if not raw:
            self._convert.note(path, "there is nothing in the list", "add an action, such as restart_service")
        actions: list[ActionSpec] = []
        for index, entry in enumerate(raw):
            at = (*path, index)
            found = self._kind(entry, at, ActionShape, "actions")
            shape = cast("ActionShape | None", self._beside(ActionShape, entry, None, at))
            if found and shape:
                timeout = float(shape.timeout) if shape.timeout is not None else None
                actions.append(ActionSpec(kind=found[0], options=found[1], timeout=timeout))
        return tuple(actions)


def _entry(raw: Json) -> Mapping[str, Json]:
    return raw if isinstance(raw, dict) else {}


def _options(raw: Json) -> dict[str, Json]:
    if raw is None:
        return {}
    return raw if isinstance(raw, dict) else {SCALAR: raw}

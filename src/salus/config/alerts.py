"""The section ``alerts`` -> ``AlertSettings``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from salus.config import alert_defaults, time_intervals
from salus.config.alert_rules import AlertRulesBuilder
from salus.config.alert_shapes import (
    AlertsShape,
    EscalationShape,
    InhibitShape,
    RouteShape,
    TimeIntervalShape,
)
from salus.config.convert import Converter
from salus.config.interpolation import Interpolated
from salus.config.leaves import Refused, description, shown
from salus.config.rules import plain
from salus.config.sources import Keys, Sources
from salus.config.targets import judge_target
from salus.errors import MatcherError, Problem
from salus.matchers import OF_ALERTS, parse_matchers
from salus.model import (
    AlertSettings,
    ChannelSpec,
    Escalation,
    InhibitRule,
    Json,
    Matchers,
    RouteSpec,
    Targets,
    TimeInterval,
)

EACH = "..."
"""In ``group_by``: each alert by itself."""
_PATH: Keys = ("alerts",)
_APART = ("channels", "rules", "routes", "inhibit", "time_intervals")
_FOR_ROUTES = ("group_by", "group_wait", "group_interval", "repeat_interval")

Named = Callable[[Json, Keys], Mapping[str, Json]]
ReadChannel = Callable[[str, Json, Keys], ChannelSpec | None]
S = TypeVar("S", bound=msgspec.Struct)


class AlertsBuilder:
    """Reads who hears what; problems go to the converter."""

    def __init__(self, convert: Converter, sources: Sources, *, named: Named, channel: ReadChannel) -> None:
        """Take what reads a section of names, and what reads one channel."""
        self._convert = convert
        self._sources = sources
        self._named = named
        self._channel = channel
        self.warnings: list[Problem] = []

    def settings(self, raw: Json, checks: Collection[str]) -> AlertSettings:
        """Read it all.

        Args:
            raw: the section.
            checks: names of all checks.
        """
        section = raw if isinstance(raw, dict) else {}
        apart = {key: value for key, value in section.items() if key not in _APART} if isinstance(raw, dict) else raw
        shape = self._convert.struct(AlertsShape, apart, _PATH)
        shape = shape if isinstance(shape, AlertsShape) else AlertsShape()
        rules = AlertRulesBuilder(self._convert, self._sources, checks)
        for index, label in enumerate(shape.group_by):
            self._judge_group(label, shape.group_by, rules, (*_PATH, "group_by", index))
        rules.judge_labels(shape.labels, (*_PATH, "labels"))
        rules.judge_link(shape.link, section.get("link"), (*_PATH, "link"))
        channels = dict(self._channels(self._names(section, "channels")))
        return AlertSettings(
            rules=rules.rules(self._names(section, "rules"), default_rules=shape.default_rules),
            channels={**alert_defaults.CHANNELS, **channels},
            routes=self._routes(section, shape, channels, rules),
            inhibit=tuple(self._inhibit(self._names(section, "inhibit"), rules)),
            intervals=dict(self._intervals(self._names(section, "time_intervals"))),
            flap_threshold=shape.flap_threshold,
            flap_window=float(shape.flap_window),
            link=shape.link.rstrip("/"),
            labels=shape.labels,
            targets=self._targets(shape),
            receive=shape.receive.settings() if shape.receive else None,
        )

    def _names(self, section: Mapping[str, Json], key: str) -> Mapping[str, Json]:
        return self._named(section.get(key), (*_PATH, key))

    def _struct(self, wanted: type[S], raw: Json, path: Keys) -> S | None:
        made = self._convert.struct(wanted, raw, path)
        return made if isinstance(made, wanted) else None

    def _warn(self, path: Keys, what: str, remedy: str) -> None:
        self.warnings.append(self._sources.problem(path, what, remedy))

    def _channels(self, section: Mapping[str, Json]) -> Iterator[tuple[str, ChannelSpec]]:
        for name, raw in section.items():
            if channel := self._channel(name, raw, (*_PATH, "channels", name)):
                yield name, channel

    def _targets(self, shape: AlertsShape) -> Targets:
        if shape.targets is None:
            return Targets()
        for key in ("allow", "deny"):
            for index, text in enumerate(getattr(shape.targets, key)):
                try:
                    judge_target(text)
                except Refused as refused:
                    self._convert.note((*_PATH, "targets", key, index), refused.what, refused.remedy)
        return Targets(allow=shape.targets.allow, deny=shape.targets.deny)

    # ── Routes ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _routes(
        self,
        section: Mapping[str, Json],
        shape: AlertsShape,
        channels: Mapping[str, ChannelSpec],
        rules: AlertRulesBuilder,
    ) -> tuple[RouteSpec, ...]:
        """Read the routes; without any, everything goes to every channel, or to the log."""
        shared = plain({key: getattr(shape, key) for key in _FOR_ROUTES})
        raw, path = section.get("routes"), (*_PATH, "routes")
        if raw is None:
            used = tuple(name for name, channel in channels.items() if channel.enabled)
            return (RouteSpec(channels=used or ("log",), **shared),)
        if not isinstance(raw, list):
            what = f"expected a list of routes, got {description(raw)}"
            self._convert.note(path, what, "write routes: [{channels: [log]}]")
            return ()
        if not raw:
            self._convert.note(
                path, "there is nothing in the list", "add a route such as {channels: [log]}, or leave it out"
            )
        routes = tuple(self._listed_routes(raw, shared, rules, path))
        if len(routes) == len(raw):
            self._judge_routes(routes, channels, path)
        # What no route takes is told to the log: an alert that nobody at all hears of helps nobody.
        return routes if any(not route.match for route in routes) else (*routes, RouteSpec(channels=("log",), **shared))

    def _listed_routes(
        self, raw: list[Json], shared: Mapping[str, Any], rules: AlertRulesBuilder, path: Keys
    ) -> Iterator[RouteSpec]:
        for index, entry in enumerate(raw):
            at = (*path, index)
            if (shape := self._struct(RouteShape, entry, at)) is None:
                continue
            for place, label in enumerate(shape.group_by or ()):
                self._judge_group(label, shape.group_by or (), rules, (*at, "group_by", place))
            own = plain({key: getattr(shape, key) for key in _FOR_ROUTES if getattr(shape, key) is not None})
            yield RouteSpec(
                match=self._matchers(entry, "match", at),
                channels=shape.channels,
                escalate=tuple(_escalation(one) for one in shape.escalate),
                mute_during=shape.mute_during,
                active_during=shape.active_during,
                go_on=shape.go_on,
                **{**shared, **own},
            )

    def _judge_routes(self, routes: tuple[RouteSpec, ...], channels: Mapping[str, ChannelSpec], path: Keys) -> None:
        """Warn of alerts that no route takes, of routes that no alert reaches, and of channels that nobody uses."""
        everything = [index for index, route in enumerate(routes) if not route.match]
        if routes and not everything:
            what = "alerts that no route takes are told to nobody but the log"
            self._warn((*path, len(routes) - 1), what, "end with a route that has no match")
        ends = [index for index in everything if not routes[index].go_on]
        if ends and ends[0] + 1 < len(routes):
            what = f"no alert comes this far: route {ends[0] + 1} has no match and takes them all"
            self._warn((*path, ends[0] + 1), what, "move it before that one, or say continue: true there")
        used = {name for route in routes for name in route.channels}
        used |= {name for route in routes for step in route.escalate for name in step.channels}
        for name in channels.keys() - used - alert_defaults.CHANNELS.keys():
            if channels[name].enabled:
                self._warn((*_PATH, "channels", name), "no route uses this channel", "name it in a route, or remove it")

    def _judge_group(self, label: str, labels: tuple[str, ...], rules: AlertRulesBuilder, path: Keys) -> None:
        if label != EACH:
            rules.judge_label(label, path)
        elif len(labels) > 1:
            self._convert.note(path, "'...' tells each alert by itself, so no label can group them", "keep one of both")

    # ── Matchers ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _matchers(self, entry: Json, key: str, path: Keys) -> Matchers:
        """Read one text of matchers, or a list of them, which the converter has seen to be such."""
        raw = entry.get(key) if isinstance(entry, dict) else None
        if raw == []:
            what = "there is nothing in the list"
            self._convert.note((*path, key), what, 'write a matcher such as level="critical"')
        listed = enumerate(raw) if isinstance(raw, list) else ()
        texts = [((*path, key), raw), *(((*path, key, index), text) for index, text in listed)]
        return tuple(one for at, text in texts if isinstance(text, str) for one in self._matcher(text, at))

    def _matcher(self, text: str, path: Keys) -> Matchers:
        try:
            return parse_matchers(text, OF_ALERTS)
        except MatcherError as error:
            if isinstance(text, Interpolated):  # what became of it may be a secret, and has no columns in the file
                what = f"{shown(text)} is no matcher when its variables are replaced"
                self._convert.note(path, what, 'write label="${NAME}", such as level="${LEVEL}"')
                return ()
            place = {"line": 1, "column": error.column}
            inside = self._sources.problem_inside(path, str(error), error.remedy or "", **place)
            self._convert.problems.append(inside)
            return ()

    def _inhibit(self, section: Mapping[str, Json], rules: AlertRulesBuilder) -> Iterator[InhibitRule]:
        for name, raw in section.items():
            path = (*_PATH, "inhibit", name)
            shape = self._struct(InhibitShape, raw, path)
            if shape is None:
                continue
            for index, label in enumerate(shape.equal):
                rules.judge_label(label, (*path, "equal", index))
            source, target = (self._matchers(raw, key, path) for key in ("source", "target"))
            yield InhibitRule(name=name, source=source, target=target, equal=shape.equal)

    def _intervals(self, section: Mapping[str, Json]) -> Iterator[tuple[str, TimeInterval]]:
        for name, raw in section.items():
            path = (*_PATH, "time_intervals", name)
            if shape := self._struct(TimeIntervalShape, raw, path):
                yield name, time_intervals.interval(name, shape, self._convert, path)


def _escalation(shape: EscalationShape) -> Escalation:
    return Escalation(after=float(shape.after), channels=shape.channels)

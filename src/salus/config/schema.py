"""JSON Schema (2020-12) of the whole config, made from the structs that read it, for editors and other programs."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import msgspec

from salus.config import alert_defaults, leaves
from salus.config.alert_rules import COMPARISONS, MEMBERS, TRIGGERS
from salus.config.alert_shapes import AlertRuleShape, AlertsShape, ChannelShape, RouteShape
from salus.config.convert import fields_of
from salus.config.docstrings import attributes, summary
from salus.config.pings import PingShape
from salus.config.shapes import (
    NAME,
    ActionShape,
    AgentShape,
    CheckShape,
    DefaultsShape,
    GroupShape,
    LimitsShape,
    MaintenanceShape,
    RuleShape,
    ServiceShape,
    Shape,
)
from salus.config.status_page import StatusPageShape
from salus.config.telemetry import TelemetryShape
from salus.secret import Secret
from salus.units import Amount, Bound, Duration, Share, Size, format_duration, format_size

Schema: TypeAlias = "dict[str, Any]"

_NUMBER = r"\d+(\.\d+)?"
_VARIABLE = r"\$\{"
_DURATION = rf"^\s*({_NUMBER}|({_NUMBER}(us|ms|s|m|h|d|w))+)\s*$|{_VARIABLE}"
_SIZE = rf"^\s*{_NUMBER}\s*(B|[kK]B|[MGT]B|[KMGT]iB)?\s*$|{_VARIABLE}"
_SHARE = rf"^\s*{_NUMBER}\s*%\s*$|{_VARIABLE}"
_NULL: Schema = {"type": "null"}

_UNITS: Mapping[str, Schema] = {
    "duration": {
        "description": "A duration: 500ms, 30s, 5m, 1h30m; a bare number is seconds.",
        "anyOf": [{"type": "string", "pattern": _DURATION}, {"type": "number", "minimum": 0}],
    },
    "size": {
        "description": "A size: 512MiB, 1GB; a bare number is bytes.",
        "anyOf": [{"type": "string", "pattern": _SIZE}, {"type": "number", "minimum": 0}],
    },
    "share": {
        "description": "A share of a whole: 10%, or a number from 0 to 1.",
        "anyOf": [{"type": "string", "pattern": _SHARE}, {"type": "number", "minimum": 0, "maximum": 1}],
    },
    "amount": {
        "description": "A share of a whole (10%) or a size (5GiB).",
        "anyOf": [{"type": "string", "pattern": f"{_SIZE}|{_SHARE}"}, {"type": "number", "minimum": 0}],
    },
    "bound": {
        "description": "A number to compare a metric with: 0.15, 15%, 512MiB, 1h30m.",
        "anyOf": [
            {"type": "string", "pattern": rf"^\s*-?{_NUMBER}\s*%?\s*$|{_SIZE}|{_DURATION}"},
            {"type": "number"},
        ],
    },
    "variable": {"description": "A variable of the environment: ${NAME}.", "type": "string", "pattern": _VARIABLE},
}
_REFS = {Duration: "duration", Size: "size", Share: "share", Amount: "amount", Bound: "bound"}
_PLAIN = {int: "integer", float: "number", bool: "boolean"}
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum", "pattern": "pattern"}


def schema(kinds: Mapping[str, Mapping[str, type[msgspec.Struct]]]) -> Schema:
    """Describe the whole config.

    Args:
        kinds: for each of the rooms ``checks``, ``actions``, ``services`` and ``channels``: kind -> its options.

    Returns:
        A JSON Schema as plain data.
    """
    return _Writer().whole(kinds)


class _Writer:
    def __init__(self) -> None:
        self._definitions: dict[str, Schema] = {name: dict(unit) for name, unit in _UNITS.items()}
        self._names: dict[type, str] = {}

    def whole(self, kinds: Mapping[str, Mapping[str, type[msgspec.Struct]]]) -> Schema:
        for room, noun, shape in (
            ("checks", "check", CheckShape),
            ("services", "service", ServiceShape),
            ("actions", "action", ActionShape),
            ("channels", "channel", ChannelShape),
        ):
            self._definitions[noun] = self._entry(room, kinds.get(room, {}), shape)
        rule = self._struct(RuleShape)
        ladder = {"type": "array", "items": _ref("action"), "minItems": 1}
        for key in ("actions", "on_exhausted"):
            rule["properties"][key] = {**_described(rule["properties"][key]), **ladder}
        ladders = {"type": "array", "items": ladder, "minItems": 1}
        rule["properties"]["ladders"] = {**_described(rule["properties"]["ladders"]), **ladders}
        rule["oneOf"] = [{"required": ["actions"]}, {"required": ["ladders"]}]
        pairs: list[tuple[Schema, Schema]] = [
            (_with("when"), _with("trigger_on")),
            (_with("check"), _with("tags")),
            (_said("all_checks"), {"anyOf": [_with("check"), _with("tags")]}),
        ]
        rule["not"] = {"anyOf": [{"allOf": list(pair)} for pair in pairs]}
        rule["properties"]["tags"]["minItems"] = 1
        self._names[GroupShape] = "group"
        group = self._definitions["group"] = _spelled_out(self._struct(GroupShape))
        group["allOf"] = [{"anyOf": [_with("max_unavailable"), _with("max_unavailable_share")]}]
        limits = self._struct(LimitsShape)
        limits["properties"]["groups"]["propertyNames"] = {"pattern": NAME}
        self._definitions["window"] = _spelled_out(self._struct(MaintenanceShape))
        self._definitions["rule"] = rule
        self._definitions["ping"] = self._shorthand(PingShape, self._struct(PingShape))
        sections = {
            "salus": self._struct(AgentShape),
            "defaults": self._struct(DefaultsShape),
            "services": self._named("service", "What can be started, stopped and restarted."),
            "checks": self._named("check", "What is looked at, how often, and when it is believed."),
            "rules": self._named("rule", "When to act on a check, how, and how often."),
            "limits": limits,
            "maintenance": self._named("window", "When somebody works on something, so that nothing there is healed."),
            "alerts": self._alerts(),
            "status_page": self._struct(StatusPageShape),
            "telemetry": self._struct(TelemetryShape),
            "pings": self._named("ping", "Who is told again and again that Salus itself is well."),
        }
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Salus config",
            "type": ["object", "null"],
            "properties": {name: {"anyOf": [section, _NULL]} for name, section in sections.items()},
            "additionalProperties": False,
            "$defs": self._definitions,
        }

    def _alerts(self) -> Schema:
        """Describe who hears what; a rule that is one of Salus' own need not say what raises it."""
        own = self._struct(AlertRuleShape)
        for key in ("checks", "tags", "services"):
            own["properties"][key]["minItems"] = 1
        compared = [_with(key) for key in COMPARISONS]
        own["not"] = {"anyOf": [*_pairs(TRIGGERS), *_pairs(COMPARISONS), *_pairs(MEMBERS)]}
        own["dependentRequired"] = {key: ["metric"] for key in COMPARISONS}
        own["dependentSchemas"] = {"metric": {"anyOf": compared}}
        self._definitions["own_alert_rule"] = own
        raised = {"anyOf": [_with(key) for key in TRIGGERS]}
        self._definitions["alert_rule"] = {"allOf": [_ref("own_alert_rule"), raised]}
        self._names[RouteShape] = "route"
        self._definitions["route"] = self._struct(RouteShape)
        written = self._struct(AlertsShape)
        for key, noun in (("channels", "channel"), ("rules", "alert_rule")):
            written["properties"][key] = self._named(noun, written["properties"][key]["description"])
        written["properties"]["rules"]["properties"] = {name: _ref("own_alert_rule") for name in alert_defaults.RULES}
        for key in ("inhibit", "time_intervals"):
            written["properties"][key]["propertyNames"] = {"pattern": NAME}
        return written

    def _named(self, noun: str, description: str) -> Schema:
        names = {"pattern": NAME}
        return {
            "type": "object",
            "description": description,
            "propertyNames": names,
            "additionalProperties": _ref(noun),
        }

    def _entry(self, room: str, kinds: Mapping[str, type[msgspec.Struct]], shape: type[Shape] | None) -> Schema:
        """Describe ``{kind: options}`` with the keys beside it, and the name of a kind alone."""
        properties = dict(self._struct(shape)["properties"]) if shape else {}
        alone: list[str] = []
        for kind, options in kinds.items():
            name = f"{room}.{kind}"
            self._definitions[name] = self._shorthand(options, self._struct(options))
            properties[kind] = _ref(name)
            if not any(field.required for field in fields_of(options).values()):
                alone.append(kind)
                properties[kind] = {"anyOf": [_ref(name), _NULL]}
        one: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        one["oneOf"] = [{"required": [kind]} for kind in kinds] or [False]
        return {"anyOf": [{"enum": alone}, one]} if alone else one

    def _shorthand(self, struct: type[msgspec.Struct], written: Schema) -> Schema:
        """Allow a bare value where the kind has a field for it."""
        fields = fields_of(struct)
        scalar: str = getattr(struct, "scalar", "")
        if not scalar or any(field.required for key, field in fields.items() if key != scalar):
            return written
        return {"description": written["description"], "anyOf": [written, self._type(fields[scalar].type)]}

    def _struct(self, struct: type[msgspec.Struct]) -> Schema:
        described = attributes(struct)
        properties: dict[str, Schema] = {}
        required: list[str] = []
        either: list[Schema] = []
        defaults = {field.encode_name: _default(field) for field in msgspec.structs.fields(struct)}
        for key, field in fields_of(struct).items():
            text = _sentence(described.get(field.name, ""))
            properties[key] = {"description": text} if text else {}
            properties[key] |= self._type(field.type)
            if defaults[key] is not None:
                properties[key]["default"] = defaults[key]
            if field.secret:
                properties[f"{key}_file"] = {"type": "string", "description": f"The file that holds {key}."}
                either += [{"anyOf": [{"required": [key]}, {"required": [f"{key}_file"]}]}] if field.required else []
            elif field.required:
                required.append(key)
        written: Schema = {"type": "object", "description": summary(struct), "properties": properties}
        written["additionalProperties"] = False
        return written | ({"required": required} if required else {}) | ({"allOf": either} if either else {})

    # ── Types ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _type(self, wanted: Any) -> Schema:
        origin, arguments = get_origin(wanted), get_args(wanted)
        if origin is Annotated:
            return self._annotated(arguments)
        if origin in (Union, types.UnionType):
            return _any_of([self._type(one) for one in arguments])
        if origin is Literal:
            return {"anyOf": [{"enum": list(arguments)}, _ref("variable")]}
        base = origin or wanted
        return self._class(base, arguments) if isinstance(base, type) and base is not object else {}

    def _class(self, base: type, arguments: tuple[Any, ...]) -> Schema:
        if base in _REFS:
            return _ref(_REFS[base])
        if base in _PLAIN:
            return {"anyOf": [{"type": _PLAIN[base]}, _ref("variable")]}
        if base in (str, Path, Secret, type(None)):
            return dict(_NULL) if base is type(None) else {"type": "string"}
        if issubclass(base, Enum):
            return {"anyOf": [{"enum": [member.value for member in base]}, _ref("variable")]}
        if issubclass(base, msgspec.Struct):
            return self._nested(base)
        if leaves.is_mapping(base):
            return {"type": "object", "additionalProperties": self._type(arguments[1]) if len(arguments) == 2 else True}
        if leaves.is_list(base):
            return self._list(base, arguments)
        return {}

    def _list(self, base: type, arguments: tuple[Any, ...]) -> Schema:
        if base is tuple and arguments and arguments[-1] is not Ellipsis:
            count = len(arguments)
            items = [self._type(one) for one in arguments]
            return {"type": "array", "prefixItems": items, "minItems": count, "maxItems": count}
        return {"type": "array", "items": self._type(arguments[0]) if arguments else True}

    def _nested(self, struct: type[msgspec.Struct]) -> Schema:
        if struct not in self._names:
            name = f"{struct.__module__.rpartition('.')[2]}.{struct.__name__}"
            self._names[struct] = name
            self._definitions[name] = {}  # taken, before a struct that holds itself asks again
            self._definitions[name] = self._shorthand(struct, self._struct(struct))
        return _ref(self._names[struct])

    def _annotated(self, arguments: tuple[Any, ...]) -> Schema:
        written = self._type(arguments[0])
        target = written["anyOf"][0] if "anyOf" in written and "type" in written["anyOf"][0] else written
        if "$ref" in target:  # a unit: its text cannot be compared by a schema
            return written
        length = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}.get(target.get("type", ""))
        for meta in arguments[1:]:
            target |= {word: getattr(meta, name) for name, word in _BOUNDS.items() if getattr(meta, name) is not None}
            for name, word in zip(("min_length", "max_length"), length or (), strict=False):
                target |= {word: getattr(meta, name)} if getattr(meta, name) is not None else {}
        return written


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _any_of(parts: list[Schema]) -> Schema:
    """Join alternatives, each once, without nesting."""
    flat: list[Schema] = []
    for part in parts:
        for one in part["anyOf"] if set(part) == {"anyOf"} else [part]:
            if one not in flat:
                flat.append(one)
    return {"anyOf": flat} if len(flat) > 1 else flat[0]


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}" if text else ""


def _default(field: msgspec.structs.FieldInfo) -> Any:
    """Return a default as a person would write it in the config, or None."""
    value = field.default
    if value is msgspec.NODEFAULT or value is None or isinstance(value, msgspec.Struct | Secret):
        return None
    if isinstance(value, Duration):
        return f"{value:g}s" if value < 60 else format_duration(value)
    if isinstance(value, Size):
        return format_size(value)
    if isinstance(value, Share):
        return f"{value:.4%}".replace(".0000", "")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Amount | Path) else value


def _spelled_out(written: Schema) -> Schema:
    """Ask for members: some by name, or everything in so many words."""
    named = ("checks", "tags", "services")
    for key in named:
        written["properties"][key] = {**written["properties"][key], "minItems": 1}
        written["properties"][key].pop("default", None)  # an empty list, which must not be written
    written["oneOf"] = [_said("everything"), {"anyOf": [_with(key) for key in named]}]
    return written


def _with(key: str) -> Schema:
    return {"required": [key]}


def _pairs(keys: Iterable[str]) -> list[Schema]:
    """Describe every two of these keys that are given together."""
    said = [_said(key) if key == "all_checks" else _with(key) for key in keys]
    return [{"allOf": list(pair)} for pair in combinations(said, 2)]


def _said(key: str) -> Schema:
    return {"required": [key], "properties": {key: {"not": {"const": False}}}}


def _described(written: Schema) -> Schema:
    return {"description": written["description"]} if "description" in written else {}

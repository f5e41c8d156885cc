"""Raw data -> typed, frozen options, with every problem found at its own place.

The structs of ``salus.options`` say what is wanted; this walks them field by field, so that no bad value hides another.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Annotated, Any, ForwardRef, Literal, NamedTuple, TypeVar, Union, cast, get_args, get_origin

import msgspec

from salus.config import leaves
from salus.config.leaves import Refused, description, kind_of, plain, shown
from salus.config.secrets import holds_secret, read_secret
from salus.config.sources import Keys, Sources, did_you_mean, known_words, nearest
from salus.errors import ConfigError, Problem
from salus.options import Options

SCALAR = ""
"""The one key of raw options that were written as a bare value: ``wait: 5s`` is kept as ``{SCALAR: "5s"}``."""

T = TypeVar("T", bound=msgspec.Struct)

_PROGRAMS = frozenset({("command",), ("run",), *(("command", key) for key in ("start", "stop", "restart", "status"))})
_LISTS = (list, tuple, set, frozenset)


def options(options_type: type[T], raw: object, *, path: Keys, sources: Sources) -> T:
    """Turn the raw options of a kind into its struct.

    Args:
        options_type: the struct of the kind.
        raw: the options as configured; a bare value (itself, or under ``SCALAR``) fills the field ``scalar`` names.
        path: where they stand, such as ``("checks", "web", "http")``.
        sources: the places of the config.

    Raises:
        ConfigError: with every problem found.
    """
    converter = Converter(sources)
    result = converter.struct(options_type, raw, path)
    if converter.problems:
        raise ConfigError(tuple(converter.problems))
    return cast("T", result)


class Missing(Enum):
    """What stands for a value that could not be read; its problem has been noted."""

    VALUE = 0


class Field(NamedTuple):
    """One field of a struct, with its type resolved."""

    name: str
    type: Any
    required: bool
    secret: bool


@cache
def fields_of(struct: type[msgspec.Struct]) -> Mapping[str, Field]:
    """Return the fields of a struct by the key that config uses."""
    return {
        field.encode_name: Field(field.name, field.type, field.required, holds_secret(field.type))
        for field in msgspec.structs.fields(struct)
    }


def _is_command(path: Keys) -> bool:
    """Tell whether a list is a program and its arguments."""
    return path[-1:] in _PROGRAMS or path[-2:] in _PROGRAMS


def _telling(struct: type[msgspec.Struct], bare: object) -> list[str]:
    """Return the keys of a struct, first what a bare value was likeliest meant for.

    That is what must be there; then what is its own, not inherited; then what such a value may stand for.
    """

    def rank(field: Field) -> tuple[bool, bool, bool]:
        members = get_args(field.type) if get_origin(field.type) in (Union, types.UnionType) else (field.type,)
        fits = not leaf or any(leaves.fits(member, bare) for member in members)
        return not field.required, field.name not in struct.__annotations__, not fits

    leaf = isinstance(bare, str | int | float) and not isinstance(bare, bool)
    fields = fields_of(struct)
    return sorted(fields, key=lambda key: rank(fields[key]))


@dataclass(slots=True)
class Converter:
    """Converts and collects problems; a value with a problem becomes ``Missing.VALUE``."""

    sources: Sources
    problems: list[Problem]

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.problems = []

    def note(self, path: Keys, what: str, remedy: str = "", *, value: bool = True) -> Missing:
        """Keep a problem."""
        self.problems.append(self.sources.problem(path, what, remedy, value=value))
        return Missing.VALUE

    def struct(self, wanted: type[msgspec.Struct], raw: object, path: Keys) -> object:
        """Convert a mapping (or the bare value that stands for one)."""
        fields = fields_of(wanted)
        entries = self._entries(wanted, raw, path)
        if entries is None:
            return Missing.VALUE
        before = len(self.problems)
        values: dict[str, object] = {}
        for key, field in fields.items():
            if field.secret and f"{key}_file" in entries and f"{key}_file" not in fields:
                values[field.name] = self._secret_from_file(key, entries, path)
            elif key in entries:
                values[field.name] = self.value(field.type, entries[key][0], entries[key][1])
            elif field.required:
                self._missing(field, key, path)
        self._unknown(fields, entries, path)
        if len(self.problems) > before:
            return Missing.VALUE
        return self._finished(wanted, values, raw, path)

    def _entries(self, wanted: type[msgspec.Struct], raw: object, path: Keys) -> dict[str, tuple[object, Keys]] | None:
        """Return key -> (value, its path)."""
        scalar: str = getattr(wanted, "scalar", "")
        bare = raw[SCALAR] if isinstance(raw, Mapping) and set(raw) == {SCALAR} else raw
        if bare is None:
            return {}
        if isinstance(bare, Mapping):
            return {str(key): (value, (*path, str(key))) for key, value in bare.items()}
        if scalar:
            return {scalar: (bare, path)}
        keys = _telling(wanted, bare)
        name = path[-1] if path else "it"
        key = f"{name}: " if isinstance(name, str) else ""  # an element of a list has none
        remedy = f"write {key}{{{keys[0]}: ...}}" if keys else "write nothing after it"
        secret = any(field.secret for field in fields_of(wanted).values())
        self.note(path, f"expected a mapping, got {self._got(bare, path, secret=secret)}", remedy)
        return None

    def _unknown(self, fields: Mapping[str, Field], entries: Collection[str], path: Keys) -> None:
        secrets = {f"{key}_file" for key, field in fields.items() if field.secret}
        known = {*fields, *secrets}
        for key in entries:
            if key not in known:
                remedy = did_you_mean(key, known) or known_words(known)
                self.note((*path, key), f"unknown key {key!r}", remedy, value=False)

    def _missing(self, field: Field, key: str, path: Keys) -> None:
        example = f", such as {key}: {leaves.example_of(field.type)}" if leaves.example_of(field.type) else ""
        self.note(path, f"the key {key!r} is missing", f"add it{example}")

    def _finished(self, wanted: type[msgspec.Struct], values: dict[str, object], raw: object, path: Keys) -> object:
        try:
            made = wanted(**values)
        except (ValueError, TypeError) as error:
            return self.note(path, leaves.masked(str(error), raw))
        if isinstance(made, Options):
            found = made.problems()
            for field, what in found:
                self.note((*path, *(field.split(".") if field else ())), leaves.masked(what, raw))
            if found:
                return Missing.VALUE
        return made

    def _secret_from_file(self, key: str, entries: Mapping[str, tuple[object, Keys]], path: Keys) -> object:
        raw, place = entries[f"{key}_file"]
        if key in entries:
            return self.note(place, f"{key!r} and '{key}_file' are both given", "keep one of them", value=False)
        if not isinstance(raw, str) or not raw:
            got = description(raw, self._word(place))
            return self.note(place, f"expected the path of a file, got {got}", f"write {key}_file: /run/secrets/...")
        try:
            return read_secret(str(raw), self.sources.folder(place), self.sources.credentials)
        except Refused as refused:
            return self.note(place, refused.what, refused.remedy)

    def value(self, wanted: Any, raw: object, path: Keys) -> object:
        """Convert one value to the wanted type."""
        origin = get_origin(wanted)
        if origin is Annotated:
            return self._annotated(wanted, raw, path)
        if wanted in (Any, object) or isinstance(wanted, str | ForwardRef):
            return plain(raw)
        if origin in (Union, types.UnionType):
            return self._union(get_args(wanted), raw, path)
        if origin is Literal:
            return self._choice({str(choice): choice for choice in get_args(wanted)}, raw, path)
        base = origin or wanted
        if isinstance(base, type):
            return self._class(base, get_args(wanted), raw, path)
        return self._leaf(base, raw, path)

    def _class(self, base: type, arguments: tuple[Any, ...], raw: object, path: Keys) -> object:
        if issubclass(base, msgspec.Struct):
            return self.struct(base, raw, path)
        if issubclass(base, Enum):
            return self._choice({str(member.value): member for member in base}, raw, path)
        if leaves.is_list(base):
            return self._list(base, arguments, raw, path)
        if leaves.is_mapping(base):
            return self._mapping(arguments, raw, path)
        return self._leaf(base, raw, path)

    def _leaf(self, wanted: Any, raw: object, path: Keys) -> object:
        try:
            return leaves.convert(wanted, raw, folder=lambda: self.sources.folder(path), word=self._word(path))
        except Refused as refused:
            return self.note(path, refused.what, refused.remedy)

    def _annotated(self, wanted: Any, raw: object, path: Keys) -> object:
        base, *metas = get_args(wanted)
        result = self.value(base, raw, path)
        if result is Missing.VALUE:
            return result
        for meta in metas:
            if isinstance(meta, msgspec.Meta) and (what := leaves.beyond(meta, result)):
                return self.note(path, f"{what}, got {shown(raw)}")
        return result

    def _choice(self, choices: Mapping[str, object], raw: object, path: Keys) -> object:
        text = str(raw) if not isinstance(raw, bool) else ""
        if text in choices and (isinstance(raw, str) or choices[text] == raw):
            return choices[text]
        for choice in choices.values():
            if type(choice) is type(raw) and choice == raw:
                return choice
        listed = ", ".join(choices)
        remedy = (
            f"did you mean {near!r}?" if (near := nearest(text, choices)) else leaves.quoting(raw, self._word(path))
        )
        got = shown(raw) if isinstance(raw, str) else description(raw, self._word(path))
        return self.note(path, f"expected one of {listed}, got {got}", remedy)

    def _list(self, base: type, arguments: tuple[Any, ...], raw: object, path: Keys) -> object:
        element = arguments[0] if arguments else Any
        if not isinstance(raw, list | tuple):
            secret = holds_secret(element)
            brief = type(raw) is str and 0 < len(raw) < 60 and not secret
            remedy = f"write {leaves.as_list(str(raw), command=_is_command(path))}" if brief else ""
            got = self._got(raw, path, secret=secret)
            return self.note(path, f"expected a list of {leaves.plural(element)}, got {got}", remedy)
        fixed = base is tuple and arguments and arguments[-1] is not Ellipsis
        if fixed and len(raw) != len(arguments):
            return self.note(path, f"expected a list of {len(arguments)} entries, got {len(raw)}")
        items = [
            self.value(arguments[index] if fixed else element, item, (*path, index)) for index, item in enumerate(raw)
        ]
        if Missing.VALUE in items:
            return Missing.VALUE
        try:
            return base(items) if base in _LISTS else tuple(items)
        except TypeError:  # a set of things that cannot be in a set
            return self.note(path, "its entries cannot be told apart")

    def _mapping(self, arguments: tuple[Any, ...], raw: object, path: Keys) -> object:
        key_type, value_type = arguments if len(arguments) == 2 else (str, Any)
        if not isinstance(raw, Mapping):
            got = self._got(raw, path, secret=holds_secret(value_type))
            return self.note(
                path, f"expected a mapping of {leaves.plural(value_type)}, got {got}", "write {key: value}"
            )
        result: dict[object, object] = {}
        for key, item in raw.items():
            name = key if key_type in (str, Any) else self.value(key_type, leaves.reread(key), (*path, key))
            result[name] = self.value(value_type, item, (*path, key))
        return Missing.VALUE if Missing.VALUE in result or Missing.VALUE in result.values() else result

    def _union(self, members: tuple[Any, ...], raw: object, path: Keys) -> object:
        if raw is None and type(None) in members:
            return None
        members = tuple(member for member in members if member is not type(None))
        fitting = [member for member in members if leaves.fits(member, raw)]
        if len(fitting) == 1 or len(members) == 1:
            return self.value((fitting or members)[0], raw, path)
        # Several could be meant: the first one that takes it without a problem.
        for member in fitting:
            attempt = Converter(self.sources)
            result = attempt.value(member, raw, path)
            if not attempt.problems:
                return result
        expected = " or ".join(dict.fromkeys(leaves.singular(member) for member in members))
        got = (
            shown(raw)
            if isinstance(raw, str) and any(kind_of(raw) == leaves.singular(m) for m in members)
            else (description(raw, self._word(path)))
        )
        examples = (f"write it like {one}" for member in members if (one := leaves.example_of(member)))
        remedy = leaves.quoting(raw, self._word(path)) if str in members else next(examples, "")
        return self.note(path, f"expected {expected}, got {got}", remedy)

    def _got(self, raw: object, path: Keys, *, secret: bool) -> str:
        """Say what stands there; where there may be a secret in it, only of what kind it is."""
        return kind_of(raw) if secret else description(raw, self._word(path))

    def _word(self, path: Keys) -> str:
        return self.sources.words.get(self.sources.original(path), "")

"""What a program declares in code: the same tree as a file's, each entry with the line of code that declared it.

Code and files meet in one config. An entry that both have is one entry, and what the file says of it counts: so an
operator tunes the interval of a check that stands in the code. What a check *is* stands in one place only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import msgspec

from salus.config.convert import fields_of
from salus.config.shapes import AgentShape, CheckShape, RuleShape, ServiceShape, Shape
from salus.config.sources import Keys, Place, Sources
from salus.errors import ConfigError, Problem
from salus.model import Json
from salus.units import Duration

_SHAPES: Mapping[str, type[Shape]] = {
    "salus": AgentShape,
    "checks": CheckShape,
    "services": ServiceShape,
    "rules": RuleShape,
}
_WITH_KINDS = ("checks", "services")


@dataclass(slots=True)
class Declared:
    """Sections as a program declares them.

    Attributes:
        sections: section -> entries; the section ``salus`` has keys instead of names.
        places: where in the code each entry stands.
    """

    sections: dict[str, dict[str, Json]] = field(default_factory=dict)
    places: dict[Keys, Place] = field(default_factory=dict)

    def add(self, section: str, name: str, entry: Mapping[str, object], where: tuple[str, int]) -> None:
        """Declare one entry.

        Args:
            section: ``checks``, ``services`` or ``rules``.
            name: of the entry.
            entry: as a file would spell it; durations may be seconds or a ``timedelta`` too.
            where: file and line of the code.

        Raises:
            ConfigError: the code has declared it before.
        """
        path, place = (section, name), Place(where[0], where[1], 1, where[1], 1)
        entries = self.sections.setdefault(section, {})
        if name in entries:
            first = self.places[path]
            noun = section.removesuffix("s")
            what = f"there is a {noun} {name!r} already; the first was declared at {first.file}:{first.line}"
            raise ConfigError((_problem(path, place, what, f"give one of them another name, or unregister {name!r}"),))
        entries[name] = spelled(entry, _SHAPES.get(section))
        self.places[path] = place

    def set(self, section: str, content: Mapping[str, object], where: tuple[str, int]) -> None:
        """Declare keys of a section that has no names, such as ``salus`` or ``limits``."""
        entries = spelled(content, _SHAPES.get(section))
        self.sections.setdefault(section, {}).update(entries)
        self.places |= dict.fromkeys(((section, key) for key in entries), Place(where[0], where[1], 1, where[1], 1))

    def remove(self, section: str, name: str) -> bool:
        """Take an entry back; tells whether it was there."""
        self.places.pop((section, name), None)
        return self.sections.get(section, {}).pop(name, None) is not None

    def copy(self) -> Declared:
        """Return what is declared now, whatever comes later."""
        return Declared({section: dict(entries) for section, entries in self.sections.items()}, dict(self.places))


def spelled(entry: Mapping[str, object], shape: type[Shape] | None = None) -> dict[str, Json]:
    """Spell values of Python as a file would; numbers where a duration is wanted are seconds."""
    wanted = _durations(shape) if shape else frozenset()
    return {str(key): _spelled(value, seconds=key in wanted) for key, value in entry.items() if value is not None}


def join(tree: Json, declared: Declared, sources: Sources, problems: list[Problem]) -> Json:
    """Put what a program declares under what the files say.

    Args:
        tree: of the files; None where there are none.
        declared: by the program.
        sources: takes the places.
        problems: takes what stands in both and cannot.
    """
    if tree is not None and not isinstance(tree, dict):
        return tree  # noted where the sections are read
    joined: dict[str, Json] = dict(tree or {})
    for section, entries in declared.sections.items():
        theirs = joined.get(section)
        if theirs is not None and not isinstance(theirs, dict):
            continue
        joined[section] = _join_section(section, entries, theirs or {}, sources, problems)
    for path, place in declared.places.items():
        sources.places.setdefault(path, place)
        sources.folders.setdefault(place.file, Path.cwd())
        sources.code.add(place.file)
    return joined


def _join_section(
    section: str, ours: Mapping[str, Json], theirs: Mapping[str, Json], sources: Sources, problems: list[Problem]
) -> dict[str, Json]:
    joined = {**ours, **theirs}
    for name in ours.keys() & theirs.keys():
        mine, other = ours[name], theirs[name]
        if not isinstance(mine, dict) or not isinstance(other, dict):
            continue
        if section in _WITH_KINDS and (kinds := [key for key in other if key not in fields_of(_SHAPES[section])]):
            what = f"what {name!r} is stands in the code of the program already"
            remedy = f"keep only what tunes it, such as interval; or give this {section.removesuffix('s')} another name"
            problems.append(sources.problem((section, name, kinds[0]), what, remedy))
            continue
        joined[name] = {**mine, **other}
    return joined


def _durations(shape: type[Shape]) -> frozenset[str]:
    return frozenset(one.name for one in msgspec.structs.fields(shape) if _is_duration(one.type))


def _is_duration(wanted: Any) -> bool:
    return wanted is Duration or any(_is_duration(part) for part in get_args(wanted))


def _spelled(value: object, *, seconds: bool = False) -> Json:
    match value:
        case Enum():
            return _spelled(value.value)
        case bool() | None:
            return value
        case timedelta():
            return _seconds(value.total_seconds())
        case int() | float():
            return _seconds(value) if seconds else value
        case str():
            return value
        case Mapping():
            return {str(key): _spelled(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
            return [_spelled(inner) for inner in items]
        case _:
            return str(value)


def _seconds(value: float) -> Json:
    """Spell seconds as a duration; what can be none stays the number that it is, to be refused as such."""
    return f"{value:.6f}".rstrip("0").rstrip(".") + "s" if 0 <= value < float("inf") else value


def _problem(path: Keys, place: Place, what: str, remedy: str) -> Problem:
    dotted = ".".join(str(key) for key in path)
    return Problem(file=place.file, line=place.line, column=place.column, path=dotted, what=what, remedy=remedy)

"""What was recorded, for people: small facts in a list, long ones as text to open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from salus.model import Json
from salus.surfaces import wire
from salus.surfaces.dashboard.words import duration, size

_SHORT = 120
_NAMES = {"last_output": "last output, when it ended"}  # the one thing that is read after everything was done


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was recorded.

    Attributes:
        facts: names and what they are, in a few words.
        texts: names and long texts.
    """

    facts: tuple[tuple[str, str], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return bool(self.facts or self.texts)


def evidence(recorded: Mapping[str, Json]) -> Evidence:
    """Sort what was recorded into facts and texts."""
    facts: list[tuple[str, str]] = []
    texts: list[tuple[str, str]] = []
    for name, value in recorded.items():
        text = _text(name, value)
        where = facts if len(text) <= _SHORT and "\n" not in text else texts
        where.append((_plain(name), text))
    return Evidence(tuple(facts), tuple(texts))


def _plain(name: str) -> str:
    if name in _NAMES:
        return _NAMES[name]
    for unit in ("_bytes", "_seconds"):
        name = name.removesuffix(unit)
    return name.replace("_", " ")


def _text(name: str, value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if name.endswith("_bytes"):
            return size(value)
        return duration(value) if name.endswith("_seconds") and value >= 0 else str(value)
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        words = [str(one) for one in value]
        joined = " ".join(words)
        return joined if name == "command" and "\n" not in joined else "\n".join(words)
    return wire.pretty(value)

"""The way to one value in a JSON document, and what is expected of it.

A path is a small, common part of JSONPath: ``$.status``, ``data.items[0].state``, ``items[-1]``, ``['odd key'].x``.
The leading ``$`` may be left out. No wildcards, no filters: a health document that needs those wants a ``command``.

An expectation is a value (equal to it) or a mapping of comparisons that must all hold: ``equals``, ``not_equals``,
``above``, ``below``, ``matches`` (a regular expression, on text) and ``exists``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Steps: TypeAlias = "tuple[str | int, ...]"

_STEP = re.compile(
    r"""\.?(?P<name>[^.\[\]'"$]+)        # a.b
      | \[(?P<index>-?\d+)\]             # [0]
      | \[(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\]  # ['odd key']
    """,
    re.VERBOSE,
)


class MissingValueError(LookupError):
    """The document has nothing at that path."""


def parse(path: str) -> Steps:
    """Read a path.

    Raises:
        ValueError: it is not one.
    """
    rest = path.strip().removeprefix("$")
    position, steps = 0, list[str | int]()
    while position < len(rest):
        match = _STEP.match(rest, position)
        if match is None or (position and match["name"] and rest[position] != "."):
            raise ValueError(f"{path!r} is not a path: write it like $.status or data.items[0].state")
        if match["index"] is not None:
            steps.append(int(match["index"]))
        else:
            steps.append(match["name"] if match["name"] is not None else match["quoted"])
        position = match.end()
    return tuple(steps)


def find(document: Any, steps: Steps) -> Any:
    """Return the value at a path.

    Raises:
        MissingValueError: there is none.
    """
    value = document
    for step in steps:
        # A bare number may be a key as well as a place in a list: `items.0` and `items[0]` are both understood.
        if isinstance(value, list) and isinstance(step, str) and step.isdecimal():
            step = int(step)  # noqa: PLW2901
        try:
            if isinstance(value, dict):
                value = value[str(step)]
            elif isinstance(value, list) and isinstance(step, int):
                value = value[step]
            else:
                raise MissingValueError(step)
        except (KeyError, IndexError):
            raise MissingValueError(step) from None
    return value


def same(value: Any, wanted: Any) -> bool:
    """Tell whether two JSON values are equal; unlike in Python, ``true`` is not ``1``."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return bool(value == wanted)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_COMPARISONS: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "equals": ("", same),
    "not_equals": ("anything but ", lambda value, wanted: not same(value, wanted)),
    "above": ("more than ", lambda value, wanted: _number(value) and value > wanted),
    "below": ("less than ", lambda value, wanted: _number(value) and value < wanted),
    "matches": ("a match of ", lambda value, wanted: isinstance(value, str) and re.search(wanted, value) is not None),
}


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected at one path."""

    path: str
    steps: Steps
    comparisons: tuple[tuple[str, Any], ...]

    def unmet(self, document: Any) -> str:
        """Say what is not as expected, or nothing."""
        try:
            value = find(document, self.steps)
        except MissingValueError:
            if ("exists", False) in self.comparisons:
                return ""
            return f"expected {self.path} in the JSON, it is not there"
        for name, wanted in self.comparisons:
            if name == "exists":
                if not wanted:
                    return f"expected no {self.path} in the JSON, it is {_short(value)}"
                continue
            words, holds = _COMPARISONS[name]
            if not holds(value, wanted):
                return f"expected {self.path} to be {words}{_short(wanted)}, got {_short(value)}"
        return ""


def expectation(path: str, wanted: Any) -> Expectation:
    """Read one expectation.

    Raises:
        ValueError: the path, a comparison or its value is malformed.
    """
    steps = parse(path)
    if not isinstance(wanted, dict):
        return Expectation(path, steps, (("equals", wanted),))
    for name, value in wanted.items():
        if name not in _COMPARISONS and name != "exists":
            raise ValueError(f"there is no comparison {name!r}: use {', '.join([*_COMPARISONS, 'exists'])}")
        if name in ("above", "below") and not _number(value):
            raise ValueError(f"{name} wants a number")
        if name == "exists" and not isinstance(value, bool):
            raise ValueError("exists wants true or false")
        if name == "matches":
            pattern(value)
    return Expectation(path, steps, tuple(wanted.items()))


def pattern(text: Any) -> re.Pattern[str]:
    """Read a regular expression.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(text, str):
        raise ValueError("a regular expression is text")  # noqa: TRY004 -- callers collect problems as ValueError
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:80]}…"

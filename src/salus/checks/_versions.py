"""Versions as programs print them, and demands on versions as people write them."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

Version = tuple[int, ...]

_DOTTED = re.compile(r"(?<![\d.])(\d+(?:\.\d+)+)", re.ASCII)
_PLAIN = re.compile(r"(?<![\w.])[vV]?(\d+)(?![\w.])", re.ASCII)
_PART = re.compile(r"\s*(>=|<=|==|!=|>|<)?\s*[vV]?(\d+(?:\.\d+)*)\s*", re.ASCII)
_COMPARE: dict[str, Callable[[Version, Version], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def find(output: str) -> Version | None:
    """Find the version in what a program prints: the first number with dots, or else the first number alone.

    ``psql (PostgreSQL) 14.5 (Ubuntu 14.5-0)`` is 14.5; what comes after digits and dots (``-rc1``) is not compared.
    """
    match = _DOTTED.search(output) or _PLAIN.search(output)
    return _numbers(match[1]) if match else None


def demand(text: str) -> list[tuple[str, Version]]:
    """Read a demand: ``14`` (at least), ``>=2.30``, ``>=3.11, <4``.

    Raises:
        ValueError: it is none.
    """
    parts = [_PART.fullmatch(part) for part in text.split(",")]
    if not all(parts):
        message = f"{text!r} is no demand on a version: write it like 14, >=2.30 or >=3.11,<4"
        raise ValueError(message)
    return [(part[1] or ">=", _numbers(part[2])) for part in parts if part]


def meets(version: Version, demands: list[tuple[str, Version]]) -> bool:
    """Tell whether a version meets all demands. Missing parts count as zero, so 14 and 14.0 are the same."""
    return all(_COMPARE[how](*_padded(version, wanted)) for how, wanted in demands)


def show(version: Version) -> str:
    """Write a version with dots."""
    return ".".join(str(number) for number in version)


def _numbers(text: str) -> Version:
    # Some put a date or a checksum there: longer numbers than this are no part of a version.
    return tuple(int(number[:18]) for number in text.split("."))


def _padded(one: Version, other: Version) -> tuple[Version, Version]:
    length = max(len(one), len(other))
    return one + (0,) * (length - len(one)), other + (0,) * (length - len(other))

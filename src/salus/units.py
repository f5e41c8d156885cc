"""Durations, sizes and shares as people write them: ``1h30m``, ``512MiB``, ``10%``.

Each type is a ``float`` or ``int`` at run time, so code computes with plain numbers; the config layer calls
``parse`` to read it. The grammar is the one of Prometheus and Kubernetes users: units are case sensitive, parts add up.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import ClassVar, Self

_DURATION_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d|w)")
_SIZE_UNITS = {
    "": 1, "B": 1,
    "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)\s*(%?)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")


class Duration(float):
    """Seconds. Written ``500ms``, ``30s``, ``5m``, ``1h30m``, ``2d``; a bare number is seconds."""

    example: ClassVar[str] = "30s"

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read a duration.

        Args:
            raw: text such as ``1h30m``, or a number of seconds.

        Raises:
            ValueError: it is not a duration, or it is negative.
        """
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            return cls(_not_negative(float(raw), raw))
        if isinstance(raw, str):
            text = raw.strip()
            if re.fullmatch(r"\d+(\.\d+)?", text):
                return cls(_not_negative(float(text), raw))
            parts = _DURATION_PART.findall(text)
            if parts and "".join(number + unit for number, unit in parts) == text:
                return cls(_not_negative(sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts), raw))
        message = f"{raw!r} is not a duration: write it like 500ms, 30s, 5m or 1h30m"
        raise ValueError(message)


class Size(int):
    """Bytes. Written ``512MiB``, ``1GB``, ``64KiB``; a bare number is bytes."""

    example: ClassVar[str] = "512MiB"

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read a size.

        Args:
            raw: text such as ``512MiB`` (powers of 1024) or ``1GB`` (powers of 1000), or a number of bytes.

        Raises:
            ValueError: it is not a size, or it is negative.
        """
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            return cls(_not_negative(float(raw), raw))
        if isinstance(raw, str) and (match := _SIZE.fullmatch(raw.strip())) and match[2] in _SIZE_UNITS:
            return cls(_not_negative(float(match[1]) * _SIZE_UNITS[match[2]], raw))
        message = f"{raw!r} is not a size: write it like 512MiB, 1GB or a number of bytes"
        raise ValueError(message)


class Share(float):
    """A part of a whole from 0 to 1. Written ``10%``; a bare number between 0 and 1 is taken as it is."""

    example: ClassVar[str] = "10%"

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read a share.

        Args:
            raw: text such as ``10%``, or a number from 0 to 1.

        Raises:
            ValueError: it is not a share, or it lies outside 0 to 100%.
        """
        value: float | None = None
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            value = float(raw)
        elif isinstance(raw, str) and (match := _SHARE.fullmatch(raw.strip())):
            value = float(match[1]) / 100
        if value is None or not 0 <= value <= 1:
            message = f"{raw!r} is not a share: write it like 10% (0% to 100%) or 0.1"
            raise ValueError(message)
        return cls(value)


class Amount(float):
    """An absolute size or a share, for bounds on things that have a total: ``10%`` or ``5GiB``.

    ``relative`` tells which. ``of(total)`` gives the bytes either way.
    """

    example: ClassVar[str] = "10%"
    relative: bool = False

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read an amount.

        Args:
            raw: ``10%`` (a share of the whole), ``5GiB`` or a number of bytes.

        Raises:
            ValueError: it is neither.
        """
        if isinstance(raw, str) and raw.strip().endswith("%"):
            amount = cls(Share.parse(raw))
            amount.relative = True
            return amount
        try:
            return cls(Size.parse(raw))
        except ValueError:
            message = f"{raw!r} is neither a share nor a size: write it like 10% or 5GiB"
            raise ValueError(message) from None

    def of(self, total: float) -> float:
        """Return the amount in bytes, given the whole in bytes."""
        return float(self) * total if self.relative else float(self)

    def __str__(self) -> str:
        """Give it back as a person would write it."""
        return f"{float(self) * 100:g}%" if self.relative else format_size(self)

    def __repr__(self) -> str:
        """Give it back as a person would write it."""
        return str(self)


class Bound(float):
    """A number to compare a metric with, in the units of metrics: shares are ratios, sizes bytes, durations seconds.

    Written ``0.15``, ``15%``, ``-3``, ``512MiB``, ``1h30m``.
    """

    example: ClassVar[str] = "0.15"

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read a bound.

        Args:
            raw: a number, or text such as ``0.15``, ``15%``, ``512MiB`` or ``1h30m``.

        Raises:
            ValueError: it is none of these.
        """
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            return cls(raw)
        text = raw.strip() if isinstance(raw, str) else ""
        if match := _NUMBER.fullmatch(text):
            return cls(float(match[1]) / (100 if match[2] else 1))
        for unit in (Size, Duration):
            with suppress(ValueError):
                return cls(unit.parse(text))
        message = f"{raw!r} is not a number: write it like 0.15, 15%, 512MiB or 1h30m"
        raise ValueError(message)


def _not_negative(value: float, raw: object) -> float:
    if not 0 <= value < float("inf"):
        message = f"{raw!r} must be zero or more, and finite"
        raise ValueError(message)
    return value


def format_duration(seconds: float) -> str:
    """Write seconds for a person, with two or three figures: ``1.9 ms``, ``340 ms``, ``12.4 s``, ``5m``, ``1h30m``."""
    if seconds < 0.9995:  # what rounds to 1000 ms is a second
        milliseconds = seconds * 1000
        return f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    rest = round(seconds)
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])


def format_size(count: float) -> str:
    """Write bytes for a person in powers of 1024: ``512 B``, ``1.5 KiB``, ``2 GiB``."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "B" or abs(size) >= 999.5 else f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.0f} TiB" if abs(size) >= 999.5 else f"{size:.3g} TiB"

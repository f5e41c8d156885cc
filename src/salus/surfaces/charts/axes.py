"""Axes: where the lines across are, and what is written at them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from salus.surfaces.charts.words import short_day, suffix

_LARGEST = 1e300
_FINEST = 1e-9  # of the larger end: what lies closer together is drawn as one value
_FROM_ZERO = 0.6

_BYTES = ((1024.0**4, "TiB"), (1024.0**3, "GiB"), (1024.0**2, "MiB"), (1024.0, "KiB"), (1.0, "B"))
_SECONDS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_THOUSANDS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))

_SAID = frozenset({"bytes", "seconds", "ratio", "celsius", ""})  # what the labels say themselves

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * many for many in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * many for many in (1, 2, 3, 4, 6, 12)),
    *(_DAY * many for many in (1, 2, 7, 14, 28, 91, 182, 364)),
)
_EPOCH = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday, so that weeks begin where people begin them


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of values.

    Attributes:
        ticks: from the lowest to the highest; they are the ends of the axis, and the data lies between them.
        labels: what is written at each.
        unit: what is written above all of them, where it is too long to be written at each.
    """

    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    unit: str = ""

    def share(self, value: float) -> float:
        """Return where a value lies, from 0 (the lowest tick) to 1."""
        low, high = self.ticks[0], self.ticks[-1]
        return min(1.0, max(0.0, (value / 2 - low / 2) / (high / 2 - low / 2)))


def value_axis(low: float, high: float, unit: str, most: int = 4) -> Axis:
    """Choose an axis for values.

    1. One value gets room around it; values far from each other are shown from zero, for lengths that do not begin
       there lie.
    2. The unit is the one that the larger end is best said in.
    3. Ticks are 1, 2 or 5 times a power of ten apart in that unit, about ``most`` steps; both ends are ticks.

    Args:
        low: the lower end of the data.
        high: its upper end.
        unit: as the check says it.
        most: steps between ticks that are wanted; there may be two more.
    """
    low, high = _with_room(low, high)
    scale, name = _scale(max(abs(low), abs(high)), unit)
    step = _nice((high - low) / scale / most)
    first, last = math.floor(low / scale / step), math.ceil(high / scale / step)
    digits = max(0, -math.floor(math.log10(step))) if step < 1 else 0
    places = range(first, last + 1)
    labels = tuple(_label(place * step, digits, name) for place in places)
    return Axis(tuple(place * step * scale for place in places), labels, "" if unit in _SAID else unit)


def time_axis(since: datetime, until: datetime, most: int = 6) -> list[tuple[datetime, str]]:
    """Choose ticks for a time: whole minutes, hours or days (UTC), and at midnight the day.

    Args:
        since: the beginning.
        until: the end.
        most: how many ticks there may be.
    """
    length = max(1.0, (until - since).total_seconds())
    step = next((one for one in _STEPS if length / one <= most), _STEPS[-1] * math.ceil(length / most / _STEPS[-1]))
    first = math.ceil((since - _EPOCH).total_seconds() / step)
    found = []
    for place in range(first, first + most + 1):
        at = _EPOCH + timedelta(seconds=place * step)
        if at > until:
            break
        found.append((at, _time_label(at, step)))
    return found


def _with_room(low: float, high: float) -> tuple[float, float]:
    low, high = max(low, -_LARGEST), min(high, _LARGEST)
    largest = max(abs(low), abs(high))
    if high - low <= largest * _FINEST or largest < 1 / _LARGEST:
        if largest < 1 / _LARGEST:
            return 0.0, 1.0
        return (0.0, 2 * high) if high > 0 else (2 * low, 0.0)
    if 0 <= low < high * _FROM_ZERO:
        return 0.0, high
    return (low, 0.0) if 0 >= high > low * _FROM_ZERO else (low, high)


def _scale(largest: float, unit: str) -> tuple[float, str]:
    if unit == "ratio":
        return 0.01, "%"
    if unit in ("bytes", "seconds"):
        scales = _BYTES if unit == "bytes" else _SECONDS
        size, name = next((one for one in scales if largest >= one[0]), scales[-1])
        return size, f" {name}"
    size, name = next((one for one in _THOUSANDS if largest >= max(one[0], 10_000)), (1.0, ""))
    return size, name + (suffix(unit) if unit in _SAID else "")


def _nice(step: float) -> float:
    power: float = 10.0 ** math.floor(math.log10(step))
    for many in (1, 2, 5):
        if step <= many * power * (1 + _FINEST):
            return many * power
    return 10 * power


def _label(value: float, digits: int, name: str) -> str:
    if value == 0:
        return "0"
    plain = f"{value:.{digits}f}" if digits <= 9 and abs(value) < 1e9 else f"{value:.6g}"
    return plain + name


def _time_label(at: datetime, step: float) -> str:
    if step < _MINUTE:
        return f"{at:%H:%M:%S}"
    return short_day(at) if step >= _DAY or (at.hour, at.minute) == (0, 0) else f"{at:%H:%M}"

"""Numbers and times in the words of people; all times are UTC."""

from __future__ import annotations

import math
from datetime import date, datetime

from salus.units import format_duration, format_size

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HUGE = 1e15
_LONGEST = 12


def percent(share: float) -> str:
    """Write a share; what is less than the whole is never rounded up to it: ``100%``, ``99.99%``, ``3.5%``."""
    value = share * 100
    if 99 <= value < 100:
        value = math.floor(value * 100) / 100
    return f"{value:.4g}%"


def span(seconds: float) -> str:
    """Write how long something lasted, to the minute where it lasted long: ``40 s``, ``12 min``, ``2 h 5 min``."""
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def day_of(day: date) -> str:
    """Write a day: ``1 Mar 2026``."""
    return f"{short_day(day)} {day.year}"


def short_day(day: date) -> str:
    """Write a day of this year: ``1 Mar``."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def moment(at: datetime) -> str:
    """Write a moment: ``1 Mar 12:04``."""
    return f"{short_day(at)} {at:%H:%M}"


def amount(value: float, unit: str) -> str:
    """Write a number with its unit: ``1.5 MiB``, ``340 ms``, ``12.5%``, ``71 °C``, ``12,340``."""
    if unit == "bytes" and abs(value) < _HUGE:
        return format_size(value)
    if unit == "seconds" and abs(value) < _HUGE:
        return f"-{format_duration(-value)}" if value < 0 else format_duration(value) if value else "0 ms"
    if unit == "ratio" and abs(value) < _HUGE:
        return percent(value)
    plain = f"{value:,.0f}" if 1000 <= abs(value) < _HUGE else f"{value:.3g}"
    return f"{plain}{suffix(unit)}"


def suffix(unit: str) -> str:
    """Return what stands behind a number of a unit that is not turned into others."""
    if unit == "celsius":
        return " °C"
    return f" {unit[:_LONGEST]}" if unit else ""

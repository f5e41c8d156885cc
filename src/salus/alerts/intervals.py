"""Named times: office hours, the weekend, the last days of a month; read in their own time zone.

The semantics are those of Alertmanager's ``time_intervals``: within a range every field that is given must hold, and an
interval holds while any of its ranges does. A time of day that the clocks jump over is never shown, one that they show
twice holds twice.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache

from salus.model import TimeInterval, TimeRange

_DAY = 24 * 60
_STEP = timedelta(hours=1)


def inside(interval: TimeInterval, now: datetime) -> bool:
    """Tell whether an interval holds at an instant (aware)."""
    local = now.astimezone(_zone(interval.time_zone))
    return any(_holds(one, local) for one in interval.ranges)


def next_change(interval: TimeInterval, now: datetime) -> datetime:
    """Return the first instant after ``now`` at which the interval may begin or end; at most a day and an hour away.

    It is a moment to ask again, and never too late: midnight, and every time of day that a range names.
    """
    zone = _zone(interval.time_zone)
    local = now.astimezone(zone)
    minutes = {0, *(at for one in interval.ranges for pair in one.times for at in pair if at < _DAY)}
    instants = list(_instants(local, minutes, zone))
    instants += _jump(now, zone)
    return min((at for at in instants if at > now), default=now + timedelta(days=1))


def _instants(local: datetime, minutes: set[int], zone: tzinfo) -> Iterator[datetime]:
    for days in (0, 1):
        day = local.date() + timedelta(days=days)
        for minute in minutes:
            for fold in (0, 1):
                shown = datetime.combine(day, time(minute // 60, minute % 60), zone).replace(fold=fold)
                yield shown.astimezone(UTC)


def _jump(now: datetime, zone: tzinfo) -> list[datetime]:
    """Return the minutes of the hour in which the clocks of a zone change: what they show then was on no list.

    Clocks change on a whole minute, so these are whole ones too, whatever the second is now.
    """
    found, before = [], now.astimezone(zone).utcoffset()
    minute_of_now = now.replace(second=0, microsecond=0)
    for hours in range(1, 25):
        at = now + hours * _STEP
        offset = at.astimezone(zone).utcoffset()
        if offset != before:
            found += [minute_of_now + (hours - 1) * _STEP + timedelta(minutes=minute) for minute in range(1, 61)]
            break
    return found


def _holds(one: TimeRange, local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    return (
        (not one.times or any(begin <= minute < end for begin, end in one.times))
        and _within(one.weekdays, local.weekday())
        and (not one.days or any(_day(pair, local) for pair in one.days))
        and _within(one.months, local.month)
        and _within(one.years, local.year)
    )


def _within(pairs: tuple[tuple[int, int], ...], value: int) -> bool:
    return not pairs or any(first <= value <= last for first, last in pairs)


def _day(pair: tuple[int, int], local: datetime) -> bool:
    """Tell whether a day of the month is within a pair; negative days count from its end."""
    length = monthrange(local.year, local.month)[1]
    first, last = (day if day > 0 else length + 1 + day for day in pair)
    return max(1, first) <= local.day <= min(length, last)


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)

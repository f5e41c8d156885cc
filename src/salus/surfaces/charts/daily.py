"""Days as bars, as status pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from salus.model import Status
from salus.model.history import Day
from salus.surfaces.charts.svg import frame
from salus.surfaces.charts.words import day_of, percent, span

DAYS_SHOWN = 90
_PITCH, _WIDE, _HEIGHT = 8, 6, 34
_TALL = {"healthy": 24, "degraded": 29, "unhealthy": 34, "none": 24}
_MINOR = 0.99  # a day that was available for less than this share was a bad day
_ONE = timedelta(days=1)


def days(known: Sequence[Day], until: date, count: int = DAYS_SHOWN) -> str:
    """Draw a bar for each day, the oldest at the left; it becomes as wide as there is room.

    Args:
        known: what is known, in any order; other days are grey.
        until: the last day that is shown.
        count: how many are shown.
    """
    first = until - timedelta(days=count - 1)
    found = {day.date: day for day in known if first <= day.date <= until and day.judged > 0}
    drawn = []
    place = 0
    while place < count:
        day = found.get(first + place * _ONE)
        if day is not None:
            drawn.append(_bar(_kind(day), place, 1, f"{day_of(day.date)}: {_told(day)}"))
            place += 1
            continue
        begin = place
        while place < count and first + place * _ONE not in found:
            place += 1
        drawn.append(_bar("none", begin, place - begin, _nothing(first + begin * _ONE, first + (place - 1) * _ONE)))
    width = count * _PITCH - (_PITCH - _WIDE)
    size = f'width="100%" height="{_HEIGHT}" viewBox="0 0 {width} {_HEIGHT}" preserveAspectRatio="none"'
    return frame(drawn, label=_label(list(found.values()), count), kind="c-days", size=f'{size} fill="currentColor"')


def total(known: Sequence[Day]) -> float | None:
    """Return the share of the judged time in which it was not unhealthy; None where nothing was judged."""
    judged = sum(day.judged for day in known)
    return sum(day.healthy + day.degraded for day in known) / judged if judged else None


def status_of(day: Day) -> Status:
    """Return how a day is coloured: unhealthy where it was down for more than a hundredth, degraded for less."""
    if not day.judged:
        return Status.UNKNOWN
    if day.unhealthy and (day.availability or 0) < _MINOR:
        return Status.UNHEALTHY
    return Status.DEGRADED if day.unhealthy or day.degraded else Status.HEALTHY


def _kind(day: Day) -> str:
    return status_of(day).value


def _bar(kind: str, place: int, count: int, title: str) -> str:
    tall = _TALL[kind]
    one = f"h{_WIDE}v{tall}h-{_WIDE}z"
    path = f"M{place * _PITCH} {_HEIGHT - tall}{one}" + f"m{_PITCH} 0{one}" * (count - 1)
    return f'<path class="c-{kind}" d="{path}"><title>{title}</title></path>'


def _told(day: Day) -> str:
    words = f"{percent(day.availability or 0.0)} available"
    if day.unhealthy:
        words += f", {span(day.unhealthy)} down"
    if day.degraded:
        words += f", {span(day.degraded)} degraded"
    return words


def _nothing(first: date, last: date) -> str:
    when = day_of(first) if first == last else f"{day_of(first)} to {day_of(last)}"
    return f"{when}: nothing is known"


def _label(known: Sequence[Day], count: int) -> str:
    share = total(known)
    if share is None:
        return f"last {count} days: nothing is known"
    down = sum(1 for day in known if day.unhealthy)
    words = f"last {count} days: {percent(share)} available"
    words += f", down on {down} of them" if down else ", never down"
    return words if len(known) == count else f"{words}, {len(known)} of them known"

"""What the page says, and how it says times. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from email.utils import format_datetime

from salus.surfaces.statuspage.public import Condition, Trouble, Update

CONDITIONS = {
    Condition.OPERATIONAL: "Operational",
    Condition.MAINTENANCE: "Under maintenance",
    Condition.NO_DATA: "No data",
    Condition.DEGRADED: "Degraded performance",
    Condition.PARTIAL: "Partial outage",
    Condition.MAJOR: "Major outage",
}
STAGES = {
    "investigating": "Investigating",
    "identified": "Identified",
    "monitoring": "Monitoring",
    "resolved": "Resolved",
    "in_progress": "In progress",
}
IMPACTS = {
    "maintenance": "Maintenance",
    "minor": "Minor impact",
    "major": "Major impact",
    "critical": "Critical impact",
}
_MONTHS: tuple[str, ...] = ("January", "February", "March", "April", "May", "June")
_MONTHS += ("July", "August", "September", "October", "November", "December")
_LONGEST_MESSAGE = 300


def clean(text: str) -> str:
    """Return text as one line that can stand in a page and in XML, and is not too long."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 4 * _LONGEST_MESSAGE]).split())
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[: _LONGEST_MESSAGE - 1]}…"


def named(labels: Sequence[str], most: int = 3) -> str:
    """Name things in a sentence; when they are many, the first few."""
    if len(labels) > most:
        return f"{', '.join(labels[: most - 1])} and {len(labels) - most + 1} more"
    if len(labels) > 1:
        return f"{', '.join(labels[:-1])} and {labels[-1]}"
    return "".join(labels)


def title(labels: Sequence[str], worst: Condition) -> str:
    """Say in one line what happened."""
    what = {Condition.MAJOR: "Outage", Condition.PARTIAL: "Partial outage"}.get(worst, "Degraded performance")
    return f"{what} of {named(labels)}"


def became(labels: Sequence[str], condition: Condition) -> str:
    """Say how something has become."""
    many = len(labels) > 1
    is_, works = ("are", "work") if many else ("is", "works")
    said = {
        Condition.MAJOR: f"{is_} down.",
        Condition.PARTIAL: f"{is_} partly down.",
        Condition.DEGRADED: f"{is_} slower or less reliable than usual.",
    }.get(condition, f"{works} again.")
    return f"{named(labels)} {said}"


def stage(one: Trouble, update: Update) -> str:
    """Say where something stood when an update was told; people who announce do not say it in our words."""
    if one.announced and update.stage == "identified":
        return "Announced" if update is one.updates[0] else "Update"
    return STAGES[update.stage]


def moment(at: datetime) -> str:
    """Write an instant: ``1 Mar 2026, 12:00 UTC``."""
    return f"{day(at.date())}, {at:%H:%M} UTC"


def day(at: date) -> str:
    """Write a day: ``1 Mar 2026``."""
    return f"{at.day} {_MONTHS[at.month - 1][:3]} {at.year}"


def month(at: date) -> str:
    """Write a month: ``March 2026``."""
    return f"{_MONTHS[at.month - 1]} {at.year}"


def relative(at: datetime, now: datetime) -> str:
    """Write how long ago something was, or when it will be."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < 60:
        return "just now" if seconds >= 0 else "in a moment"
    words = lasting(abs(seconds), parts=1)
    return f"{words} ago" if seconds > 0 else f"in {words}"


def lasting(seconds: float, parts: int = 2) -> str:
    """Write a span of time in at most so many units: ``2 hours 5 minutes``."""
    rest = int(seconds)
    if rest < 60:
        return "less than a minute"
    found: list[str] = []
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count, rest = divmod(rest, size)
        if count:
            found.append(f"{count} {unit}{'' if count == 1 else 's'}")
        elif found:
            break
        if len(found) == parts:
            break
    return " ".join(found)


def first_of(at: date) -> date:
    """Return the first day of a month."""
    return at.replace(day=1)


def months(now: datetime, days: int) -> list[date]:
    """Return the months of the last so many days, newest first."""
    found = [first_of(now.date())]
    oldest = first_of((now - timedelta(days=days)).date())
    while found[-1] > oldest:
        found.append(first_of(found[-1] - timedelta(days=1)))
    return found


def in_mail(at: datetime) -> str:
    """Write an instant as mails and RSS do."""
    return format_datetime(at, usegmt=True)

"""How pages say times, sizes and numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from markupsafe import Markup, escape

from salus.model import Status
from salus.units import format_duration, format_size

_SHORTEST = 0.00005  # seconds: what would be written as 0.0 ms
_STATUS_WORDS = {
    Status.HEALTHY: "Healthy",
    Status.DEGRADED: "Degraded",
    Status.UNHEALTHY: "Unhealthy",
    Status.UNKNOWN: "Unknown",
}


def status_word(status: str) -> str:
    """Return a status as a word that begins a line."""
    return _STATUS_WORDS[Status(status)]


def iso(at: datetime | str) -> str:
    """Write an instant for machines: RFC 3339 in UTC, to the millisecond."""
    when = datetime.fromisoformat(at) if isinstance(at, str) else at
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def absolute(at: datetime | str) -> str:
    """Write an instant for people, in UTC."""
    when = datetime.fromisoformat(at) if isinstance(at, str) else at
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def instant(at: datetime | str | None) -> Markup:
    """Write an instant as a ``<time>`` that tells how long ago it is, with the exact time at hand."""
    if not at:
        return Markup('<span class="none">never</span>')
    said = absolute(at)
    return Markup('<time datetime="{}" data-ago title="{}">{}</time>').format(iso(at), said, said)


def clocktime(at: datetime | str | None) -> Markup:
    """Write an instant as a ``<time>`` that stays absolute."""
    if not at:
        return Markup('<span class="none">never</span>')
    return Markup('<time datetime="{}">{}</time>').format(iso(at), absolute(at))


def ago(at: datetime, now: datetime) -> str:
    """Say how long ago an instant is, or in how long it will be; the script of the pages says it the same way."""
    seconds = (now - at).total_seconds()
    told = format_duration(float(round(abs(seconds))))
    if abs(seconds) < 1:
        return "now"
    return f"{told} ago" if seconds > 0 else f"in {told}"


def lasts(since: datetime, now: datetime) -> str:
    """Say how long something has lasted, to the second; the script of the pages counts on from there."""
    seconds = max(0, round((now - since).total_seconds()))
    return f"{seconds} s" if seconds < 60 else format_duration(float(seconds))


def duration(seconds: float | None) -> str:
    """Say how long something takes; the script of the pages says it the same way."""
    if seconds is None:
        return "—"
    return "< 0.1 ms" if 0 <= seconds < _SHORTEST else format_duration(seconds)


def size(count: float | None) -> str:
    """Say how many bytes."""
    return "—" if count is None else format_size(count)


def number(value: float | None, unit: str = "") -> str:
    """Say a number as a check saw it, with its unit."""
    if value is None:
        return "—"
    if unit == "seconds":
        return duration(value)
    if unit == "bytes":
        return format_size(value)
    if unit == "ratio":
        return share(value)
    text = f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:,.4g}"
    return f"{text} {unit}".strip()


def share(value: float | None, places: int | None = None) -> str:
    """Say a share (0 to 1) in percent, never rounded up to 100: ``99.98 %``."""
    if value is None:
        return "—"
    percent = value * 100
    if places is None:
        places = 0 if percent in (0, 100) else 1 if percent < 99 else 2 if percent < 99.99 else 4
    text = f"{percent:.{places}f}"
    if percent < 100 and float(text) >= 100:
        text = f"99.{'9' * max(places, 1)}"
    return f"{text} %"


def counted(count: int, word: str, many: str = "") -> str:
    """Say how many there are of something."""
    return f"{count:,} {word if count == 1 else many or word + 's'}"


def segment(name: str) -> str:
    """Return a name as one part of an address."""
    return quote(name, safe="")


def mark(text: str, wanted: str) -> Markup:
    """Return a text with what was searched for marked in it."""
    if not wanted or wanted.lower() not in text.lower():
        return escape(text)
    start = text.lower().index(wanted.lower())
    end = start + len(wanted)
    return Markup("{}<mark>{}</mark>{}").format(text[:start], text[start:end], text[end:])

"""Writes the pages: Jinja2 with everything escaped, one stylesheet, no script."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from salus.surfaces.charts import DARK, LIGHT, RULES, days, icon, palette
from salus.surfaces.charts.daily import total
from salus.surfaces.charts.words import percent
from salus.surfaces.statuspage import words
from salus.surfaces.statuspage.public import Component, Condition, Page, Trouble

RECENT = 14
_LOOKS = {
    Condition.OPERATIONAL: "healthy",
    Condition.MAINTENANCE: "maintenance",
    Condition.NO_DATA: "unknown",
    Condition.DEGRADED: "degraded",
    Condition.PARTIAL: "degraded",
    Condition.MAJOR: "unhealthy",
}


def front(page: Page, root: str) -> str:
    """Write the page itself; ``root`` is where it stands, such as ``/status``."""
    recent = [one for one in page.troubles if (page.at - one.started_at).days < RECENT and one.ended_at is not None]
    return _written("front.html", page, root, recent=_by_day(recent))


def history(page: Page, root: str, month: date) -> str:
    """Write the incidents that began in a month."""
    months = words.months(page.at, page.history_days)
    place = months.index(month)
    found = [one for one in page.troubles if words.first_of(one.started_at.date()) == month]
    return _written(
        "history.html",
        page,
        root,
        month=month,
        newer=months[place - 1] if place else None,
        older=months[place + 1] if place + 1 < len(months) else None,
        days=_by_day(found),
    )


def incident(page: Page, root: str, one: Trouble) -> str:
    """Write all that was told of an incident."""
    return _written("incident.html", page, root, one=one)


def missing(page: Page, root: str) -> str:
    """Say that there is nothing here."""
    return _written("missing.html", page, root)


def feed(page: Page, root: str, kind: str, troubles: Sequence[Trouble], updated: datetime) -> str:
    """Write a feed: ``atom`` or ``rss``."""
    return (
        _environment()
        .get_template(f"feed.{kind}")
        .render(page=page, base=page.url or root, troubles=troubles, updated=updated, words=words)
    )


@cache
def stylesheet() -> tuple[str, str]:
    """Return the name of the stylesheet, which changes with what is in it, and what is in it."""
    own = (files("salus.surfaces.statuspage") / "static" / "status.css").read_text(encoding="utf-8")
    dark = f"@media (prefers-color-scheme: dark) {{ :root {{ {palette(DARK)} }} }}"
    text = f":root {{ color-scheme: light dark; {palette(LIGHT)} }}\n{dark}\n{RULES}{own}"
    return f"status.{sha256(text.encode()).hexdigest()[:12]}.css", text


def _written(template: str, page: Page, root: str, **more: object) -> str:
    overall = page.overall
    return (
        _environment()
        .get_template(template)
        .render(
            page=page,
            root=root,
            overall=overall,
            look=_LOOKS[overall.condition],
            style=f"{root}/static/{stylesheet()[0]}",
            words=words,
            **more,
        )
    )


def _by_day(troubles: Sequence[Trouble]) -> list[tuple[date, list[Trouble]]]:
    """Put what began on the same day together, newest first."""
    found: dict[date, list[Trouble]] = {}
    for one in troubles:
        found.setdefault(one.started_at.date(), []).append(one)
    return sorted(found.items(), reverse=True)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("salus.surfaces.statuspage"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals |= {"bars": _bars, "icon": _icon, "available": _available, "look_of": _LOOKS.__getitem__}
    return made


def _bars(component: Component, page: Page) -> Markup:
    return Markup(days(component.days or (), page.at.date(), page.history_days))  # noqa: S704 - it escapes every text


def _icon(look: str, size: int = 16) -> Markup:
    drawn = icon("wrench" if look == "maintenance" else look, size)
    return Markup(drawn)  # noqa: S704 - drawn of nothing but its own paths


def _available(component: Component, page: Page) -> str:
    known = sum(day.judged > 0 for day in component.days or ())
    share = total(component.days or ())
    if share is None:
        return "no data"
    said = f"{percent(share)} available"
    return said if known >= page.history_days else f"{said} in {known} day{'' if known == 1 else 's'}"

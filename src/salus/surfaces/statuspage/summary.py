"""The page as JSON, in the shapes of Statuspage's public API (``/api/v2``). Pure.

What Statuspage has no word for is told as the nearest bad one, never as well: a component without data is
``degraded_performance`` with ``no_data: true``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time

from salus.model import Json
from salus.surfaces import wire
from salus.surfaces.statuspage import words
from salus.surfaces.statuspage.public import Component, Condition, Group, Page, Trouble, Update, Window

MOST_INCIDENTS = 50

Told = dict[str, Json]


def summary(page: Page, base: str) -> Told:
    """Tell everything that matters now."""
    told: list[Json] = [_incident(page, one, base) for one in page.open if not _planned(one)]
    return {
        **status(page, base),
        "components": _components(page),
        "incidents": told,
        "scheduled_maintenances": _maintenances(page, base, over=False),
    }


def status(page: Page, base: str) -> Told:
    """Tell the whole in one word."""
    whole = page.overall
    return {"page": _page(page, base), "status": {"indicator": whole.indicator, "description": whole.headline}}


def components(page: Page, base: str) -> Told:
    """Tell all components."""
    return {"page": _page(page, base), "components": _components(page)}


def incidents(page: Page, base: str) -> Told:
    """Tell the newest incidents, those that are over too."""
    told: list[Json] = [_incident(page, one, base) for one in page.troubles if not _planned(one)]
    return {"page": _page(page, base), "incidents": told[:MOST_INCIDENTS]}


def scheduled(page: Page, base: str) -> Told:
    """Tell maintenance that goes on, is to come, or was announced."""
    return {"page": _page(page, base), "scheduled_maintenances": _maintenances(page, base, over=True)}


def _page(page: Page, base: str) -> Told:
    return {
        "id": page.id,
        "name": page.title,
        "url": base,
        "time_zone": "Etc/UTC",
        "updated_at": wire.instant(page.at),
    }


def _components(page: Page) -> list[Json]:
    told: list[Json] = []
    for group in page.groups:
        if group.name:
            told.append(_group(page, group, len(told) + 1))
        for one in group.components:
            told.append(_component(page, one, group if group.name else None, len(told) + 1))
    return told


def _component(page: Page, one: Component, group: Group | None, position: int) -> Told:
    no_data = one.condition is Condition.NO_DATA
    began = wire.instant(datetime.combine(one.first, time(), UTC)) if one.first else None
    return {
        "id": one.id,
        "name": one.label,
        "status": (Condition.DEGRADED if no_data else one.condition).value,
        "created_at": began or wire.instant(one.since or page.at),
        "updated_at": wire.instant(one.since or page.at),
        "position": position,
        "description": one.description or None,
        "showcase": True,
        "start_date": one.first.isoformat() if one.first else None,
        "group_id": group.id if group else None,
        "page_id": page.id,
        "group": False,
        "only_show_if_degraded": False,
        **({"no_data": True} if no_data else {}),
    }


def _group(page: Page, group: Group, position: int) -> Told:
    worst = max((one.condition for one in group.components), key=lambda one: one.rank)
    no_data = worst is Condition.NO_DATA
    return {
        "id": group.id,
        "name": group.name,
        "status": (Condition.DEGRADED if no_data else worst).value,
        "created_at": wire.instant(page.at),
        "updated_at": wire.instant(page.at),
        "position": position,
        "description": group.description or None,
        "showcase": False,
        "start_date": None,
        "group_id": None,
        "page_id": page.id,
        "group": True,
        "only_show_if_degraded": False,
        "components": [one.id for one in group.components],
        **({"no_data": True} if no_data else {}),
    }


def _incident(page: Page, one: Trouble, base: str) -> Told:
    watched = next((update.at for update in reversed(one.updates) if update.stage == "monitoring"), None)
    return {
        "id": one.id,
        "name": one.title,
        "status": one.stage,
        "created_at": wire.instant(one.started_at),
        "updated_at": wire.instant(one.updated_at),
        "monitoring_at": wire.instant(watched),
        "resolved_at": wire.instant(one.ended_at),
        "impact": one.impact,
        "shortlink": f"{base}/incidents/{one.id}",
        "started_at": wire.instant(one.started_at),
        "page_id": page.id,
        "incident_updates": [_update(one, place, update) for place, update in _newest_first(one)],
        "components": _about(page, one.components),
    }


def _newest_first(one: Trouble) -> Iterable[tuple[int, Update]]:
    return reversed(list(enumerate(one.updates)))


def _update(one: Trouble, place: int, update: Update) -> Told:
    at = wire.instant(update.at)
    return {
        "id": f"{one.id}-{place}",
        "status": update.stage,
        "body": update.text,
        "incident_id": one.id,
        "created_at": at,
        "updated_at": at,
        "display_at": at,
        "affected_components": [],
    }


def _about(page: Page, labels: Iterable[str]) -> list[Json]:
    known = {one.label: one for one in page.components}
    return [_component(page, known[label], None, place) for place, label in enumerate(labels, 1) if label in known]


def _planned(one: Trouble) -> bool:
    return one.impact == "maintenance"


def _maintenances(page: Page, base: str, *, over: bool) -> list[Json]:
    told: list[Json] = [_window(page, one, base) for one in page.windows]
    for one in page.troubles:
        if _planned(one) and (over or one.ended_at is None):
            ended = one.ended_at is not None
            began, end = wire.instant(one.started_at), wire.instant(one.ended_at)
            written = _incident(page, one, base)
            status = "completed" if ended else "in_progress"
            told.append({**written, "status": status, "scheduled_for": began, "scheduled_until": end})
    return told[:MOST_INCIDENTS]


def _window(page: Page, one: Window, base: str) -> Told:
    since = wire.instant(one.since)
    status = "in_progress" if one.open else "scheduled"
    return {
        "id": one.id,
        "name": f"Maintenance of {words.named(one.components)}",
        "status": status,
        "created_at": since,
        "updated_at": since,
        "monitoring_at": None,
        "resolved_at": None,
        "impact": "maintenance",
        "shortlink": base,
        "started_at": since,
        "page_id": page.id,
        "incident_updates": [],
        "components": _about(page, one.components),
        "scheduled_for": since,
        "scheduled_until": wire.instant(one.until),
    }

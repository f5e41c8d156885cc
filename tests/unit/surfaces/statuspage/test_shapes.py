"""The JSON has the shapes of Statuspage's public API, whatever the state: programs that read those read these."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jsonschema
import pytest

from salus.model import Maintenance, PolicyReport, Selector, Status
from salus.model.statuspage import Impact
from tests.fake_agent import NOW
from tests.fake_status import NAMES, Shop

TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
MAYBE = {"anyOf": [TIME, {"type": "null"}]}
TEXT = {"type": "string"}
IMPACT = {"enum": ["none", "minor", "major", "critical", "maintenance"]}
COMPONENT = {
    "type": "object",
    "required": [
        *("id", "name", "status", "created_at", "updated_at", "position", "description", "showcase", "group_id"),
        *("page_id", "group", "only_show_if_degraded", "start_date"),
    ],
    "properties": {
        "id": TEXT,
        "name": TEXT,
        "status": {
            "enum": ["operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"]
        },
        "created_at": TIME,
        "updated_at": TIME,
        "position": {"type": "integer", "minimum": 1},
        "group": {"type": "boolean"},
    },
}
UPDATE = {
    "type": "object",
    "required": ["id", "status", "body", "incident_id", "created_at", "updated_at", "display_at"],
    "properties": {"body": TEXT, "created_at": TIME},
}


def incident(*statuses: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["id", "name", "status", "impact", "shortlink", "page_id", "incident_updates", "components"],
        "properties": {
            "id": TEXT,
            "name": TEXT,
            "status": {"enum": list(statuses)},
            "impact": IMPACT,
            "created_at": TIME,
            "updated_at": TIME,
            "monitoring_at": MAYBE,
            "resolved_at": MAYBE,
            "incident_updates": {"type": "array", "items": UPDATE},
            "components": {"type": "array", "items": COMPONENT},
            "scheduled_for": TIME,
            "scheduled_until": MAYBE,
        },
    }


WHOLE = {
    "type": "object",
    "required": ["page"],
    "properties": {
        "page": {
            "type": "object",
            "required": ["id", "name", "url", "time_zone", "updated_at"],
            "properties": {"updated_at": TIME},
        },
        "status": {
            "type": "object",
            "required": ["indicator", "description"],
            "properties": {"indicator": {"enum": ["none", "minor", "major", "critical"]}, "description": TEXT},
        },
        "components": {"type": "array", "items": COMPONENT},
        "incidents": {"type": "array", "items": incident("investigating", "identified", "monitoring", "resolved")},
        "scheduled_maintenances": {
            "type": "array",
            "items": incident("scheduled", "in_progress", "verifying", "completed"),
        },
    },
    "additionalProperties": False,
}
PARTS = {
    "summary": {"page", "status", "components", "incidents", "scheduled_maintenances"},
    "status": {"page", "status"},
    "components": {"page", "components"},
    "incidents": {"page", "incidents"},
    "scheduled-maintenances": {"page", "scheduled_maintenances"},
}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("status", [*Status, None])
async def test_every_document_has_its_shape_in_every_state(name: str, status: Status | None) -> None:
    shop = Shop(statuses=dict.fromkeys(NAMES, status)) if status else Shop("status_page:")
    if status:
        shop.outage("web-http", ago=timedelta(hours=2), lasted=timedelta(minutes=2))
        shop.outage("search-es", ago=timedelta(hours=1), lasted=None, repaired=False)
        await shop.book.announce("Slow", Impact.MINOR, ["Website"], text="We look into it")
        over = await shop.book.announce("We moved", Impact.MAINTENANCE)
        await shop.book.resolve(over.id)
        await shop.book.announce("We move", Impact.MAINTENANCE, ["Search"])
        window = Maintenance(id="x", since=NOW, until=NOW + timedelta(hours=1), members=Selector(everything=True))
        shop.hold(PolicyReport(maintenance=(window,)))
    told = await shop.json(name)
    assert set(told) == PARTS[name]
    jsonschema.validate(told, WHOLE)


async def test_groups_hold_their_components() -> None:
    told: Any = await Shop().json("components")
    website, group, payment, search = told["components"]
    assert (website["group_id"], group["group"], group["name"]) == (None, True, "Behind the counter")
    assert group["components"] == [payment["id"], search["id"]]
    assert payment["group_id"] == search["group_id"] == group["id"]
    assert [one["position"] for one in told["components"]] == [1, 2, 3, 4]

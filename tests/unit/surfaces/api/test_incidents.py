"""Incidents over the API: pages, filters, the story, and who may see what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from salus.model import Role
from tests.asgi import Answer, ask
from tests.fake_access import Door
from tests.fake_agent import NOW
from tests.fake_api import FakeApi, names
from tests.fake_incidents import OPEN_INCIDENT, PAST_INCIDENT

API = "/api/v1/incidents"
BOTH = [OPEN_INCIDENT.id, PAST_INCIDENT.id]


async def get(api: FakeApi, path: str = "") -> Answer:
    return await ask(api.app, API + path, more=await api.door.bearer(Role.VIEWER))


@pytest.mark.parametrize(
    "query, found",
    [
        ("", BOTH),
        ("?open=true", BOTH[:1]),
        ("?open=false", BOTH[1:]),
        ("?check=disk", BOTH[1:]),
        ("?check=new", []),
        (f"?since={(NOW - timedelta(minutes=30)).isoformat().replace('+00:00', 'Z')}", BOTH[:1]),
        (f"?after={BOTH[0]}", BOTH[1:]),
    ],
)
async def test_incidents_are_filtered(query: str, found: list[str]) -> None:
    assert names((await get(FakeApi(), query)).json, "id") == found


async def test_incidents_come_in_pages() -> None:
    first = (await get(FakeApi(), "?limit=1")).json
    assert names(first, "id") == BOTH[:1]
    assert names((await get(FakeApi(), f"?limit=1&after={first['next']}")).json, "id") == BOTH[1:]


@pytest.mark.parametrize("query", ["?after=x", "?after=-1", "?open=maybe", "?since=yesterday", "?limit=501"])
async def test_what_is_not_understood_is_refused(query: str) -> None:
    assert (await get(FakeApi(), query)).code == 422


async def test_a_story_tells_what_happened_and_every_recovery_with_its_steps() -> None:
    api = FakeApi()
    await api.fill()
    told = (await get(api, f"/{OPEN_INCIDENT.id}")).json
    assert [one["kind"] for one in told["timeline"]] == ["status_changed"]
    assert [one["id"] for one in told["attempts"]] == ["r1", "running"]
    assert told["attempts"][0]["steps"]
    assert (await get(api, "/nothing")).code == 404


async def test_where_checks_are_shown_to_everybody_incidents_are_but_not_what_was_done() -> None:
    assert (await ask(FakeApi().app, API)).code == 401
    api = FakeApi(door=Door(details="always"))
    page = (await ask(api.app, API)).json
    assert names(page, "id") == BOTH
    assert names(page, "recoveries") == [[], []]
    assert names(page, "outcome") == [None, None]
    assert (await ask(api.app, f"{API}/{OPEN_INCIDENT.id}")).code == 401

"""What people read when something they asked for has worked."""

from __future__ import annotations

import pytest

from salus.model import Role
from tests.fake_api import SILENCE, FakeApi
from tests.fake_desk import DEAD, WEB_DOWN
from tests.visitor import Visitor


@pytest.mark.parametrize(
    "path, fields, wanted",
    [
        ("/pause", {"seconds": "1h"}, "paused until 2026-03-01 13:00:00 UTC"),
        ("/pause", {}, "paused until it is resumed"),
        ("/resume", {}, "automatic recovery goes on"),
        ("/maintenance", {"tags": "shop", "seconds": "1h", "name": "d1"}, "maintenance d1 is open until 2026-03-01 13"),
        ("/checks/web/pause", {}, "paused until it is resumed"),
        ("/services/web/stop", {}, "web is stopped"),
        ("/checks/web/run", {}, "looked: healthy, 200 OK"),
        ("/rules/web/heal", {}, "web: recovered, healthy after restart_service"),
        (
            "/silences",
            {"match": "check=web", "seconds": "1h"},
            'check="web" is silenced until 2026-03-01 13:00:00 UTC: 1',
        ),
        (f"/silences/{SILENCE.id}/expire", {}, 'the silence of check="web" has ended'),
        (f"/alerts/{WEB_DOWN.id}/ack", {}, "web is unhealthy: expected status 200, got 500: acknowledged"),
        (f"/notifications/{DEAD.id}/retry", {}, f"notification {DEAD.id} is tried again"),
        ("/channels/log/test", {}, "written"),
        ("/tokens", {"name": "grafana", "role": "viewer"}, "made the token grafana: it is shown this once"),
        ("/tokens/admin/revoke", {}, "the token admin is refused from now on"),
    ],
)
async def test_every_deed_says_what_has_become_of_it(path: str, fields: dict[str, str], wanted: str) -> None:
    visitor = await Visitor(FakeApi()).sign_in(Role.ADMIN)
    answer = await visitor.send(f"/do{path}", {"csrf": visitor.csrf, **fields}, accept="application/json")
    assert answer.json["good"], answer.json
    assert answer.json["text"].startswith(wanted)

"""What the API shows: pages, filters, who may see it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from salus.model import EventKind, Outcome, RecoveryRecord, Role, Status
from salus.ports import Batch
from salus.surfaces.api.openapi import document
from salus.surfaces.http import Receive, Scope, Send
from tests.asgi import Answer, ask
from tests.fake_access import Door
from tests.fake_agent import NOW, RECOVERY, check
from tests.fake_api import EVENT, FakeApi, names

API = "/api/v1"


async def get(api: FakeApi, path: str, role: Role = Role.VIEWER) -> Answer:
    return await ask(api.app, API + path, more=await api.door.bearer(role))


@pytest.mark.parametrize(
    "query, found",
    [
        ("", ["api", "disk", "new", "odd.one", "web"]),
        ("?failing=true", ["api", "odd.one", "web"]),
        ("?status=unhealthy,unknown", ["new", "web"]),
        ("?tag=shop", ["odd.one"]),
        ("?service=web", ["web"]),
        ("?text=ODD", ["odd.one"]),
        ("?text=got%20500", ["web"]),
        ("?status=&tag=", ["api", "disk", "new", "odd.one", "web"]),
        ("?status=healthy&failing=true", []),
    ],
)
async def test_checks_are_filtered(query: str, found: list[str]) -> None:
    page = (await get(FakeApi(), f"/checks{query}")).json
    assert names(page) == found
    assert page["total"] == len(found)
    assert page["next"] is None


async def test_ten_checks_come_in_pages_and_none_twice_or_never() -> None:
    api = FakeApi()
    api.view.reports = [check(f"c{number:02}") for number in range(10)]
    seen: list[Any] = []
    page: dict[str, Any] = {"next": ""}
    for _ in range(4):
        page = (await get(api, f"/checks?limit=3&after={page['next']}")).json
        seen += names(page)
    assert seen == [f"c{number:02}" for number in range(10)]
    assert page["next"] is None


async def test_a_page_goes_on_behind_a_check_that_has_gone() -> None:
    api = FakeApi()
    assert names((await get(api, "/checks?after=baker&limit=2")).json) == ["disk", "new"]


@pytest.mark.parametrize(
    "path", ["/events?limit=2", "/recoveries?limit=2", "/rules?limit=1", "/channels?limit=1", "/alerts?limit=1"]
)
async def test_every_list_can_be_read_page_by_page(path: str) -> None:
    api = FakeApi()
    await api.fill()
    key = "id" if path.startswith(("/events", "/recoveries", "/alerts")) else "name"
    whole = names((await get(api, path.partition("?")[0])).json, key)
    assert len(whole) > 1
    seen: list[Any] = []
    at = path
    while len(seen) <= len(whole):
        page = (await get(api, at)).json
        seen += names(page, key)
        if page["next"] is None:
            break
        at = f"{path}&after={page['next']}"
    assert seen == whole


@pytest.mark.parametrize(
    "path",
    [
        *("/checks?limit=0", "/checks?limit=501", "/checks?limit=x", "/checks?status=ill", "/checks?failing=maybe"),
        *("/events?after=x", "/events?kind=party", "/events?since=yesterday", "/events?since=2026-01-01"),
        *("/recoveries?after=x", "/recoveries?since=0001-01-01T00:00:00Z", "/rules?after=gone", "/alerts?after=gone"),
        *("/checks?tag=a&tag=b", "/checks?text=" + "x" * 300, "/checks?text=" + "x" * 5000, "/checks?text=%ff"),
        *("/checks/web/history?limit=2000", "/services/web/output?lines=0", "/alerts?ended=1", "/alerts?level=loud"),
        *("/stats?since=9999-12-31T23:59:59-14:00", "/checks?limit=1&" + "&".join(f"x{n}=1" for n in range(50))),
    ],
)
async def test_what_is_no_query_is_refused_with_what_could_be_asked(path: str) -> None:
    api = FakeApi()
    await api.fill()
    answer = await get(api, path, Role.OPERATOR)
    assert answer.code == 422, answer.text
    assert answer.json["remedy"]


async def test_the_past_of_a_check_and_of_recoveries_is_told_newest_first() -> None:
    api = FakeApi()
    await api.fill()
    looks = (await get(api, "/checks/web/history?limit=2")).json["items"]
    assert [one["at"] for one in looks] == ["2026-03-01T11:59:59Z", "2026-03-01T11:59:58Z"]
    assert names((await get(api, "/checks/disk/history")).json, "at") == []
    assert names((await get(api, "/recoveries")).json, "id") == [f"r{number}" for number in range(5)]
    assert names((await get(api, "/recoveries?check=disk")).json, "id") == []
    assert names((await get(api, "/recoveries?outcome=recovered&limit=1")).json, "id") == ["r0"]
    assert names((await get(api, "/recoveries?outcome=failed")).json, "id") == []
    assert names((await get(api, "/recoveries?running=true")).json, "id") == ["running"]
    assert (await get(api, "/recoveries/running")).json["outcome"] is None
    assert (await get(api, "/recoveries/r3")).json["evidence"]["last_output"][1] == "MemoryError"


async def test_events_are_filtered_by_kind_and_by_what_they_are_about() -> None:
    api = FakeApi()
    await api.fill()
    assert len(names((await get(api, "/events?kind=status_changed,paused&check=web")).json, "id")) == 5
    assert names((await get(api, "/events?check=disk")).json, "id") == []
    assert names((await get(api, f"/events?after={EVENT.id + 1}")).json, "id") == [EVENT.id]


async def test_who_asked_for_what_is_told_to_those_who_may_act_and_to_nobody_else() -> None:
    api = FakeApi()
    await api.fill()
    asked = replace(EVENT, id=EVENT.id + 9, kind=EventKind.REQUEST_DONE, message="anna: POST /api/v1/pause: 200")
    await api.past.write(Batch(events=[asked]))
    for role, wanted in ((Role.VIEWER, 5), (Role.OPERATOR, 6)):
        more = await api.door.bearer(role)
        found = (await ask(api.app, f"{API}/events", more=more)).json
        assert len(found["items"]) == wanted
        assert ("anna" in str(found)) is (role is Role.OPERATOR)
    viewer = await api.door.bearer(Role.VIEWER)
    assert (await ask(api.app, f"{API}/events?kind=request_done,token_created", more=viewer)).code == 403
    some = (await ask(api.app, f"{API}/events?kind=request_done,status_changed", more=viewer)).json
    assert {one["kind"] for one in some["items"]} == {"status_changed"}


async def test_alerts_that_have_ended_are_found_in_the_ledger() -> None:
    api = FakeApi()
    await api.fill()
    assert names((await get(api, "/alerts?ended=true")).json, "id") == ["ee0"]
    assert (await get(api, "/alerts/ee0")).json["state"] == "resolved"
    assert names((await get(api, "/alerts?level=warning&state=firing")).json, "check") == ["disk"]
    assert names((await get(api, "/alerts?quiet=true")).json, "check") == ["disk"]


async def test_statistics_are_counted_over_pages_of_the_ledger() -> None:
    api = FakeApi()
    await api.past.open()
    many = [
        RecoveryRecord(
            id=f"r{number}", rule="web", check="web", targets=(), attempt=1, trigger="", decided_at=NOW,
            started_at=NOW - timedelta(seconds=number), finished_at=NOW, outcome=Outcome.RECOVERED,
            steps=RECOVERY.steps,
        )
        for number in range(900)
    ]  # fmt: skip
    await api.past.write(Batch(recoveries=many))
    told = (await get(api, "/stats")).json
    assert (told["total"]["attempts"], told["complete"]) == (900, True)
    assert (await get(api, "/stats?rule=other")).json["total"]["attempts"] == 0


async def test_the_config_and_the_output_give_no_secret_away() -> None:
    api = FakeApi()
    config = await get(api, "/config", Role.ADMIN)
    assert config.json["services"] == [{"name": "web", "kind": "process", "depends_on": []}]
    assert "do-not-tell" not in config.text
    assert (await get(api, "/config", Role.OPERATOR)).code == 403
    output = (await get(api, "/services/web/output?lines=2", Role.OPERATOR)).json["lines"]
    assert [len(line) for line in output] == [9, 4096]
    assert (await get(api, "/services/web/output")).code == 403


async def test_tokens_are_listed_without_their_secrets() -> None:
    api = FakeApi()
    text = await api.door.token(Role.ADMIN)
    answer = await get(api, "/tokens", Role.ADMIN)
    assert names(answer.json) == ["admin"]
    assert text.split("_", 2)[2] not in answer.text
    assert api.door.book.tokens()[0].digest not in answer.text


async def test_the_system_is_measured() -> None:
    told = (await get(FakeApi(), "/system")).json
    assert told["memory"]["resident"] > 1 << 20
    assert told["tasks"] >= 1
    assert told["uptime"] == pytest.approx(11520, abs=1)


@pytest.mark.parametrize("status", Status)
async def test_a_badge_is_a_picture_that_other_pages_may_show(status: Status) -> None:
    api = FakeApi()
    api.view.reports = [check("<&\"'>", status, "x")]
    answer = await get(api, "/badges/<&\"'>.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    root = ET.fromstring(answer.text)
    assert root.attrib["aria-label"] == f"<&\"'>: {status.value}"
    assert [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")] == ["<&\"'>", status.value]


# ── who may see it ────────────────────────────────────────────────────────────────────────────────────────────────────

SHOWN = ("/status", "/checks", "/checks/web", "/checks/web/history", "/badges/web.svg")
HIDDEN = (
    "/policy",
    "/rules",
    "/events",
    "/alerts",
    "/services",
    "/recoveries",
    "/system",
    "/stream",
    "/checks/web/explain",
)


@pytest.mark.parametrize("details, code", [("never", 401), ("when_authorized", 401), ("always", 200)])
async def test_a_stranger_sees_what_show_details_shows_and_no_more(details: str, code: int) -> None:
    api = FakeApi(door=Door(details=details))
    await api.fill()
    assert [(await ask(api.app, API + path)).code for path in SHOWN] == [code] * len(SHOWN)
    assert [(await ask(api.app, API + path)).code for path in HIDDEN] == [401] * len(HIDDEN)
    assert (await ask(api.app, f"{API}/openapi.json")).code == 200
    assert (await ask(api.app, f"{API}/session")).json["role"] is None


@pytest.mark.parametrize("prefix, told", [("", "/api/v1"), ("/ops/salus", "/ops/salus/api/v1"), ("//evil", "/api/v1")])
async def test_the_document_says_where_the_api_is_behind_a_proxy(prefix: str, told: str) -> None:
    api = FakeApi(door=Door(trusted=("192.0.2.7",)))

    async def proxied(scope: Scope, receive: Receive, send: Send) -> None:
        await api.app({**scope, "client": ("192.0.2.7", 1)}, receive, send)

    answer = await ask(proxied, f"{API}/openapi.json", more={"x-forwarded-prefix": prefix})
    assert answer.json == document(told.removesuffix(API))
    assert answer.json["servers"] == [{"url": told}]


async def test_a_wrong_token_is_refused_even_where_everybody_may_look() -> None:
    api = FakeApi(door=Door(details="always"))
    answer = await ask(api.app, f"{API}/checks", more={"Authorization": "Bearer wrong"})
    assert answer.code == 401
    assert api.door.told.audit() == [("", f"GET {API}/checks", 401)]


async def test_the_health_endpoints_tell_a_viewer_everything_and_a_stranger_the_status() -> None:
    api = FakeApi()
    viewer = await api.door.bearer(Role.VIEWER)
    for _ in range(2):  # the second time from the cache
        assert (await ask(api.app, "/health")).json == {"status": "unhealthy"}
        assert len((await ask(api.app, "/health", more=viewer)).json["checks"]) == 5
    assert (await ask(api.app, "/health", more={"Authorization": "Bearer x"})).json == {"status": "unhealthy"}
    assert b"reason withheld" in (await ask(api.app, "/health?verbose", accept="text/plain")).body
    assert b"got 500" in (await ask(api.app, "/health?verbose", accept="text/plain", more=viewer)).body


async def test_head_is_answered_like_get_without_a_body() -> None:
    api = FakeApi()
    more = await api.door.bearer(Role.VIEWER)
    answer = await ask(api.app, f"{API}/checks", method="HEAD", more=more)
    assert (answer.code, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 100
    assert (await ask(api.app, f"{API}/stream", method="HEAD", more=more)).code == 200


async def test_it_answers_where_it_is_mounted_too() -> None:
    api = FakeApi(door=Door(details="always"))
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/ops/api/v1/checks", "root_path": "/ops", "headers": []}
    await api.app(scope, receive, send)
    assert sent[0]["status"] == 200

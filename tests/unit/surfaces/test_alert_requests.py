"""What a person asks about alerts, and asks of them, over the control socket."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from salus.errors import ConflictError, SalusError
from salus.matchers import parse_matchers
from salus.model import Silence
from salus.surfaces.alerts import MOST
from salus.surfaces.control import ControlApp
from tests.asgi import Answer, ask
from tests.fake_agent import NOW, Bus, FakeControl, FakeView, FixedClock
from tests.fake_desk import DEAD, DISK_LOW, LOG, OLD, SECRET, WAITS, WEB_DOWN, FakeDesk


def app(desk: FakeDesk | None) -> ControlApp:
    return ControlApp(FakeView(), FakeControl(), Bus().subscribe, desk=desk, clock=FixedClock())


async def get(target: str, desk: FakeDesk | None = None) -> Answer:
    return await ask(app(desk or FakeDesk()), target)


async def post(desk: FakeDesk, target: str, body: object = None) -> Answer:
    raw = b"" if body is None else json.dumps(body).encode()
    return await ask(app(desk), target, method="POST", body=raw)


# ── alerts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_alerts_are_listed_with_who_hears_of_each_and_why_not_now() -> None:
    told = (await get("/v1/alerts")).json
    assert told["total"] == 3
    web, disk, _ = told["alerts"]
    assert (web["id"], web["state"], web["level"], web["component"]) == (WEB_DOWN.id, "firing", "critical", "shop")
    assert web["first_seen"] == "2026-03-01T11:55:00Z"
    assert web["told"]["ops"] == {"state": "firing", "at": "2026-03-01T11:56:10Z", "count": 2, "flapping": False}
    assert [(way["channel"], way["after"], way["hush"]) for way in web["audience"]] == [
        ("ops", 0.0, None),
        ("log", 0.0, None),
        ("old", 0.0, None),
        ("phone", 900.0, None),
    ]
    assert disk["audience"][0]["hush"] == {
        "reason": "silenced",
        "detail": "silence s1 by olaf: moving house",
        "until": "2026-03-01T13:30:00Z",
    }


async def test_an_audience_says_which_channels_are_off_or_fail() -> None:
    ways = {way["channel"]: way for way in (await get("/v1/alerts")).json["alerts"][0]["audience"]}
    assert (ways["log"]["enabled"], ways["log"]["failing_since"]) == (True, None)
    assert ways["old"]["enabled"] is False
    assert ways["ops"]["failing_since"] == "2026-03-01T11:59:00Z"


@pytest.mark.parametrize(
    "query, ids",
    [
        ("check=web", [WEB_DOWN.id]),
        ("check=nope", []),
        ("level=warning", [DISK_LOW.id, WAITS.id]),
        ("level=warning&state=firing", [DISK_LOW.id]),
        ("quiet=1", [DISK_LOW.id]),
        ("quiet=0&limit=1", [WEB_DOWN.id]),
    ],
)
async def test_alerts_are_narrowed_down(query: str, ids: list[str]) -> None:
    assert [one["id"] for one in (await get(f"/v1/alerts?{query}")).json["alerts"]] == ids


async def test_a_channel_that_is_switched_off_is_kept_from_nothing() -> None:
    off = replace(LOG, spec=replace(LOG.spec, enabled=False))
    assert (await get("/v1/alerts?quiet=1", FakeDesk(channel_list=[off, OLD]))).json == {"total": 0, "alerts": []}


async def test_what_is_left_out_is_counted_and_the_list_is_bounded() -> None:
    desk = FakeDesk(alerts=[replace(DISK_LOW, id=f"a{number}") for number in range(MOST + 100)])
    told = (await get("/v1/alerts?limit=100000", desk)).json
    assert (told["total"], len(told["alerts"])) == (MOST + 100, MOST)
    quiet = (await get("/v1/alerts?limit=2&quiet=1", desk)).json
    assert (quiet["total"], len(quiet["alerts"])) == (MOST + 100, 2)


@pytest.mark.parametrize(
    "query", ["level=bad", "state=resolved", "limit=0", "limit=ten", "limit=-1", "&".join("abcdefghijklmnopqrstuvwxyz")]
)
async def test_a_query_that_makes_no_sense_is_refused_with_a_remedy(query: str) -> None:
    answer = await get(f"/v1/alerts?{query}")
    assert answer.code == 422
    assert answer.json["remedy"]


@pytest.mark.parametrize("name", ["aa11", WEB_DOWN.id, "0123456789", "web", "down"])
async def test_one_alert_is_found_by_whatever_a_person_calls_it(name: str) -> None:
    told = (await get(f"/v1/alerts/{name}")).json
    assert told["id"] == WEB_DOWN.id
    assert told["deeds"][0]["action"] == "restart_service"
    assert told["story"][0] == "Since 2026-03-01T11:55:00Z, for 5m."  # the summary stands above it
    assert any("restart_service worked after 1.5 s" in line for line in told["story"])
    assert told["story"][-1] == "Runbook: https://wiki.example.org/web"
    assert [way["channel"] for way in told["audience"]] == ["ops", "log", "old", "phone"]


async def test_a_name_of_nothing_and_a_name_of_several_say_what_there_is() -> None:
    nothing = await get("/v1/alerts/zzz")
    assert (nothing.code, nothing.json["remedy"]) == (404, "`salus alerts` lists them")
    several = await get("/v1/alerts/aa")
    assert several.code == 409
    assert several.json["detail"] == "'aa' could be aa11bb22 (down of web), aa990000 (low of disk)"


async def test_an_alert_is_acknowledged_and_resolved_with_a_note_on_one_line() -> None:
    desk = FakeDesk()
    told = (await post(desk, "/v1/alerts/aa11/ack", {"note": "on\nit", "by": "olaf"})).json
    assert (told["state"], told["acknowledged_by"], told["note"]) == ("acknowledged", "olaf", "on it")
    ended = (await post(desk, "/v1/alerts/aa11/resolve", {"note": "known", "by": "olaf"})).json
    assert (ended["state"], ended["resolution"]) == ("resolved", "resolved by olaf: known")
    assert desk.asked == [("acknowledge", "aa11"), ("resolve", "aa11")]
    desk.error = ConflictError("alert aa11 is pending", remedy="only what fires can be resolved")
    assert (await post(desk, "/v1/alerts/aa11/resolve")).code == 409


async def test_what_others_wrote_is_one_bounded_line() -> None:
    nasty = replace(WEB_DOWN, summary="web\x1b[31m\nis " + "x" * 9000, detail="y" * 9000)
    told = (await get("/v1/alerts", FakeDesk(alerts=[nasty]))).json["alerts"][0]
    assert told["summary"].isprintable()
    assert max(len(told["summary"]), len(told["detail"])) <= 500


# ── silences ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_silence_is_begun_listed_and_ended() -> None:
    desk = FakeDesk()
    body = {"match": 'level=~"crit.*",check=web', "seconds": 7200, "comment": "moving\nhouse", "by": "olaf"}
    told = (await post(desk, "/v1/silences", body)).json
    assert desk.said["match"] == parse_matchers('level=~"crit.*", check="web"')
    assert told == {
        "id": "s1",
        "match": 'level=~"crit.*", check="web"',
        "since": "2026-03-01T12:00:00Z",
        "until": "2026-03-01T14:00:00Z",
        "by": "olaf",
        "comment": "moving house",
        "alerts": 1,
    }
    assert [one["id"] for one in (await get("/v1/silences", desk)).json] == ["s1"]
    assert (await post(desk, "/v1/silences/s1/expire", {})).json["id"] == "s1"
    assert (await get("/v1/silences", desk)).json == []
    assert (await post(desk, "/v1/silences/s1/expire", {})).code == 404


async def test_matchers_that_are_none_are_refused_with_their_column_and_the_remedy() -> None:
    desk = FakeDesk()
    answer = await post(desk, "/v1/silences", {"match": 'check=web level="x"', "seconds": 60})
    assert answer.code == 422
    assert answer.json["column"] == 11
    assert answer.json["detail"] == "expected a comma, got 'l', at column 11"
    assert answer.json["remedy"] == "part matchers by commas"
    assert desk.asked == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"match": "a=b"},
        {"match": "a=b", "seconds": 0},
        {"match": "a=b", "seconds": 1e12},
        {"match": "", "seconds": 60},
        {"match": "a=" + "b" * 5000, "seconds": 60},
        {"match": "a=b", "seconds": 60, "unknown": 1},
        {"match": ["a=b"], "seconds": 60},
    ],
)
async def test_a_silence_of_nothing_or_without_an_end_is_refused(body: dict[str, Any]) -> None:
    desk = FakeDesk()
    answer = await post(desk, "/v1/silences", body)
    assert (answer.code, desk.asked) == (422, [])
    assert answer.json["remedy"]


# ── channels and notifications ────────────────────────────────────────────────────────────────────────────────────────


async def test_channels_tell_how_they_are_doing_and_nothing_of_their_options() -> None:
    answer = await get("/v1/channels")
    log, old, ops = answer.json
    assert (log["name"], log["sent"], log["failing_since"]) == ("log", 7, None)
    assert (old["kind"], old["enabled"]) == ("file", False)
    assert (ops["waiting"], ops["failed"], ops["error"]) == (2, 3, "no answer within 15 s")
    assert ops["held_until"] == "2026-03-01T12:00:08Z"
    for target in ("/v1/channels", "/v1/status", "/v1/alerts", "/v1/notifications/dead"):
        assert SECRET not in (await get(target)).text


async def test_a_channel_is_tested_and_one_that_fails_answers_502_with_the_remedy() -> None:
    desk = FakeDesk()
    assert (await post(desk, "/v1/channels/log/test", {"by": "olaf"})).json == {"message": "written"}
    assert desk.said == {"by": "olaf"}
    failed = await post(desk, "/v1/channels/ops/test", {})
    assert (failed.code, failed.json["detail"]) == (502, "no answer within 15 s")
    assert failed.json["remedy"] == "is it running?"
    assert (await post(desk, "/v1/channels/nope/test", {})).code == 404


async def test_dead_letters_are_listed_and_tried_again_by_the_beginning_of_their_id() -> None:
    desk = FakeDesk(dead=[DEAD, replace(DEAD, id="dd22000000000000")])
    told = (await get("/v1/notifications/dead?limit=1", desk)).json
    assert [(one["id"], one["channel"], one["occasion"], one["state"]) for one in told] == [
        (DEAD.id, "ops", "firing", "dead")
    ]
    assert (told[0]["attempts"], told[0]["error"], told[0]["alerts"]) == (4, "it answered 410", [WEB_DOWN.id])
    assert told[0]["about"] == "Critical: web is unhealthy: expected status 200, got 500"
    assert (await post(desk, "/v1/notifications/dd11/retry", {})).json["id"] == DEAD.id
    assert desk.asked == [("revive", DEAD.id)]
    assert (await post(desk, "/v1/notifications/dd/retry", {})).code == 409
    assert (await post(desk, "/v1/notifications/zz/retry", {})).code == 404


# ── routes, status, bounds ────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_would_hear_of_labels_is_told_with_the_reason() -> None:
    told = (await post(FakeDesk(), "/v1/routes/test", {"labels": {"level": "critical"}})).json
    assert [(way["channel"], way["route"], way["why"]) for way in told] == [
        ("ops", 1, 'level="critical"'),
        ("log", 2, "everything"),
        ("old", 2, "everything"),
        ("phone", 1, 'level="critical", not acknowledged within 15m'),
    ]
    assert (await post(FakeDesk(), "/v1/routes/test", {"labels": {"level": "info"}})).json == []
    for body in ({}, {"labels": {"a": 1}}, {"labels": {str(n): "" for n in range(200)}}, {"labels": {"a": "b" * 5000}}):
        assert (await post(FakeDesk(), "/v1/routes/test", body)).code == 422


async def test_status_counts_what_fires_and_shows_the_most_urgent_first() -> None:
    silence = Silence(id="s1", match=parse_matchers("a=b"), since=NOW, until=NOW + timedelta(hours=1))
    told = (await get("/v1/status", FakeDesk(silence_list=[silence]))).json["alerts"]
    assert told["firing"] == {"critical": 1, "warning": 1, "info": 0}
    assert told["acknowledged"] == {"critical": 0, "warning": 0, "info": 0}
    assert told["pending"]["warning"] == 1
    assert [one["id"] for one in told["first"]] == [WEB_DOWN.id, DISK_LOW.id]
    assert told["silences"] == 1
    assert [one["name"] for one in told["failing_channels"]] == ["ops"]
    crowd = FakeDesk(alerts=[replace(WEB_DOWN, id=str(number)) for number in range(5000)])
    told = (await get("/v1/status", crowd)).json["alerts"]
    assert (len(told["first"]), told["firing"]["critical"]) == (10, 5000)


async def test_without_a_desk_nothing_is_said_of_alerts() -> None:
    for target in ("/v1/alerts", "/v1/alerts/x", "/v1/silences", "/v1/channels"):
        assert (await ask(app(None), target)).code == 404
    assert "alerts" not in (await ask(app(None), "/v1/status")).json


@pytest.mark.parametrize(
    "method, target",
    [
        ("POST", "/v1/alerts"),
        ("POST", "/v1/alerts/x"),
        ("GET", "/v1/alerts/x/ack"),
        ("GET", "/v1/routes/test"),
        ("DELETE", "/v1/silences"),
    ],
)
async def test_the_wrong_method_is_told_which_is_right(method: str, target: str) -> None:
    answer = await ask(app(FakeDesk()), target, method=method)
    assert answer.code == 405
    assert answer.headers["allow"]


async def test_a_bug_in_the_desk_is_told_as_a_problem() -> None:
    answer = await post(FakeDesk(error=SalusError("the ledger cannot be written")), "/v1/alerts/x/ack", {})
    assert (answer.code, answer.json["detail"]) == (500, "the ledger cannot be written")

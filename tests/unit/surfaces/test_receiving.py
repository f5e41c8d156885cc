"""The doors for alerts of others: who may come in, and what is understood."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.model import Receive
from salus.ports import ReceivedAlert
from salus.secret import Secret
from salus.surfaces.health import HealthApp
from salus.surfaces.receiving import API, LARGEST, MOST_ALERTS, WEBHOOK, AlertDoors
from tests.asgi import Answer, ask
from tests.fake_agent import NOW, FakeControl, FakeView, FixedClock

TOKEN = "0123456789abcdef-token"
BEARER = f"Bearer {TOKEN}"
SETTINGS = Receive(token=Secret(TOKEN))

PROMETHEUS = [
    {
        "annotations": {"summary": "p99 is 2.3 s"},
        "endsAt": "2026-03-01T12:04:00.123456789Z",
        "startsAt": "2026-03-01T11:58:00.5Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
        "labels": {"alertname": "HighLatency", "service": "web", "empty": ""},
    }
]
ALERTMANAGER = {
    "receiver": "salus",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HighLatency", "service": "web"},
            "annotations": {"summary": "p99 is 2.3 s"},
            "startsAt": "2026-03-01T11:58:00.5Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": "0000000000000001",
        },
        {
            "status": "resolved",
            "labels": {"alertname": "DiskFull"},
            "annotations": {},
            "startsAt": "2026-03-01T11:00:00Z",
            "endsAt": "2026-03-01T11:59:00Z",
        },
    ],
    "groupLabels": {},
    "commonLabels": {},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager:9093",
    "version": "4",
    "groupKey": "{}:{}",
    "truncatedAlerts": 0,
}


async def post(
    content: Any,
    path: str = API,
    *,
    authorization: str = BEARER,
    media: str = "application/json",
    settings: Receive | None = SETTINGS,
    control: FakeControl | None = None,
    method: str = "POST",
) -> Answer:
    control = control or FakeControl()
    clock = FixedClock()
    doors = AlertDoors(lambda: settings, control, HealthApp(FakeView(), control, clock=clock), clock=clock)
    headers = {name: value for name, value in (("Authorization", authorization), ("Content-Type", media)) if value}
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return await ask(doors, path, method=method, body=body, more=headers)


async def taken(content: Any, path: str = API) -> tuple[ReceivedAlert, ...]:
    control = FakeControl()
    answer = await post(content, path, control=control)
    assert (answer.code, answer.body) == (200, b""), answer.text
    ((_, alerts),) = control.received
    return alerts


def seconds(instant: datetime) -> float:
    return (instant - NOW).total_seconds()


# ── who may come in ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [API, WEBHOOK])
async def test_without_a_token_in_the_config_the_doors_are_not_there(path: str) -> None:
    answer = await post(PROMETHEUS, path, settings=None)
    assert answer.code == 404
    assert "alerts.receive.token_file" in answer.json["remedy"]


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", f"Bearer {TOKEN}x", TOKEN, f"Token {TOKEN}", "Basic", "Basic !!", "Basic dG9rZW4="],
)
async def test_who_does_not_know_the_token_is_told_how_to_send_it_and_nothing_is_read(authorization: str) -> None:
    control = FakeControl()
    answer = await post(b"not even JSON", authorization=authorization, control=control)
    assert answer.code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "Authorization: Bearer" in answer.json["remedy"]
    assert TOKEN not in answer.text
    assert not control.received


@pytest.mark.parametrize(
    "authorization",
    [
        BEARER,
        f"bearer  {TOKEN} ",
        "Basic " + base64.b64encode(f"prometheus:{TOKEN}".encode()).decode(),
        "Basic " + base64.b64encode(f":{TOKEN}".encode()).decode(),
    ],
)
async def test_the_token_comes_as_bearer_or_as_a_password(authorization: str) -> None:
    assert (await post(PROMETHEUS, authorization=authorization)).code == 200


async def test_only_posts_are_answered() -> None:
    answer = await post(b"", method="GET")
    assert (answer.code, answer.headers["allow"]) == (405, "POST")


async def test_everything_else_goes_to_the_health_endpoints() -> None:
    assert (await post(b"", "/livez", method="GET")).code == 200
    assert (await post(b"", "/api/v2/silences")).code == 404


# ── what is understood ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_a_prometheus_sends_is_taken_as_it_stands() -> None:
    (alert,) = await taken(PROMETHEUS)
    assert alert.labels == {"alertname": "HighLatency", "service": "web"}, "an empty label is none"
    assert alert.annotations == {"summary": "p99 is 2.3 s"}
    assert seconds(alert.starts_at) == -119.5
    assert seconds(alert.ends_at) == pytest.approx(240.123457)
    assert (alert.updated_at, alert.source, alert.resolved) == (NOW, "api", False)
    assert alert.url == "http://prometheus:9090/graph?g0.expr=up"


@pytest.mark.parametrize("ends, resolved", [(-60.0, True), (0.0, True), (0.9, True), (1.1, False)])
async def test_an_end_that_is_over_or_about_now_says_that_it_has_ended(ends: float, resolved: bool) -> None:
    told = {"labels": {"alertname": "A"}, "endsAt": (NOW + timedelta(seconds=ends)).isoformat()}
    (alert,) = await taken([told])
    assert alert.resolved is resolved
    assert alert.fires(NOW) is not resolved
    assert not alert.lapsed(NOW)


async def test_an_alert_without_times_fires_from_now_on_for_resolve_timeout() -> None:
    (alert,) = await taken([{"labels": {"alertname": "A"}}])
    assert (seconds(alert.starts_at), seconds(alert.ends_at)) == (0, 300)


async def test_what_the_webhook_of_an_alertmanager_sends_is_taken_as_it_stands() -> None:
    firing, ended = await taken(ALERTMANAGER, WEBHOOK)
    assert firing.labels == {"alertname": "HighLatency", "service": "web"}
    assert (seconds(firing.ends_at), firing.resolved, firing.source) == (43200, False, "webhook")
    assert (seconds(ended.ends_at), ended.resolved) == (-60, True)


async def test_a_webhook_that_says_resolved_is_believed_whatever_its_clock_says() -> None:
    told = {"status": "resolved", "labels": {"alertname": "A"}, "endsAt": "2026-03-01T12:30:00Z"}
    (alert,) = await taken({"alerts": [told]}, WEBHOOK)
    assert alert.resolved
    assert alert.ends_at == NOW


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z", "2999-01-01T00:00:00Z"])
async def test_nothing_is_believed_for_longer_than_a_month(end: str) -> None:
    (alert,) = await taken([{"labels": {"alertname": "A"}, "startsAt": "0001-01-01T00:00:00+14:00", "endsAt": end}])
    assert seconds(alert.ends_at) == 30 * 86400
    assert alert.starts_at == NOW


async def test_long_words_are_cut_and_strange_links_left_out() -> None:
    annotations = {"summary": "x" * 5000, **{f"note{number}": "y" * 1000 for number in range(100)}}
    (alert,) = await taken(
        [{"labels": {"alertname": "A"}, "annotations": annotations, "generatorURL": "javascript:alert(1)"}]
    )
    assert len(alert.annotations["summary"]) == 1024
    assert sum(len(name) + len(text) for name, text in alert.annotations.items()) <= 8192
    assert alert.url == ""


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────

GOOD = {"labels": {"alertname": "A"}}


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "Input data was truncated"),
        (b"[{", "Input data was truncated"),
        (b"\xff", "not understood"),
        ({}, "Expected `array`, got `object`"),
        ([GOOD, {}], "missing required field `labels` - at `$[1]`"),
        ([GOOD, {"labels": {"alertname": 5}}], "Expected `str`, got `int` - at `$[1].labels[...]`"),
        ([{"labels": {}}], "[0].labels is empty"),
        ([GOOD, {"labels": {"alertname": ""}}], "[1].labels is empty"),
        ([{**GOOD, "startsAt": "2026-03-01T12:00:00"}], "timezone component - at `$[0].startsAt`"),
        ([{**GOOD, "startsAt": "yesterday"}], "`$[0].startsAt`"),
        ([{**GOOD, "startsAt": "2026-03-01T12:00:00Z", "endsAt": "2026-03-01T11:00:00Z"}], "[0].startsAt is after"),
        ([{"labels": {f"l{number}": "v" for number in range(65)}}], "[0].labels has 65 labels"),
        ([{"labels": {"a": "v" * 1025}}], "[0].labels.a is longer than 1024 characters"),
        ([{"labels": {"a" * 201: "v"}}], "[0].labels has a name that is empty or longer"),
        ([{"labels": {f"l{number}": "v" * 1000 for number in range(10)}}], "[0].labels is longer than 8192"),
        ([GOOD] * (MOST_ALERTS + 1), "1001 alerts are more than 1000"),
    ],
)
async def test_one_broken_alert_refuses_the_request_and_says_which_one_and_why(content: Any, said: str) -> None:
    control = FakeControl()
    answer = await post(content, control=control)
    assert answer.code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json["detail"]
    assert answer.json["remedy"]
    assert not control.received


async def test_a_broken_alert_of_a_webhook_is_named_too() -> None:
    answer = await post({"alerts": [{"status": "firing", "labels": {}}]}, WEBHOOK)
    assert (answer.code, "alerts[0].labels is empty" in answer.text) == (400, True)
    answer = await post({"alerts": [{"status": "pending", "labels": {"a": "b"}}]}, WEBHOOK)
    assert (answer.code, "`$.alerts[0].status`" in answer.text) == (400, True)


async def test_other_kinds_of_bodies_are_not_read() -> None:
    answer = await post(PROMETHEUS, media="application/x-www-form-urlencoded")
    assert (answer.code, answer.json["remedy"]) == (415, "send Content-Type: application/json")
    assert (await post(PROMETHEUS, media="application/json; charset=utf-8")).code == 200
    assert (await post(PROMETHEUS, media="")).code == 200


async def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    assert (await post(b"[" + b" " * LARGEST + b"]")).code == 413


async def test_where_there_is_no_room_the_sender_may_come_again() -> None:
    answer = await post(PROMETHEUS, control=FakeControl(room=False))
    assert (answer.code, answer.headers["retry-after"]) == (429, "60")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
INSTANTS = st.sampled_from(
    [
        "",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59.999999999-23:59",
        "2026-03-01T12:00:00Z",
    ]
)
ALERTS = st.fixed_dictionaries(
    {"labels": st.dictionaries(st.text(), st.text(), max_size=3)},
    optional={
        "startsAt": INSTANTS | JSON,
        "endsAt": INSTANTS | JSON,
        "annotations": st.dictionaries(st.text(), st.text(), max_size=3) | JSON,
        "status": st.sampled_from(["firing", "resolved"]) | JSON,
        "generatorURL": st.text() | JSON,
    },
)


@given(
    st.binary()
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.lists(ALERTS | JSON, max_size=4).map(lambda alerts: json.dumps(alerts).encode())
    | st.lists(ALERTS | JSON, max_size=4).map(lambda alerts: json.dumps({"alerts": alerts}).encode()),
    st.sampled_from([API, WEBHOOK]),
)
async def test_any_body_is_taken_as_a_whole_or_refused_as_a_whole(body: bytes, path: str) -> None:
    control = FakeControl()
    answer = await post(body, path, control=control)
    assert answer.code in (200, 400)
    assert len(control.received) == (answer.code == 200)
    if answer.code == 200:
        sent = json.loads(body)
        assert len(control.received[0][1]) == len(sent["alerts"] if path == WEBHOOK else sent)
        assert all(alert.fires(NOW) or alert.resolved for alert in control.received[0][1])


@given(st.binary() | st.text().map(str.encode) | st.binary().map(lambda given: b"Basic " + base64.b64encode(given)))
async def test_no_other_authorization_opens_the_door(given: bytes) -> None:
    text = given.decode("latin-1")
    if TOKEN not in text:
        assert (await post(PROMETHEUS, authorization=text.replace("\r", "").replace("\n", "") or "x")).code == 401

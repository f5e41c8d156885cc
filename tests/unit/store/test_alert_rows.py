"""Alerts and deliveries come back from their rows as they were; what nobody wrote is not guessed at."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.model import (
    Alert,
    AlertState,
    Deed,
    Delivery,
    DeliveryState,
    Level,
    Notification,
    Occasion,
    Told,
)
from salus.store import alert_rows
from tests.unit.store.test_codec import COUNT, INSTANT, NAME, SECONDS, TEXT, maybe

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LABELS = st.dictionaries(TEXT, TEXT, max_size=3)
DEEDS = st.builds(
    Deed,
    at=INSTANT,
    recovery=NAME,
    action=NAME,
    result=TEXT,
    duration=maybe(SECONDS),
    message=TEXT,
    verified=maybe(st.booleans()),
    attempt=COUNT,
)
TOLD = st.builds(Told, state=st.sampled_from(AlertState), key=NAME, at=INSTANT, count=COUNT, flapping=st.booleans())
ALERTS = st.builds(
    Alert,
    id=NAME,
    fingerprint=NAME,
    labels=LABELS,
    rule=NAME,
    level=st.sampled_from(Level),
    state=st.sampled_from(AlertState),
    check=maybe(NAME),
    summary=TEXT,
    detail=TEXT,
    runbook=TEXT,
    first_seen=INSTANT,
    last_seen=INSTANT,
    count=COUNT,
    fired_at=maybe(INSTANT),
    resolved_at=maybe(INSTANT),
    resolution=TEXT,
    acknowledged_at=maybe(INSTANT),
    acknowledged_by=TEXT,
    note=TEXT,
    flapping=st.booleans(),
    quiet_since=maybe(INSTANT),
    dismissed=st.booleans(),
    moment=st.booleans(),
    deeds=st.lists(DEEDS, max_size=2).map(tuple),
    told=st.dictionaries(NAME, TOLD, max_size=2),
)
NOTIFICATIONS = st.builds(
    Notification,
    id=NAME,
    channel=NAME,
    key=NAME,
    occasion=st.sampled_from(Occasion),
    state=st.sampled_from(AlertState),
    at=INSTANT,
    group=LABELS,
    alerts=st.lists(ALERTS, max_size=2).map(tuple),
    fresh=st.frozensets(NAME, max_size=3),
    more=COUNT,
    digest=st.booleans(),
    environment=TEXT,
    host=TEXT,
    link=TEXT,
)
DELIVERIES = st.builds(
    Delivery,
    id=NAME,
    channel=NAME,
    key=NAME,
    number=COUNT,
    notification=NOTIFICATIONS,
    created_at=INSTANT,
    state=st.sampled_from(DeliveryState),
    attempts=COUNT,
    due_at=INSTANT,
    claimed_by=NAME,
    claimed_at=maybe(INSTANT),
    error=TEXT,
    ended_at=maybe(INSTANT),
)


@given(ALERTS)
def test_any_alert_comes_back(alert: Alert) -> None:
    assert alert_rows.alert(alert_rows.alert_row(alert)) == alert


@given(DELIVERIES)
def test_any_delivery_comes_back(delivery: Delivery) -> None:
    assert alert_rows.delivery(alert_rows.delivery_row(delivery)) == delivery


def test_every_field_of_an_alert_has_one_place() -> None:
    places = [*alert_rows._IN_COLUMNS, *alert_rows._Rest.__struct_fields__]
    assert sorted(places) == sorted(field.name for field in fields(Alert))


def an_alert(**more: Any) -> Alert:
    said: dict[str, Any] = {"labels": {}, "state": AlertState.FIRING, **more}
    return Alert(id="a", fingerprint="f", rule="r", level=Level.INFO, first_seen=NOW, last_seen=NOW, **said)


def a_delivery(*alerts: Alert) -> Delivery:
    told = Notification(
        id="n", channel="c", key="k", occasion=Occasion.TEST, state=AlertState.FIRING, at=NOW, alerts=alerts
    )
    return Delivery(id="n", channel="c", key="k", number=1, notification=told, created_at=NOW, due_at=NOW)


class Rude:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_an_alert_with_odd_values_inside_is_still_an_alert() -> None:
    odd = an_alert(
        summary="bad name \udcff",
        detail=Path("/x"),
        note=Rude(),
        labels=MappingProxyType({"site": "a\udcffb"}),
        told={"ops": Told(state=AlertState.FIRING, key="\udcff", at=NOW)},
        deeds=(Deed(at=NOW, recovery="r", duration=float("nan")),),
    )
    told = a_delivery(odd)
    for found in (
        alert_rows.alert(alert_rows.alert_row(odd)),
        alert_rows.delivery(alert_rows.delivery_row(told)).notification.alerts[0],
    ):
        assert (found.summary, found.detail, found.note) == ("bad name \\udcff", "/x", "<Rude>")
        assert found.labels == {"site": "a\\udcffb"}
        assert found.told["ops"].key == "\\udcff"
        assert found.deeds[0].duration is None
        assert found.state is AlertState.FIRING


def test_a_delivery_with_odd_text_is_still_a_delivery() -> None:
    odd = replace(a_delivery(), error="\udcff", key="\udcff")
    found = alert_rows.delivery(alert_rows.delivery_row(odd))
    assert (found.error, found.key) == ("\\udcff", "\\udcff")


def test_a_row_written_before_a_field_existed_is_still_understood() -> None:
    row = alert_rows.alert_row(an_alert())
    body = '{"labels":{},"last_seen":"2026-05-01T12:00:00Z","of_the_future":1}'
    assert alert_rows.alert((*row[:-1], body)) == an_alert()
    row = alert_rows.delivery_row(a_delivery())
    said = '"id":"n","channel":"c","key":"k","occasion":"test","state":"firing","at":"2026-05-01T12:00:00Z"'
    body = f'{{{said},"of_the_future":1}}'
    assert alert_rows.delivery((*row[:-1], body)) == a_delivery()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"labels":{}}',
        '{"last_seen":"2026-05-01T12:00:00Z"}',
        '{"labels":{},"last_seen":"yesterday"}',
        '{"labels":{"n":1},"last_seen":"2026-05-01T12:00:00Z"}',
        '{"labels":{},"last_seen":"2026-05-01T12:00:00Z","told":{"ops":{"key":"k","at":"2026-05-01T12:00:00Z"}}}',
        '{"labels":{},"last_seen":"2026-05-01T12:00:00Z","told":{"ops":{"state":"heard","key":"k"}}}',
    ],
)
def test_an_alert_that_nobody_wrote_is_not_guessed_at(body: str) -> None:
    row = alert_rows.alert_row(an_alert())
    with pytest.raises(msgspec.DecodeError):
        alert_rows.alert((*row[:-1], body))


@pytest.mark.parametrize("column, value", [(4, "splendid"), (5, "splendid"), (6, "yesterday"), (7, "x"), (8, 2**63)])
def test_a_column_of_an_alert_that_nobody_wrote_is_not_guessed_at(column: int, value: Any) -> None:
    row = list(alert_rows.alert_row(an_alert()))
    row[column] = value
    with pytest.raises((ValueError, TypeError, OverflowError)):
        alert_rows.alert(tuple(row))


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "{}", '{"id":"n","channel":"c","key":"k"}'])
def test_a_notification_that_nobody_wrote_is_not_guessed_at(body: str) -> None:
    row = alert_rows.delivery_row(a_delivery())
    with pytest.raises(msgspec.DecodeError):
        alert_rows.delivery((*row[:-1], body))


@pytest.mark.parametrize("column, value", [(4, "now"), (5, "splendid"), (7, None), (9, "x"), (11, 2**63)])
def test_a_column_of_a_delivery_that_nobody_wrote_is_not_guessed_at(column: int, value: Any) -> None:
    row = list(alert_rows.delivery_row(a_delivery()))
    row[column] = value
    with pytest.raises((ValueError, TypeError, OverflowError)):
        alert_rows.delivery(tuple(row))


@pytest.mark.parametrize("state", [AlertState.FIRING, AlertState.ACKNOWLEDGED])
def test_unheard_is_what_ended_and_was_told_and_has_a_duration(state: AlertState) -> None:
    told = {"a": Told(state=AlertState.RESOLVED, key="k", at=NOW), "b": Told(state=state, key="k", at=NOW)}
    ended = an_alert(state=AlertState.RESOLVED, resolved_at=NOW, told=told)
    assert alert_rows.unheard(ended)
    assert not alert_rows.unheard(replace(ended, resolved_at=None))
    assert not alert_rows.unheard(replace(ended, moment=True))
    assert not alert_rows.unheard(replace(ended, told={"a": told["a"]}))
    assert not alert_rows.unheard(replace(ended, told={}))

"""Alerts to a real Prometheus Alertmanager."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from salus.channels.alertmanager import Alertmanager
from salus.clock import SystemClock
from salus.errors import DeliveryError
from salus.model import AlertState, Occasion
from salus.ports import Letter, Outlet
from salus.secret import Secret
from salus.units import Duration
from tests import letters
from tests.integration.channels.alertmanager import RunningAlertmanager, alertmanager, needs_alertmanager
from tests.integration.channels.receiver import Posted, Receiver, receiving

PASSWORD = "opens-the-manager"  # its hash, made with bcrypt:
PASSWORD_HASH = "$2b$04$abcdefghijklmnopqrstuuGWNro9oV.YEKV2mAlQrxrO3AEdLgPA2"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


@pytest.fixture
async def peer(tmp_path: Path, receiver: Receiver) -> AsyncIterator[RunningAlertmanager]:
    async with alertmanager(tmp_path, receiver.url) as started:
        yield started


async def send(options: Alertmanager, letter: Letter) -> str:
    assert options.problems() == []
    channel = options.build(Outlet(clock=SystemClock(), state_dir=Path("state"), state_id="tests"))
    try:
        return await channel.send(letter)
    finally:
        await channel.aclose()


def to(*urls: str, **options: Any) -> Alertmanager:
    return Alertmanager(urls=tuple(map(Secret, urls)), **options)


def now() -> datetime:
    return SystemClock().now()


def firing(**changes: Any) -> Letter:
    """Return a letter about an alert that fires since a minute ago, on the real clock."""
    began = now() - timedelta(seconds=60)
    alert = replace(letters.WEB, first_seen=began, last_seen=now(), fired_at=began, **changes)
    return letters.letter(Occasion.FIRING, alert)


def resolved(letter: Letter) -> Letter:
    (alert,) = letter.notification.alerts
    return letters.letter(Occasion.RESOLVED, replace(alert, state=AlertState.RESOLVED, resolved_at=now()))


def told(requests: list[Posted]) -> list[str]:
    return [request.body["status"] for request in requests]


@needs_alertmanager
async def test_an_alert_appears_with_its_labels_and_its_story(peer: RunningAlertmanager) -> None:
    letter = firing()
    assert await send(to(peer.url), letter) == f"{peer.url.removeprefix('http://')}: 200 OK"
    (shown,) = await peer.alerts()
    assert shown["labels"] == dict(letters.WEB.labels) | {"severity": "critical"}
    assert shown["annotations"]["summary"].startswith("web-http is unhealthy")
    assert "expected status 2xx" in shown["annotations"]["description"].lower()
    assert shown["annotations"]["runbook_url"] == "https://runbooks.example.org/web"
    assert shown["generatorURL"] == "https://salus.example.org/health-dashboard/alerts/7f9c2ba4"
    assert shown["status"]["state"] == "active"


@needs_alertmanager
async def test_told_again_it_stays_one_alert_and_lasts_longer(peer: RunningAlertmanager) -> None:
    letter = firing()
    await send(to(peer.url), letter)
    (first,) = await peer.alerts()
    await send(to(peer.url), letter)
    (second,) = await peer.alerts()
    assert first["fingerprint"] == second["fingerprint"]
    assert first["startsAt"] == second["startsAt"]
    assert datetime.fromisoformat(first["endsAt"]) < datetime.fromisoformat(second["endsAt"])
    assert datetime.fromisoformat(second["endsAt"]) - now() > timedelta(minutes=3)


@needs_alertmanager
async def test_its_own_receiver_hears_of_firing_and_of_resolved(peer: RunningAlertmanager, receiver: Receiver) -> None:
    letter = firing()
    await send(to(peer.url), letter)
    await receiver.gets(lambda requests: told(requests) == ["firing"], "the firing alert")
    await send(to(peer.url), resolved(letter))
    await peer.shows(lambda alerts: alerts == [], "no alert")
    await receiver.gets(lambda requests: told(requests) == ["firing", "resolved"], "its resolution")
    await send(to(peer.url), resolved(letter))
    (alert,) = receiver.requests[-1].body["alerts"]
    assert alert["labels"]["alertname"] == "web-down"


@needs_alertmanager
async def test_what_has_no_duration_is_told_all_the_same(peer: RunningAlertmanager, receiver: Receiver) -> None:
    await send(to(peer.url), firing(state=AlertState.RESOLVED, resolved_at=now(), moment=True))
    await receiver.gets(lambda requests: told(requests) == ["firing"], "what just happened")


@needs_alertmanager
async def test_what_is_not_told_again_ends_by_itself(peer: RunningAlertmanager) -> None:
    await send(to(peer.url, resend=Duration(0.1)), firing())
    await peer.shows(lambda alerts: alerts == [], "no alert")


@needs_alertmanager
async def test_an_acknowledged_alert_goes_on_firing_and_says_who_has_it(peer: RunningAlertmanager) -> None:
    await send(
        to(peer.url),
        firing(state=AlertState.ACKNOWLEDGED, acknowledged_at=now(), acknowledged_by="anna", note="on it"),
    )
    (shown,) = await peer.alerts()
    assert shown["annotations"]["acknowledged_by"] == "anna"
    assert shown["annotations"]["acknowledged_note"] == "on it"


@needs_alertmanager
async def test_hostile_labels_and_texts_are_taken(peer: RunningAlertmanager) -> None:
    hostile = 'a"}\n<b>\ud800\x00é'
    labels = {"alertname": "x", "a.b": "1", "9": "digit", "ü": hostile, "empty": ""}
    await send(to(peer.url), firing(labels=labels, summary=hostile, detail=hostile, runbook=hostile))
    (shown,) = await peer.alerts()
    assert shown["labels"] == {
        "alertname": "x", "a_b": "1", "_9": "digit", "_": 'a"} <b>\ufffd\ufffdé',
        "level": "critical", "severity": "critical",
    }  # fmt: skip


@needs_alertmanager
async def test_a_test_shows_as_an_alert_of_its_own(peer: RunningAlertmanager) -> None:
    await send(to(peer.url), letters.trial())
    (shown,) = await peer.alerts()
    assert shown["labels"] == {"alertname": "SalusTest", "channel": "ops", "severity": "info"}


@needs_alertmanager
async def test_a_password_is_sent_and_never_shown(tmp_path: Path) -> None:
    async with alertmanager(tmp_path, password_hash=PASSWORD_HASH) as peer:
        options = to(peer.url, username="salus", password=Secret(PASSWORD))
        assert PASSWORD not in repr(options)
        assert "200 OK" in await send(options, firing())
        with pytest.raises(DeliveryError, match="401") as caught:
            await send(to(peer.url, username="salus", password=Secret("wrong")), firing())
        assert caught.value.permanent


async def test_one_that_takes_it_is_enough_whatever_the_other_does(receiver: Receiver) -> None:
    async with receiving() as hanging, receiving() as failing:
        hanging.answer = lambda _: None
        failing.answer = lambda _: ("503 Service Unavailable", "")
        letter = replace(firing(), timeout=2.0)
        said = await send(to(hanging.url, failing.url, receiver.url), letter)
    assert "did not answer within 1.6 s" in said  # before the courier would cut it off
    assert "503" in said
    assert len(receiver.requests) == 1


async def test_none_that_takes_it_is_passing_while_one_of_them_may(receiver: Receiver) -> None:
    async with receiving() as other:
        receiver.answer = lambda _: ("400 Bad Request", '"bad"')
        other.answer = lambda _: ("503 Service Unavailable", "")
        with pytest.raises(DeliveryError) as caught:
            await send(to(receiver.url, other.url), firing())
        assert not caught.value.permanent
        other.answer = receiver.answer
        with pytest.raises(DeliveryError) as caught:
            await send(to(receiver.url, other.url), firing())
        assert caught.value.permanent


async def test_a_bearer_token_is_sent_and_never_shown(receiver: Receiver) -> None:
    receiver.answer = lambda request: ("403 Forbidden", f"not with {request.headers['authorization']}")
    with pytest.raises(DeliveryError) as caught:
        await send(to(f"{receiver.url}/prefix/", bearer=Secret("planted-token")), firing())
    assert receiver.requests[0].line == "POST /prefix/api/v2/alerts HTTP/1.1"
    assert receiver.requests[0].headers["authorization"] == "Bearer planted-token"
    assert "planted-token" not in str(caught.value)


def test_what_cannot_work_is_found_before_it_is_used() -> None:
    def problems(**options: Any) -> list[str]:
        return [field for field, _ in Alertmanager(**options).problems()]

    url = Secret("http://127.0.0.1:9093")
    assert problems(url=url) == problems(urls=(url,)) == []
    assert problems() == ["url"]
    assert problems(urls=(url, Secret("nonsense"))) == ["urls"]
    assert problems(url=Secret("http://127.0.0.1:9093/?token=x")) == ["url"]
    assert problems(url=url, username="salus") == ["username"]
    assert problems(url=url, username="salus", password=Secret("x"), bearer=Secret("y")) == ["bearer"]
    assert problems(url=url, resend=Duration(0)) == ["resend"]


def test_the_courier_is_told_how_often_to_tell_again() -> None:
    outlet = Outlet(clock=SystemClock(), state_dir=Path("state"), state_id="tests")
    assert to("http://127.0.0.1:9093").build(outlet).resend == 60

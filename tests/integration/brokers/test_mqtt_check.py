"""The `mqtt` check before a real Mosquitto."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from paho.mqtt import publish

from salus.checks.mqtt import Mqtt
from salus.errors import CheckBrokenError
from salus.model import Cause, Status
from salus.secret import Secret
from salus.units import Duration
from tests.acceptance.salus_process import free_port
from tests.certificates import Authority
from tests.looks import Prober, eventually
from tests.servers import brokers
from tests.servers.brokers import PASSWORD

Say = Callable[[str, str], None]


@pytest.fixture
def url(mqtt_port: int) -> str:
    return f"mqtt://salus:{quote(PASSWORD)}@127.0.0.1:{mqtt_port}"


@pytest.fixture
def say(mqtt_port: int) -> Say:
    """Return what publishes a message that the broker retains."""

    def speak(topic: str, payload: str) -> None:
        auth = {"username": "salus", "password": PASSWORD}
        publish.single(topic, payload, qos=1, retain=True, hostname="127.0.0.1", port=mqtt_port, auth=auth)  # type: ignore[arg-type]

    return speak


async def test_a_broker_that_answers_and_delivers_is_healthy(url: str, look: Prober) -> None:
    seen = await look(Mqtt(url=url))
    assert seen.status is Status.HEALTHY
    assert 0 < seen.metrics["latency_seconds"].value < 5
    assert "round_trip_seconds" not in seen.metrics
    seen = await look(Mqtt(url=url, round_trip="salus/round"))
    assert seen.status is Status.HEALTHY
    assert 0 < seen.metrics["round_trip_seconds"].value < 5


async def test_many_checks_share_a_topic_for_their_round_trips(url: str, look: Prober) -> None:
    checks = [Mqtt(url=url, round_trip="salus/shared").build(look.site) for _ in range(3)]
    for _ in range(3):
        for check in checks:
            assert (await look.look(check)).status is Status.HEALTHY
    for check in checks:
        await check.aclose()


async def test_a_wrong_password_is_unhealthy_and_stays_secret(url: str, look: Prober) -> None:
    for options in (
        Mqtt(url=url.replace(quote(PASSWORD), "wrongsecret")),
        Mqtt(url=url.replace(f":{quote(PASSWORD)}", ""), password=Secret("wrongsecret")),
    ):
        seen = await look(options)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, "login_refused")
        assert "wrongsecret" not in seen.message + repr(options)


async def test_a_message_that_does_not_come_back_is_unhealthy(mqtt_port: int, look: Prober) -> None:
    mute = f"mqtt://mute:{quote(PASSWORD)}@127.0.0.1:{mqtt_port}"
    seen = await look(Mqtt(url=mute, round_trip="salus/round"), timeout=2)
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, "mqtt_round_trip")
    assert "did not deliver it (may this user write and read that topic?)" in seen.message


async def test_a_message_on_a_topic_is_compared_and_its_age_is_read_from_it(url: str, look: Prober, say: Say) -> None:
    made = look.site.clock.now().timestamp() - 100
    say("plant/boiler", json.dumps({"state": "ok", "sent": made}))
    seen = await look(Mqtt(url=url, topic="plant/boiler", expect='"ok"', time_path="$.sent", age_below=Duration(200)))
    assert seen.status is Status.HEALTHY, seen.message
    assert 100 <= seen.metrics["age_seconds"].value < 150
    seen = await look(
        Mqtt(
            url=url,
            topic="plant/boiler",
            expect_matches="state.*(off|idle)",
            time_path="sent",
            warn_age_below=Duration(50),
        )
    )
    assert seen.status is Status.UNHEALTHY
    assert seen.message.startswith("expected 'state.*(off|idle)' on 'plant/boiler', got: {")
    assert "is 1m40s old, expected below 50 s" in seen.message
    say("plant/boiler", "not JSON")
    seen = await look(Mqtt(url=url, topic="plant/boiler", time_path="$.sent"))
    assert seen.message == "the message on 'plant/boiler' is not JSON, got: not JSON"


async def test_a_topic_without_a_message_is_unhealthy_until_one_comes(url: str, look: Prober, say: Say) -> None:
    check = Mqtt(url=url, topic="plant/new").build(look.site)
    seen = await look.look(check, timeout=2)
    assert (seen.status, seen.message) == (Status.UNHEALTHY, "there is no message on 'plant/new'")
    say("plant/new", "hello")
    await eventually(lambda: check._last is not None, "the message")  # type: ignore[attr-defined]
    seen = await look.look(check)
    assert seen.status is Status.HEALTHY
    first = seen.metrics["age_seconds"].value
    check._kept._line.abort()  # type: ignore[attr-defined]
    # The broker hands out the retained message once more to the new connection: it is no younger for that.
    assert (await look.look(check)).metrics["age_seconds"].value > first
    say("plant/new", "")
    await eventually(lambda: check._last is None, "the end of the message")  # type: ignore[attr-defined]
    assert (await look.look(check, timeout=2)).status is Status.UNHEALTHY
    await check.aclose()


async def test_a_broker_that_is_started_again_is_found_again(tmp_path: Path, look: Prober) -> None:
    port = free_port()
    check = Mqtt(url=f"mqtt://salus:{quote(PASSWORD)}@127.0.0.1:{port}").build(look.site)
    for _ in range(2):
        with brokers.mosquitto(tmp_path, port):
            assert (await look.look(check)).status is Status.HEALTHY
            assert (await look.look(check)).status is Status.HEALTHY
        (tmp_path / "users").unlink()
        seen = await look.look(check)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.REFUSED)
    await check.aclose()


async def test_tls_is_spoken_and_verified(tmp_path: Path, look: Prober) -> None:
    authority = Authority(tmp_path, look.site.clock.now())
    with brokers.mosquitto(tmp_path, free_port(), authority.issue()) as port:
        url = f"mqtts://salus:{quote(PASSWORD)}@localhost:{port}"
        check = Mqtt(url=url, ca_file=authority.file, round_trip="salus/round").build(look.site)
        for _ in range(2):
            seen = await look.look(check)
            assert seen.status is Status.HEALTHY, seen.message
        await check.aclose()
        seen = await look(Mqtt(url=url))
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.TLS)
        seen = await look(Mqtt(url=url.replace("mqtts", "mqtt")), timeout=1)
        assert seen.status is Status.UNHEALTHY


async def test_a_server_that_speaks_something_else_is_said_to(look: Prober, nats_port: int) -> None:
    seen = await look(Mqtt(url=f"mqtt://127.0.0.1:{nats_port}"))
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.PROTOCOL)
    assert "does not speak MQTT" in seen.message


async def test_a_resolver_without_an_address_is_no_verdict(look: Prober) -> None:
    with pytest.raises(CheckBrokenError) as caught:
        await look(Mqtt(url="mqtt://no-such-host.invalid"))
    assert caught.value.cause == Cause.DNS

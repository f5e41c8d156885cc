"""Options of the checks of brokers, gRPC and Prometheus: what does not fit is found before the first look."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.checks._amqp_wire import AmqpWire
from salus.checks._mqtt_wire import MqttWire, _length, _packet
from salus.checks._nats_wire import NatsWire
from salus.checks._time_in_payload import time_of
from salus.checks._wire import Wire
from salus.checks.amqp import Amqp
from salus.checks.grpc import Grpc, endpoint_of
from salus.checks.mqtt import Mqtt
from salus.checks.nats import Nats
from salus.checks.prometheus import Prometheus
from salus.options import CheckOptions
from salus.secret import Secret

AMQP, NATS, MQTT = "amqp://mq", "nats://n", "mqtt://m"
ASKS: dict[str, Any] = {"url": "http://p:9090", "query": "up"}


@pytest.mark.parametrize(
    "options, field, said",
    [
        (Amqp(url="http://mq"), "url", "write amqp://host:5672 or amqps://host:5671"),
        (Amqp(url="amqp://:5672"), "url", "write amqp://"),
        (Amqp(url="amqp://mq:no"), "url", "cannot be read"),
        (Amqp(url=AMQP, messages_below=3), "queue", "messages of which queue?"),
        (Amqp(url=AMQP, queue="q", messages_below=3, warn_messages_below=5), "warn_messages_below", "never warn first"),
        (Amqp(url="amqp://me:one@mq", password=Secret("two")), "password", "keep one of them"),
        (Amqp(url=AMQP, client_key="k"), "client_key", "add client_certificate"),  # type: ignore[arg-type]
        (Nats(url=NATS, consumer="c"), "consumer", "add stream"),
        (Nats(url=NATS, stream="a.b"), "stream", "dots"),
        (Nats(url=NATS, stream="a\r\nPUB x"), "stream", "blanks"),
        (Nats(url=NATS, stream="a", pending_below=1), "consumer", "pending for which consumer?"),
        (Nats(url=NATS, token=Secret("t"), username="u"), "token", "keep one of them"),
        (Mqtt(url=MQTT, topic="a/#"), "topic", "without + and #"),
        (Mqtt(url=MQTT, expect="x"), "expect", "of which topic?"),
        (Mqtt(url=MQTT, topic="a", expect="x", expect_matches="y"), "expect_matches", "keep one of them"),
        (Mqtt(url=MQTT, topic="a", expect_matches="("), "expect_matches", ""),
        (Mqtt(url=MQTT, topic="a", time_path="[x"), "time_path", "is not a path"),
        (Mqtt(url=MQTT, client_id=""), "client_id", "give it a name"),
        (Grpc(target="orders"), "target", "write host:port"),
        (Grpc(target="h:1", ca_file="c"), "ca_file", "add tls: true"),  # type: ignore[arg-type]
        (Grpc(target="h:1", metadata={"Upper": "x"}), "metadata", "lower case"),
        (Grpc(target="h:1", metadata={"key": "ä"}), "metadata", "printable ASCII"),
        (Prometheus(**ASKS), "value_above", "give a bound"),
        (Prometheus(**ASKS | {"query": " "}, value_above=1), "query", "PromQL"),
        (Prometheus(**ASKS | {"url": "p:9090"}, value_above=1), "url", "write http://host"),
        (Prometheus(**ASKS | {"url": "http://p/?x=1"}, value_above=1), "url", "leave out what follows ?"),
        (Prometheus(**ASKS, value_above=1, token=Secret("t"), username="u"), "token", "keep one of them"),
        (Prometheus(**ASKS, value_above=3, value_below=2), "value_above", "nothing is above this"),
    ],
)
def test_what_does_not_fit_is_found(options: CheckOptions, field: str, said: str) -> None:
    found = dict(options.problems())
    assert said in found[field]


@pytest.mark.parametrize(
    "options, place",
    [
        (Amqp(url="amqp://user:opensesame@mq.example.org/shop"), "mq.example.org:5672"),
        (Amqp(url="amqps://user:opensesame@[::1]"), "[::1]:5671"),
        (Nats(url="nats://opensesame@n"), "n:4222"),
        (Mqtt(url="mqtts://user@m", password=Secret("opensesame")), "m:8883"),
        (Grpc(target="unix:/run/x.sock", metadata={"authorization": "Bearer opensesame"}), "/run/x.sock"),
        (Grpc(target="[::1]:50051"), "[::1]:50051"),
        (Prometheus(url="https://me:opensesame@p", query="up", value_above=0), "p:443"),
    ],
)
def test_the_label_of_a_check_and_what_it_shares_hold_no_secret(options: CheckOptions, place: str) -> None:
    assert options.problems() == []
    assert "opensesame" not in repr(options)
    assert options.shares == place


def test_targets_are_read_as_grpc_reads_them() -> None:
    assert str(endpoint_of("unix:///run/x.sock")) == "/run/x.sock"
    assert str(endpoint_of("unix:x.sock")) == "x.sock"


@pytest.mark.parametrize(
    "payload, path, wanted",
    [
        (b"1700000000", "$", 1700000000),
        (b"1700000000.5\n", "$", 1700000000.5),
        (b"1700000000123", "$", 1700000000.123),
        (b'"2023-11-14T22:13:20Z"', "$", 1700000000),
        (b'{"a": [{"t": "2023-11-14T23:13:20+01:00"}]}', "a[0].t", 1700000000),
    ],
)
def test_a_time_in_a_message_is_read_in_every_usual_form(payload: bytes, path: str, wanted: float) -> None:
    assert time_of(payload, path) == wanted


@pytest.mark.parametrize(
    "payload, path, said",
    [
        (b"noon", "$", "holds no time there"),
        (b"{}", "$.t", r"has no \$\.t"),
        (b"<xml/>", "$.t", "is not JSON"),
        (b'{"t": true}', "$.t", "holds no time there"),
    ],
)
def test_a_message_without_a_time_is_said_to_be_one(payload: bytes, path: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        time_of(payload, path)


@given(st.integers(0, 300_000))
def test_the_length_of_an_mqtt_packet_is_read_as_it_is_written(size: int) -> None:
    packet = _packet(0x30, bytes(size))
    assert _length(bytearray(packet)) == (size, len(packet) - size)


@given(
    st.sampled_from(["amqp", "nats", "mqtt"]),
    st.sampled_from([b"", b"INFO {}\r\n", b"\x20\x02\x00\x00", b"AMQP", b"\x01\x00\x00\x00\x00\x00\x04"]),
    st.lists(st.binary(max_size=60), max_size=5),
)
def test_whatever_a_server_sends_ends_in_an_error_that_teaches_or_in_waiting(
    kind: str, first: bytes, pieces: list[bytes]
) -> None:
    wires: dict[str, Wire] = {
        "amqp": AmqpWire("mq:1"),
        "nats": NatsWire("n:1"),
        "mqtt": MqttWire("m:1", lambda _: None),
    }
    wire = wires[kind]
    for piece in [first, *pieces]:
        wire.data_received(piece)
    assert wire.error is None or wire.place in str(wire.error)

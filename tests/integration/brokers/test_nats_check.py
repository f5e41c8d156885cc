"""The `nats` check before a real NATS server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import quote

import nats
import pytest
from nats.js import JetStreamContext

from salus.checks.nats import Nats
from salus.errors import CheckBrokenError
from salus.model import Cause, Status
from salus.secret import Secret
from tests.acceptance.salus_process import free_port
from tests.certificates import Authority
from tests.looks import Prober
from tests.servers import brokers
from tests.servers.brokers import PASSWORD
from tests.servers.relay import Relay


@pytest.fixture
def url(nats_port: int) -> str:
    return f"nats://salus:{quote(PASSWORD)}@127.0.0.1:{nats_port}"


@pytest.fixture
async def stream(nats_port: int) -> AsyncIterator[JetStreamContext]:
    """A stream of three messages, and a consumer that got one and did not acknowledge it."""
    client = await nats.connect(f"nats://127.0.0.1:{nats_port}", user="salus", password=PASSWORD)
    context = client.jetstream()
    await context.add_stream(name="orders", subjects=["orders.*"])
    for _ in range(3):
        await context.publish("orders.new", b"an order")
    subscription = await context.pull_subscribe("orders.new", durable="worker")
    await subscription.fetch(1)
    yield context
    await context.delete_stream("orders")
    await client.close()


async def test_a_server_that_answers_is_healthy(url: str, look: Prober) -> None:
    seen = await look(Nats(url=url))
    assert seen.status is Status.HEALTHY
    assert seen.message.startswith("NATS 2.")
    assert 0 < seen.metrics["latency_seconds"].value < 5


async def test_a_wrong_password_or_token_is_unhealthy_and_stays_secret(
    nats_port: int, look: Prober, caplog: pytest.LogCaptureFixture
) -> None:
    place = f"127.0.0.1:{nats_port}"
    for options in (
        Nats(url=f"nats://salus:wrongsecret@{place}"),
        Nats(url=f"nats://salus@{place}", password=Secret("wrongsecret")),
        Nats(url=f"nats://wrongsecret@{place}"),
        Nats(url=f"nats://{place}", token=Secret("wrongsecret")),
    ):
        seen = await look(options)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, "login_refused"), seen.message
        assert "Authorization Violation" in seen.message
        assert "wrongsecret" not in seen.message + repr(options) + caplog.text


async def test_a_stream_and_its_consumer_are_held_against_their_bounds(
    url: str, look: Prober, stream: JetStreamContext
) -> None:
    seen = await look(Nats(url=url, stream="orders", messages_above=2))
    assert (seen.status, seen.message) == (Status.HEALTHY, "orders: 3 messages")
    seen = await look(Nats(url=url, stream="orders", consumer="worker", warn_pending_below=2, pending_below=9))
    assert seen.status is Status.DEGRADED
    assert seen.message == "2 messages wait for orders/worker, expected below 2"
    seen = await look(Nats(url=url, stream="orders", consumer="worker", ack_pending_below=1))
    assert seen.status is Status.UNHEALTHY
    assert seen.message == "orders/worker has 1 messages that it did not acknowledge, expected below 1"
    assert {name: seen.metrics[name].value for name in ("messages", "consumers", "pending", "ack_pending")} == {
        "messages": 3,
        "consumers": 1,
        "pending": 2,
        "ack_pending": 1,
    }


async def test_what_is_not_there_is_unhealthy_and_costs_no_connection(
    nats_port: int, look: Prober, stream: JetStreamContext, relay: Callable[[int], Relay]
) -> None:
    between = relay(nats_port)
    await between.listen()
    url = f"nats://salus:{quote(PASSWORD)}@127.0.0.1:{between.port}"
    missing = Nats(url=url, stream="missing").build(look.site)
    for _ in range(3):
        seen = await look.look(missing)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, "nats_404")
        assert "no stream 'missing'" in seen.message
    assert (between.accepted, between.open) == (1, 1)
    await missing.aclose()
    seen = await look(Nats(url=url, stream="orders", consumer="nobody"))
    assert seen.status is Status.UNHEALTHY
    assert "no consumer 'nobody' of the stream 'orders'" in seen.message


async def test_a_user_that_may_not_ask_is_no_verdict(nats_port: int, look: Prober) -> None:
    poor = f"nats://poor:{quote(PASSWORD)}@127.0.0.1:{nats_port}"
    assert (await look(Nats(url=poor))).status is Status.HEALTHY
    with pytest.raises(CheckBrokenError) as caught:
        await look(Nats(url=poor, stream="orders"))
    assert caught.value.cause == Cause.PERMISSION
    assert "$JS.API" in str(caught.value.remedy)


async def test_a_server_that_is_started_again_is_found_again(tmp_path: Path, look: Prober) -> None:
    port = free_port()
    check = Nats(url=f"nats://salus:{quote(PASSWORD)}@127.0.0.1:{port}").build(look.site)
    for _ in range(2):
        with brokers.nats(tmp_path, port):
            assert (await look.look(check)).status is Status.HEALTHY
            assert (await look.look(check)).status is Status.HEALTHY
        seen = await look.look(check)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.REFUSED)
    await check.aclose()


async def test_a_server_that_wants_tls_gets_it_and_is_verified(tmp_path: Path, look: Prober) -> None:
    authority = Authority(tmp_path, look.site.clock.now())
    with brokers.nats(tmp_path, free_port(), authority.issue()) as port:
        for scheme in ("nats", "tls"):
            check = Nats(url=f"{scheme}://salus:{quote(PASSWORD)}@127.0.0.1:{port}", ca_file=authority.file)
            built = check.build(look.site)
            for _ in range(2):
                seen = await look.look(built)
                assert seen.status is Status.HEALTHY, seen.message
            await built.aclose()
        seen = await look(Nats(url=f"tls://salus:{quote(PASSWORD)}@127.0.0.1:{port}"))
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.TLS)


async def test_a_server_that_speaks_something_else_is_said_to(look: Prober, grpc_port: int) -> None:
    seen = await look(Nats(url=f"nats://127.0.0.1:{grpc_port}"), timeout=2)
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.PROTOCOL)
    assert "does not speak NATS" in seen.message

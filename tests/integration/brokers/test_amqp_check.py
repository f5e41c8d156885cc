"""The `amqp` check before a real RabbitMQ."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import quote

import aiormq
import pytest

from salus.checks.amqp import Amqp
from salus.errors import CheckBrokenError
from salus.model import Cause, Status
from salus.secret import Secret
from tests.certificates import Authority
from tests.looks import Prober, eventually
from tests.servers.brokers import PASSWORD, Rabbit
from tests.servers.relay import Relay


def url(rabbit: Rabbit, user: str = "salus", password: str = PASSWORD, path: str = "") -> str:
    return f"amqp://{user}:{quote(password)}@127.0.0.1:{rabbit.port}{path}"


@pytest.fixture
async def three_messages(rabbit: Rabbit) -> AsyncIterator[None]:
    connection = await aiormq.connect(url(rabbit))
    channel = await connection.channel()
    for _ in range(3):
        await channel.basic_publish(b"an order", routing_key="orders")
    yield
    await channel.queue_purge("orders")
    await connection.close()


async def test_a_broker_that_takes_messages_is_healthy(rabbit: Rabbit, look: Prober) -> None:
    seen = await look(Amqp(url=url(rabbit)))
    assert seen.status is Status.HEALTHY
    assert seen.message.startswith("RabbitMQ 3.") or seen.message.startswith("RabbitMQ 4.")
    assert 0 < seen.metrics["latency_seconds"].value < 5
    assert seen.metrics["blocked"].value == 0


async def test_a_wrong_password_is_unhealthy_and_stays_secret(rabbit: Rabbit, look: Prober) -> None:
    for options in (
        Amqp(url=url(rabbit, password="not the right one")),
        Amqp(url=f"amqp://salus@127.0.0.1:{rabbit.port}", password=Secret("not the right one")),
    ):
        seen = await look(options)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, "login_refused")
        assert "correct the user or the password" in seen.message
        assert "not the right one" not in seen.message + repr(options)
        assert quote("not the right one") not in repr(options)


async def test_a_virtual_host_that_does_not_exist_is_unhealthy(rabbit: Rabbit, look: Prober) -> None:
    seen = await look(Amqp(url=url(rabbit, path="/nowhere")))
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, "amqp_530")
    assert "vhost nowhere not found" in seen.message
    assert (await look(Amqp(url=url(rabbit, path="/nowhere"), vhost="/"))).status is Status.HEALTHY
    assert (await look(Amqp(url=url(rabbit, path="/%2F")))).status is Status.HEALTHY


async def test_a_queue_is_held_against_its_bounds(rabbit: Rabbit, look: Prober, three_messages: None) -> None:
    seen = await look(Amqp(url=url(rabbit), queue="orders", warn_messages_below=3, messages_below=10))
    assert (seen.status, seen.message) == (Status.DEGRADED, "orders has 3 messages, expected below 3")
    assert (seen.metrics["messages"].value, seen.metrics["consumers"].value) == (3, 0)
    seen = await look(Amqp(url=url(rabbit), queue="orders", consumers_above=0))
    assert (seen.status, seen.message) == (Status.UNHEALTHY, "orders has 0 consumers, expected above 0")
    seen = await look(Amqp(url=url(rabbit), queue="orders", messages_below=4))
    assert (seen.status, seen.message) == (Status.HEALTHY, "orders: 3 messages, 0 consumers")


async def test_a_queue_that_is_not_there_is_unhealthy_and_costs_no_connection(
    rabbit: Rabbit, look: Prober, relay: Callable[[int], Relay]
) -> None:
    between = relay(rabbit.port)
    await between.listen()
    options = Amqp(url=f"amqp://salus:{quote(PASSWORD)}@127.0.0.1:{between.port}", queue="missing")
    check = options.build(look.site)
    for _ in range(3):
        seen = await look.look(check)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, "amqp_404")
        assert "no queue 'missing'" in seen.message
    assert (between.accepted, between.open) == (1, 1)
    await check.aclose()


async def test_a_user_that_may_not_publish_or_not_look_is_told_from_a_broken_broker(
    rabbit: Rabbit, look: Prober
) -> None:
    check = Amqp(url=url(rabbit, "reader"), queue="orders").build(look.site)
    for _ in range(2):
        seen = await look.look(check)
        assert seen.status is Status.HEALTHY, seen.message
    await check.aclose()
    assert (await look(Amqp(url=url(rabbit, "reader")))).status is Status.HEALTHY
    assert (await look(Amqp(url=url(rabbit, "reader"), publish=False))).status is Status.HEALTHY


async def test_the_rights_that_the_documentation_names_are_enough(rabbit: Rabbit, look: Prober) -> None:
    check = Amqp(url=url(rabbit, "least"), queue="orders").build(look.site)
    seen = await look.look(check)
    assert (seen.status, seen.message) == (Status.HEALTHY, "orders: 0 messages, 0 consumers")
    assert not check._mute  # type: ignore[attr-defined]
    await check.aclose()


async def test_a_broker_whose_memory_runs_out_is_degraded_or_unhealthy_until_it_has_room(
    rabbit: Rabbit, look: Prober
) -> None:
    check = Amqp(url=url(rabbit)).build(look.site)
    other = Amqp(url=url(rabbit), blocked="unhealthy").build(look.site)
    assert (await look.look(check)).status is Status.HEALTHY
    rabbit.memory_limit(0.00001)
    try:
        async with asyncio.timeout(30):
            while (seen := await look.look(check)).status is Status.HEALTHY:
                await asyncio.sleep(0.01)
        assert seen.status is Status.DEGRADED
        assert seen.cause == "blocked"
        assert seen.message.endswith("takes no messages: low on memory")
        assert seen.metrics["blocked"].value == 1
        assert (await look.look(check)).status is Status.DEGRADED
        assert (await look.look(other)).status is Status.UNHEALTHY
        wire = check._kept._line  # type: ignore[attr-defined]
        assert wire is not None
    finally:
        rabbit.memory_limit(0.4)
    await eventually(lambda: wire.blocked is None, "the end of the alarm")
    assert (await look.look(check)).status is Status.HEALTHY
    assert check._kept._line is wire  # type: ignore[attr-defined]
    await check.aclose()
    await other.aclose()


async def test_a_server_that_speaks_something_else_is_said_to(look: Prober, nats_port: int) -> None:
    seen = await look(Amqp(url=f"amqp://127.0.0.1:{nats_port}"))
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.PROTOCOL)
    assert "does not speak AMQP" in seen.message


async def test_a_name_that_does_not_exist_is_no_verdict(look: Prober) -> None:
    with pytest.raises(CheckBrokenError) as caught:
        await look(Amqp(url="amqp://no-such-host.invalid"))
    assert caught.value.cause == Cause.DNS


async def test_tls_is_verified(rabbit: Rabbit, look: Prober, tmp_path: Path) -> None:
    authority = Authority(tmp_path, look.site.clock.now())
    seen = await look(Amqp(url=f"amqps://127.0.0.1:{rabbit.port}", ca_file=authority.file))
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.TLS)

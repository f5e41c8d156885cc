"""One connection per check, whatever happens: over many looks, a server that comes and goes, and looks cut short."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from salus.checks.amqp import Amqp
from salus.checks.grpc import Grpc
from salus.checks.mqtt import Mqtt
from salus.checks.nats import Nats
from salus.checks.prometheus import Prometheus
from salus.errors import CheckBrokenError
from salus.model import Cause, Observation, Status
from salus.options import CheckOptions
from salus.ports import Check
from tests.looks import Prober, eventually
from tests.servers.brokers import PASSWORD
from tests.servers.relay import Relay

LOGIN = f"salus:{quote(PASSWORD)}"
MAKERS: Mapping[str, Callable[[int], CheckOptions]] = {
    "amqp": lambda port: Amqp(url=f"amqp://{LOGIN}@127.0.0.1:{port}", queue="orders"),
    "nats": lambda port: Nats(url=f"nats://{LOGIN}@127.0.0.1:{port}"),
    "mqtt": lambda port: Mqtt(url=f"mqtt://{LOGIN}@127.0.0.1:{port}", round_trip="salus/round"),
    "grpc": lambda port: Grpc(target=f"127.0.0.1:{port}", service_name="up"),
    "prometheus": lambda port: Prometheus(url=f"http://127.0.0.1:{port}", query="vector(1)", value_above=0),
}
SILENT = 0.15
CUT_SHORT = 0.2


@dataclass
class Case:
    """One kind of check before its server.

    Attributes:
        kind: of the check.
        check: the check.
        relay: what stands between.
        look: looks.
    """

    kind: str
    check: Check
    relay: Relay
    look: Prober

    async def seen(self, timeout: float = 10.0) -> Observation | None:
        """Look; None where the check could not tell, or was cut short."""
        try:
            return await self.look.look(self.check, timeout=timeout)
        except (CheckBrokenError, TimeoutError):
            return None

    async def healthy(self) -> None:
        seen = await self.look.look(self.check)
        assert seen.status is Status.HEALTHY, seen.message

    async def connections(self, open_now: int, accepted: int) -> None:
        await eventually(lambda: self.relay.open == open_now, f"{open_now} connections, not {self.relay.open}")
        assert self.relay.accepted == accepted


@pytest.fixture(params=MAKERS)
async def case(
    request: pytest.FixtureRequest, relay: Callable[[int], Relay], look: Prober, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Case]:
    kind: str = request.param
    port = request.getfixturevalue(f"{kind}_port")
    between = relay(port)
    await between.listen()
    check = MAKERS[kind](between.port).build(look.site)
    with caplog.at_level(logging.WARNING):
        yield Case(kind, check, between, look)
        await check.aclose()
        await eventually(lambda: between.open == 0, "the connection to be let go")
    assert [record.getMessage() for record in caplog.records] == []


async def test_many_looks_share_one_connection_and_it_ends_with_the_check(case: Case) -> None:
    for _ in range(20):
        await case.healthy()
    await case.connections(1, accepted=1)
    await case.check.aclose()
    await case.connections(0, accepted=1)


async def test_a_connection_that_died_between_looks_is_replaced_in_the_next_one_and_not_sooner(case: Case) -> None:
    for round_number in (1, 2, 3):
        await case.healthy()
        await case.connections(1, accepted=round_number)
        case.relay.cut()
        await asyncio.sleep(0.02)
        await case.connections(0, accepted=round_number)


async def test_a_server_that_is_gone_is_said_to_be_and_found_again(case: Case) -> None:
    await case.healthy()
    case.relay.refuse()
    for _ in range(3):
        seen = await case.seen()
        if case.kind == "prometheus":
            assert seen is None
        else:
            assert seen is not None
            assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.REFUSED)
    await case.relay.listen()
    await asyncio.sleep(0.05)
    assert case.relay.accepted == 1
    await case.healthy()
    await case.healthy()
    await case.connections(1, accepted=2)


async def test_a_kept_connection_that_fell_silent_is_replaced_before_a_verdict(case: Case) -> None:
    await case.healthy()
    case.relay.mute()
    seen = await case.look.look(case.check, timeout=3)
    assert seen.status is Status.HEALTHY, seen.message
    await case.connections(1, accepted=2)


async def test_a_server_that_hangs_leaves_no_connection_behind(case: Case) -> None:
    case.relay.silent = True
    seen = await case.seen(timeout=SILENT)
    assert seen is None or (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.TIMEOUT)
    await eventually(lambda: case.relay.open == 0, "the connection to be let go")
    case.relay.silent = False
    await case.healthy()
    await eventually(lambda: case.relay.open == 1, "only one connection to be left")


@pytest.mark.parametrize("after", [0.0, 0.005])
async def test_a_look_that_is_cancelled_leaves_no_connection_behind(case: Case, after: float) -> None:
    case.relay.silent = True
    looking = asyncio.get_running_loop().create_task(case.seen(timeout=CUT_SHORT))
    await asyncio.sleep(after)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    await eventually(lambda: case.relay.open == 0, "the connection to be let go")
    case.relay.silent = False
    await case.healthy()


async def test_nothing_reconnects_after_the_end(case: Case) -> None:
    await case.healthy()
    case.relay.refuse()
    await case.seen()
    await case.check.aclose()
    await case.relay.listen()
    await asyncio.sleep(0.05)
    await case.connections(0, accepted=1)

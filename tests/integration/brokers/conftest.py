"""The servers of these tests, what stands before them, and what looks at them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pytest
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from salus.model import CheckSpec, Observation
from salus.options import CheckOptions
from salus.ports import Check, Look
from tests.integration.brokers import peers
from tests.integration.brokers.relay import Relay
from tests.looks import site

ON_BOTH_LOOPS = ("test_many_looks", "test_a_connection_that_died", "test_a_look_that_is_cancelled")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Use the agent's loop, and for what depends on transports the other one, too: a library user may have it."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"uvloop": uvloop.new_event_loop}
    if any(item.name.startswith(name) for name in ON_BOTH_LOOPS):
        loops["asyncio"] = asyncio.SelectorEventLoop
    return loops


@pytest.fixture(scope="session")
def nats_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with peers.nats(tmp_path_factory.mktemp("nats"), peers.free_port()) as port:
        yield port


@pytest.fixture(scope="session")
def mqtt_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with peers.mosquitto(tmp_path_factory.mktemp("mosquitto"), peers.free_port()) as port:
        yield port


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[peers.Rabbit]:
    with peers.rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as started:
        yield started


@pytest.fixture(scope="session")
def amqp_port(rabbit: peers.Rabbit) -> int:
    return rabbit.port


@pytest.fixture(scope="session")
def prometheus_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with peers.prometheus(tmp_path_factory.mktemp("prometheus")) as port:
        yield port


@pytest.fixture(scope="session")
def grpc_port() -> Iterator[int]:
    """A server whose health service knows `up`, `down` and `unsure`."""
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    states = health_pb2.HealthCheckResponse
    for name, status in {"up": states.SERVING, "down": states.NOT_SERVING, "unsure": states.UNKNOWN}.items():
        servicer.set(name, status)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(0).wait()


@pytest.fixture
async def relay() -> AsyncIterator[Callable[[int], Relay]]:
    """Return what makes a relay to a port; it still has to listen."""
    made: list[Relay] = []

    def make(target: int) -> Relay:
        made.append(Relay(target))
        return made[-1]

    yield make
    for one in made:
        await one.close()


class Prober:
    """Looks as the engine's prober does."""

    def __init__(self, folder: Path) -> None:
        self.site = site(state_dir=folder)

    async def __call__(self, options: CheckOptions, *, timeout: float = 10.0) -> Observation:
        assert options.problems() == []
        check = options.build(self.site)
        try:
            return await self.look(check, timeout=timeout)
        finally:
            await check.aclose()

    async def look(self, check: Check, *, timeout: float = 10.0) -> Observation:
        spec = CheckSpec(name="it", kind="it", timeout=timeout)
        clock = self.site.clock
        async with asyncio.timeout(timeout):
            return await check.look(Look(spec=spec, site=self.site, at=clock.now(), started=clock.monotonic()))


@pytest.fixture
def look(tmp_path: Path) -> Prober:
    return Prober(tmp_path)


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, bounded."""
    try:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"waited in vain for {what}")

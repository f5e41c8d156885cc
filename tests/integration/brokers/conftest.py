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

from tests.acceptance.salus_process import free_port
from tests.looks import Prober
from tests.servers import brokers
from tests.servers.brokers import Rabbit
from tests.servers.relay import Relay

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
    with brokers.nats(tmp_path_factory.mktemp("nats"), free_port()) as port:
        yield port


@pytest.fixture(scope="session")
def mqtt_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with brokers.mosquitto(tmp_path_factory.mktemp("mosquitto"), free_port()) as port:
        yield port


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever needs RabbitMQ goes last in this room: it takes seconds to start, beside the other tests."""
    here = [place for place, item in enumerate(items) if item.path.is_relative_to(Path(__file__).parent)]
    ordered = sorted((items[place] for place in here), key=_needs_rabbit)
    for place, item in zip(here, ordered, strict=True):
        items[place] = item


def _needs_rabbit(item: pytest.Item) -> bool:
    return "amqp" in item.nodeid


@pytest.fixture(scope="session", autouse=True)
def _booting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rabbit | None]:
    """RabbitMQ, on its way; None where there is none, or nobody needs one."""
    if not brokers.RABBITMQ.exists() or not any(map(_needs_rabbit, request.session.items)):
        yield None
        return
    with brokers.rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as booting:
        yield booting


@pytest.fixture(scope="session")
def rabbit(_booting: Rabbit | None) -> Rabbit:
    if _booting is None:
        pytest.skip("not on this platform: there is no RabbitMQ (scripts/install-test-peers)")
    _booting.program.wait()
    return _booting


@pytest.fixture(scope="session")
def amqp_port(rabbit: Rabbit) -> int:
    return rabbit.port


@pytest.fixture(scope="session")
def prometheus_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with brokers.prometheus(tmp_path_factory.mktemp("prometheus")) as port:
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


@pytest.fixture
def look(tmp_path: Path) -> Prober:
    return Prober(tmp_path)

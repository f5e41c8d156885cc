"""Salus as the health service of gRPC servers, asked by the client of grpcio-health-checking."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from salus import Event, HealthSystem
from salus.integrations import _health_board
from salus.integrations.grpc import AioHealthServicer, HealthServicer, add_health
from tests.integration.library.waiting import until

SAID = health_pb2.HealthCheckResponse
QUICK = {"interval": "30ms", "timeout": "10s"}
PUSHED_WITHIN = 0.1


class Database:
    """Breaks and is mended."""

    def __init__(self) -> None:
        self.broken = False

    def look(self) -> None:
        if self.broken:
            raise ConnectionError("no answer")


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def health(tmp_path: Path, database: Database) -> Iterator[HealthSystem]:
    """A system whose database can be broken; its cache is not critical."""
    system = HealthSystem("shop", state_dir=tmp_path / "state")
    system.register("database", database.look, critical=True, **QUICK)
    system.register("cache", lambda: None, **QUICK)
    with system:
        assert until(system.is_ready)
        assert until(system.is_healthy)
        yield system


@pytest.fixture
def threaded(health: HealthSystem) -> Iterator[tuple[HealthServicer, str]]:
    """A server with one thread."""
    server = grpc.server(ThreadPoolExecutor(1))
    servicer = add_health(server, health)
    assert isinstance(servicer, HealthServicer)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, f"127.0.0.1:{port}"
    server.stop(0).wait()


@pytest.fixture
async def aio(health: HealthSystem) -> AsyncIterator[tuple[AioHealthServicer, str]]:
    server = grpc.aio.server()
    servicer = add_health(server, health)
    assert isinstance(servicer, AioHealthServicer)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield servicer, f"127.0.0.1:{port}"
    await server.stop(0)


def asked(service: str = "") -> Any:
    return health_pb2.HealthCheckRequest(service=service)


class Watching:
    """Reads a watch in a thread; every answer with the moment it came."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self._heard: queue.Queue[tuple[int | None, float]] = queue.Queue()
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        try:
            for answer in self.call:
                self._heard.put((answer.status, time.monotonic()))
        except grpc.RpcError:
            pass
        self._heard.put((None, time.monotonic()))

    def next(self) -> tuple[int | None, float]:
        """Return the next status, None at the end."""
        return self._heard.get(timeout=30)


class Moments:
    """When a check's status was said to have changed."""

    def __init__(self, health: HealthSystem) -> None:
        self._told: queue.Queue[float] = queue.Queue()

        @health.on("status_changed")
        def changed(event: Event) -> None:
            if event.check == "database":
                self._told.put(time.monotonic())

    def next(self) -> float:
        return self._told.get(timeout=30)


def test_a_client_is_told_of_the_whole_and_of_every_check(
    threaded: tuple[HealthServicer, str], database: Database
) -> None:
    with grpc.insecure_channel(threaded[1]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert stub.Check(asked()).status == SAID.SERVING
        assert stub.Check(asked("database")).status == SAID.SERVING
        with pytest.raises(grpc.RpcError) as caught:
            stub.Check(asked("nobody"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        listed = stub.List(health_pb2.HealthListRequest()).statuses
        assert {name: one.status for name, one in listed.items()} == dict.fromkeys(
            ("", "database", "cache", "salus"), SAID.SERVING
        )
        database.broken = True
        assert until(lambda: stub.Check(asked("database")).status == SAID.NOT_SERVING)
        assert stub.Check(asked()).status == SAID.NOT_SERVING
        assert stub.Check(asked("cache")).status == SAID.SERVING


async def test_a_server_of_asyncio_says_the_same(aio: tuple[AioHealthServicer, str], database: Database) -> None:
    async with grpc.aio.insecure_channel(aio[1]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert (await stub.Check(asked())).status == SAID.SERVING
        with pytest.raises(grpc.RpcError) as caught:
            await stub.Check(asked("nobody"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert set((await stub.List(health_pb2.HealthListRequest())).statuses) == {"", "database", "cache", "salus"}
        database.broken = True
        async with asyncio.timeout(30):
            while (await stub.Check(asked("database"))).status != SAID.NOT_SERVING:
                await asyncio.sleep(0.01)


def test_whoever_watches_hears_of_a_change_within_a_moment_and_takes_no_thread_of_the_server(
    threaded: tuple[HealthServicer, str], health: HealthSystem, database: Database
) -> None:
    moments = Moments(health)
    with grpc.insecure_channel(threaded[1]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        watches = {name: Watching(stub.Watch(asked(name))) for name in ("", "database", "cache", "nobody")}
        first = {name: watch.next()[0] for name, watch in watches.items()}
        assert first == {"": 1, "database": 1, "cache": 1, "nobody": SAID.SERVICE_UNKNOWN}
        assert stub.Check(asked("cache"), timeout=5).status == SAID.SERVING  # the server has one thread
        late: list[float] = []
        for broken, said in ((True, SAID.NOT_SERVING), (False, SAID.SERVING)) * 3:
            database.broken = broken
            changed = moments.next()
            for name in ("", "database"):
                status, heard = watches[name].next()
                assert status == said
                late.append(heard - changed)
        assert median(late) < PUSHED_WITHIN  # not the slowest: this host may have other things to do
        health.register("nobody", lambda: None, **QUICK)
        heard_of = [watches["nobody"].next()[0]]
        while heard_of[-1] != SAID.SERVING:
            heard_of.append(watches["nobody"].next()[0])
        for watch in watches.values():
            watch.call.cancel()
            assert watch.next()[0] is None
            watch.thread.join(5)
        assert until(lambda: threaded[0].board.watchers == 0)
    assert until(lambda: not [one for one in threading.enumerate() if one.name.startswith("salus-grpc")])


async def test_a_watch_on_a_server_of_asyncio_hears_of_a_change_and_leaves_nothing_behind(
    aio: tuple[AioHealthServicer, str], database: Database
) -> None:
    async with grpc.aio.insecure_channel(aio[1]) as channel, asyncio.timeout(30):
        call = health_pb2_grpc.HealthStub(channel).Watch(asked("database"))
        assert (await call.read()).status == SAID.SERVING
        database.broken = True
        assert (await call.read()).status == SAID.NOT_SERVING
        call.cancel()
        while aio[0].board.watchers:
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("end", ["servicer", "server"])
def test_a_watch_ends_with_the_servicer_or_the_server(health: HealthSystem, end: str) -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    servicer = add_health(server, health)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        watch = Watching(health_pb2_grpc.HealthStub(channel).Watch(asked()))
        assert watch.next()[0] == SAID.SERVING
        stopped = server.stop(0) if end == "server" else None
        servicer.close()
        assert watch.next()[0] is None
        with pytest.raises(grpc.RpcError):
            next(iter(health_pb2_grpc.HealthStub(channel).Watch(asked(), timeout=5)))
        watch.thread.join(5)
    (stopped or server.stop(0)).wait(5)


def test_nothing_is_vouched_for_while_salus_does_not_run(
    threaded: tuple[HealthServicer, str], health: HealthSystem
) -> None:
    with grpc.insecure_channel(threaded[1]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        watch = Watching(stub.Watch(asked("database")))
        assert watch.next()[0] == SAID.SERVING
        health.stop()
        assert watch.next()[0] == SAID.NOT_SERVING
        assert stub.Check(asked()).status == SAID.NOT_SERVING
        with pytest.raises(grpc.RpcError) as caught:
            stub.Check(asked("database"))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        health.start()
        heard = watch.next()[0]
        while heard != SAID.SERVING:
            heard = watch.next()[0]
        watch.call.cancel()
        watch.thread.join(5)


def test_there_is_a_bound_on_watches(threaded: tuple[HealthServicer, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_health_board, "MOST_WATCHERS", 1)
    with grpc.insecure_channel(threaded[1]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        watch = Watching(stub.Watch(asked()))
        assert watch.next()[0] == SAID.SERVING
        with pytest.raises(grpc.RpcError) as caught:
            next(iter(stub.Watch(asked())))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        watch.call.cancel()
        watch.thread.join(5)

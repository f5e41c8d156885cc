"""How full pools of connections and of threads are, read from real ones."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import anyio.to_thread
import httpx
import pytest
import redis
import sqlalchemy
from sqlalchemy.pool import NullPool, QueuePool

from salus.checks._pools import Usage, usage_of
from salus.checks.pool import Pool, PoolCheck
from salus.checks.thread_pool import ThreadPool, ThreadPoolCheck
from salus.errors import CheckBrokenError
from salus.model import Status
from salus.units import Duration, Share
from tests.applications import Application, application
from tests.looks import look_from, look_once, site
from tests.servers.programs import command


@pytest.fixture
def app() -> Iterator[Application]:
    with application() as running:
        yield running


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Have a module of the application that can be imported by its name."""
    module = ModuleType("shop_of_pools")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


# ── SQLAlchemy ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def engine() -> Iterator[sqlalchemy.Engine]:
    made = sqlalchemy.create_engine(
        "sqlite://",
        poolclass=QueuePool,
        pool_size=2,
        max_overflow=1,
        pool_timeout=10,
        connect_args={"check_same_thread": False},
    )
    yield made
    made.dispose()


async def test_connections_of_an_engine_are_counted_with_its_overflow(engine: sqlalchemy.Engine) -> None:
    check = PoolCheck(engine)
    with ExitStack() as stack:
        assert (await look_once(check)).metrics["in_use"].value == 0
        for _ in range(2):
            stack.enter_context(engine.connect())
        seen = await look_once(check)
        assert seen.message == "2 of 3 connections in use (66.7%)"
        assert seen.status is Status.HEALTHY
        stack.enter_context(engine.connect())
        full = await look_once(check)
    assert full.status is Status.DEGRADED
    assert "all 3 connections are in use" in full.message
    assert (await look_once(check)).metrics["idle"].value == 2


async def test_who_waits_for_a_connection_is_counted(engine: sqlalchemy.Engine) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(engine.connect()) for _ in range(3)]
        waiting = threading.Thread(target=lambda: engine.connect().close(), daemon=True)
        waiting.start()
        check = PoolCheck(engine, bounds=Pool(pool="shop:engine", used_below=Share(1), waiting_below=1))
        while not (seen := await look_once(check)).metrics["waiting"].value:
            await asyncio.sleep(0.01)
        held[0].close()
        waiting.join(5)
    assert seen.status is Status.UNHEALTHY
    assert "1 wait for a connection, expected below 1" in seen.message


async def test_a_pool_is_found_by_name_or_by_a_function_that_returns_it(
    named: ModuleType, engine: sqlalchemy.Engine
) -> None:
    named.__dict__.update(engine=engine, get=lambda: engine.pool, none=None)
    for name in ("engine", "engine.pool", "get"):
        assert (await look_once(Pool(pool=f"shop_of_pools:{name}"))).metrics["limit"].value == 3
    with pytest.raises(CheckBrokenError, match="is None"):
        await look_once(Pool(pool="shop_of_pools:none"))
    with pytest.raises(CheckBrokenError, match="no attribute 'attic'"):
        await look_once(Pool(pool="shop_of_pools:attic"))
    assert Pool(pool="shop").problems()


def test_a_pool_that_keeps_nothing_has_no_limit() -> None:
    engine = sqlalchemy.create_engine("sqlite://", poolclass=NullPool)
    assert usage_of(engine) == Usage(0, 0)
    endless = sqlalchemy.create_engine("sqlite://", poolclass=QueuePool, max_overflow=-1)
    assert usage_of(endless).limit is None


def test_what_is_no_pool_is_refused_with_what_is_known() -> None:
    with pytest.raises(CheckBrokenError, match="no pool") as caught:
        usage_of(object())
    assert "sqlalchemy" in str(caught.value.remedy)
    with pytest.raises(CheckBrokenError, match="cannot read this sqlalchemy MetaData"):
        usage_of(sqlalchemy.MetaData())


# ── HTTP clients ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def silent() -> Iterator[str]:
    """Serve HTTP that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


async def test_connections_and_queued_requests_of_an_http_client_are_counted(silent: str) -> None:
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=2), timeout=10) as client:
        assert usage_of(client) == Usage(0, 0, 2, 0)
        requests = [asyncio.create_task(client.get(silent)) for _ in range(3)]
        while (usage := usage_of(client)).waiting != 1 or usage.in_use != 2:
            await asyncio.sleep(0.01)
        seen = await look_once(PoolCheck(client))
        assert seen.status is Status.DEGRADED
        assert seen.message.endswith("all 2 connections are in use, 1 wait for a connection")
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)


def test_a_synchronous_client_is_read_too() -> None:
    with httpx.Client() as client:
        assert usage_of(client) == Usage(0, 0, 100, 0)


# ── Redis ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "redis.sock"
    words = [
        command("redis-server", "redis-server"),
        "--port",
        "0",
        "--unixsocket",
        str(path),
        "--save",
        "",
        "--dir",
        ".",
    ]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "ready to accept connections" not in (line := process.stdout.readline()).lower():
            assert line, "it did not start"
        yield f"unix://{path}"
        process.terminate()
        process.stdout.read()


def test_connections_of_redis_pools_are_counted(server: str) -> None:
    for pool in (
        redis.ConnectionPool.from_url(server, max_connections=2),
        redis.BlockingConnectionPool.from_url(server, max_connections=2),
    ):
        assert usage_of(pool).in_use == 0
        connection = pool.get_connection()
        usage = usage_of(redis.Redis(connection_pool=pool))
        assert (usage.in_use, usage.idle, usage.limit) == (1, 0, 2)
        pool.release(connection)
        usage = usage_of(pool)
        assert (usage.in_use, usage.idle) == (0, 1)
        pool.disconnect()


# ── Libraries that are not here: by the attributes that they have ────────────────────────────────────────────────────


def made_by(library: str, **attributes: Any) -> Any:
    return type("Pool", (SimpleNamespace,), {"__module__": f"{library}.pool"})(**attributes)


def test_pools_of_other_libraries_are_read_by_what_they_tell() -> None:
    told = {"pool_max": 4, "pool_size": 3, "pool_available": 1, "requests_waiting": 2}
    assert usage_of(made_by("psycopg_pool", get_stats=lambda: told)) == Usage(2, 1, 4, 2)
    queue = SimpleNamespace(_getters=deque([1]))
    asyncpg = made_by("asyncpg", get_size=lambda: 5, get_idle_size=lambda: 2, get_max_size=lambda: 10, _queue=queue)
    assert usage_of(asyncpg) == Usage(3, 2, 10, 1)
    connector = made_by("aiohttp", _conns={"a": [1, 2]}, _waiters={"b": [1]}, _acquired={1}, limit=100)
    assert usage_of(made_by("aiohttp", connector=connector)) == Usage(1, 2, 100, 1)


# ── Pools of threads ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_work_that_waits_for_a_thread_is_measured() -> None:
    end, place = threading.Event(), site()
    with ThreadPoolExecutor(2) as executor:
        check = ThreadPoolCheck(executor, bounds=ThreadPool(executor="asyncio", waited_below=Duration(0.05)))
        try:
            idle = await check.look(look_from(place))
            assert idle.message == "0 of 2 threads busy (0%), 0 queued"
            for _ in range(3):
                executor.submit(end.wait, 10)
            while (first := await check.look(look_from(place))).metrics["queued"].value != 1:
                await asyncio.sleep(0.01)  # until both threads have taken what is theirs
            assert first.metrics["busy_ratio"].value == 1
            while (seen := await check.look(look_from(place))).status is Status.HEALTHY:
                await asyncio.sleep(0.01)
            before = executor._work_queue.qsize()
        finally:
            end.set()
            await check.aclose()
    assert seen.status is Status.UNHEALTHY
    assert seen.message.startswith("work waits")
    assert seen.metrics["queued"].value == 1, "the call that measures is no work"
    assert before == 2, "there is one of these, however often it is looked at"


async def test_busy_and_queued_are_bounded() -> None:
    end = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        for _ in range(3):
            executor.submit(end.wait, 10)
        while executor._work_queue.qsize() != 2:
            await asyncio.sleep(0.01)  # until the thread has taken what is its
        bounds = ThreadPool(executor="asyncio", warn_busy_below=Share(0.9), queued_below=2)
        seen = await look_once(ThreadPoolCheck(executor, bounds=bounds))
        end.set()
    assert seen.status is Status.UNHEALTHY
    assert "2 queued, expected below 2" in seen.message
    assert "expected below 90%" in seen.message


async def test_the_pools_behind_asyncio_and_anyio_are_found_on_the_application_s_loop(app: Application) -> None:
    place, end = app.live_at(site()), threading.Event()
    assert (await look_once(ThreadPool(executor="asyncio"), place)).message == "no work was ever given to it"
    app.start(asyncio.to_thread(end.wait, 10))
    app.start(anyio.to_thread.run_sync(end.wait, 10))
    try:
        for name, workers in (("asyncio", None), ("anyio", 40)):
            while (seen := await look_once(ThreadPool(executor=name), place)).metrics["busy"].value != 1:
                await asyncio.sleep(0.01)
            assert workers is None or seen.metrics["workers"].value == workers
    finally:
        end.set()
    app.call(lambda: None)


async def test_a_pool_behind_a_blocked_loop_cannot_be_told(app: Application) -> None:
    app.block()
    with pytest.raises(CheckBrokenError, match="does not answer"):
        await look_once(ThreadPool(executor="asyncio"), app.live_at(site()), timeout=2.0)


async def test_a_pool_that_was_shut_down_and_what_is_none_are_unknown(named: ModuleType) -> None:
    named.__dict__["something"] = object()
    with pytest.raises(CheckBrokenError, match="no pool of threads"):
        await look_once(ThreadPool(executor="shop_of_pools:something"))
    assert ThreadPool(executor="threads").problems()

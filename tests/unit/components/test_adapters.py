"""What is often there already becomes a component by one line."""

from __future__ import annotations

import asyncio
import threading
from functools import lru_cache
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool, QueuePool

from salus.components import (
    ClearableCache,
    ConnectionPool,
    LruCache,
    RestartableService,
    SqlAlchemyPool,
    ThreadLoop,
    describe,
)
from salus.model import Status
from tests.looks import look_once
from tests.unit.actions.scenes import make_scene


async def test_a_loop_in_a_thread_that_died_says_why_and_runs_again() -> None:
    fault: list[Exception] = [ValueError("bad message")]
    died, working = threading.Event(), threading.Event()

    def work(stop: threading.Event) -> None:
        if fault:
            died.set()
            raise fault.pop()
        working.set()
        stop.wait()

    loop: RestartableService = ThreadLoop(work, name="consumer")
    description = describe("consumer", loop)
    assert description.kind == "restartable_service"
    assert isinstance(loop, ThreadLoop)
    await asyncio.to_thread(loop.start)
    assert died.wait(5)
    while loop.is_running():
        died.wait(0.001)
    seen = await look_once(description.check)
    assert (seen.status, seen.message) == (
        Status.UNHEALTHY,
        "it does not run, expected it to: ValueError: bad message",
    )
    await description.actions["restart_component"].run(make_scene())
    assert working.wait(5)
    assert (await look_once(description.check)).status is Status.HEALTHY
    for step in (loop.start, loop.stop, loop.stop):
        await asyncio.to_thread(step)
    assert not loop.is_running()


def test_a_loop_that_does_not_end_is_left_behind() -> None:
    never, begun = threading.Event(), threading.Semaphore(0)

    def work(_: threading.Event) -> None:
        begun.release()
        never.wait(10)

    loop = ThreadLoop(work, grace=0.01)
    loop.start()
    loop.restart()
    assert begun.acquire(timeout=5)
    assert begun.acquire(timeout=5)
    assert loop.is_running()
    never.set()
    loop.stop()


async def test_a_function_with_lru_cache_is_a_cache() -> None:
    @lru_cache(maxsize=10)
    def square(number: int) -> int:
        return number * number

    cache: ClearableCache = LruCache(square, expected_hit_rate=0.5, after=4)
    description = describe("squares", cache)
    assert (await look_once(description.check)).message == "0 entries"
    for number in (1, 2, 3, 1):
        square(number)
    seen = await look_once(description.check)
    assert (seen.status, seen.message) == (Status.DEGRADED, "hit rate 25.0%, expected at least 50.0%")
    assert {name: metric.value for name, metric in seen.metrics.items()} == {
        "size": 3,
        "max_size": 10,
        "hit_rate": 0.25,
    }
    result = await description.actions["clear_cache"].run(make_scene())
    assert result.message == "cleared squares: 3"
    with pytest.raises(TypeError, match=r"decorate it with functools\.lru_cache"):
        LruCache(print)


async def test_an_engine_of_sqlalchemy_is_a_pool() -> None:
    threads = {"check_same_thread": False}
    engine = create_engine("sqlite://", poolclass=QueuePool, pool_size=2, max_overflow=1, connect_args=threads)
    pool: ConnectionPool = SqlAlchemyPool(engine)
    description = describe("database", pool)
    assert description.kind == "connection_pool"
    lent = [engine.connect() for _ in range(3)]
    seen = await look_once(description.check)
    assert (seen.status, seen.message) == (Status.DEGRADED, "3 of 3 connections in use, expected one to be free")
    for connection in lent:
        connection.close()
    assert (await look_once(description.check)).message == "0 of 3 connections in use"
    await description.actions["reset_pool"].run(make_scene())
    assert (await look_once(description.check)).status is Status.HEALTHY
    engine.dispose()


def test_a_pool_without_limits_says_so() -> None:
    unlimited = create_engine("sqlite://", poolclass=QueuePool, max_overflow=-1)
    assert SqlAlchemyPool(unlimited).size() == 0
    none = SqlAlchemyPool(create_engine("sqlite://", poolclass=NullPool))
    assert (none.size(), none.in_use()) == (0, 0)
    assert SqlAlchemyPool(SimpleNamespace(pool=SimpleNamespace())).size() == 0

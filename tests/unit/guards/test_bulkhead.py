"""A bulkhead lets so many calls run at a time, from real threads and real event loops, and loses no place."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from salus.errors import BulkheadFullError, CallRefusedError
from salus.guards import Bulkhead
from salus.model import Metric, Status
from salus.virtual import virtual_time
from tests.looks import look_once


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_the_call_too_many_is_refused_at_once_and_told_why() -> None:
    bulkhead = Bulkhead("reports", max_concurrent=2)
    with bulkhead, bulkhead:
        assert bulkhead.in_use == 2
        with pytest.raises(BulkheadFullError) as caught:
            bulkhead.call(pytest.fail, "it was called")
    assert str(caught.value) == "reports is full: all 2 places are taken, and nobody may wait"
    assert caught.value.remedy == "raise max_concurrent or max_waiting, give a fallback, or call it less often"
    assert isinstance(caught.value, CallRefusedError)
    assert bulkhead.in_use == 0
    assert bulkhead.call(lambda: 7) == 7


async def test_tasks_wait_in_line_and_come_in_the_order_they_came() -> None:
    bulkhead = Bulkhead("reports", max_concurrent=1, max_waiting=3, max_wait=None)
    order: list[int] = []
    may_end = asyncio.Event()

    @bulkhead
    async def work(number: int) -> None:
        order.append(number)
        await may_end.wait()

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(work(number))
        await turns()
        assert (bulkhead.in_use, bulkhead.waiting, order) == (1, 3, [0])
        with pytest.raises(BulkheadFullError, match="all 1 places are taken, and 3 wait already"):
            await work(9)
        may_end.set()
    assert order == [0, 1, 2, 3]
    assert (bulkhead.in_use, bulkhead.waiting) == (0, 0)


def test_nobody_waits_longer_than_agreed() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        bulkhead = Bulkhead("reports", max_concurrent=1, max_waiting=1, max_wait="2s", clock=loop.time)
        async with bulkhead:
            with pytest.raises(BulkheadFullError, match="and none became free within 2 s"):
                async with bulkhead:
                    pytest.fail("there was no place")
            assert loop.time() == pytest.approx(2.0)
            assert (bulkhead.in_use, bulkhead.waiting, bulkhead.refused) == (1, 0, 1)
        assert bulkhead.in_use == 0

    with virtual_time() as (runner, _):
        runner.run(scenario())


async def test_a_task_that_is_cancelled_while_it_waits_leaves_the_line() -> None:
    bulkhead = Bulkhead("reports", max_concurrent=1, max_waiting=2, max_wait=None)
    async with bulkhead:
        waiting = [asyncio.create_task(bulkhead.call(turns)) for _ in range(2)]
        await turns()
        waiting[0].cancel()
        with suppress(asyncio.CancelledError):
            await waiting[0]
        assert bulkhead.waiting == 1
    await waiting[1]
    assert bulkhead.in_use == 0


async def test_a_task_that_is_cancelled_in_the_moment_it_gets_its_place_passes_it_on() -> None:
    bulkhead = Bulkhead("reports", max_concurrent=1, max_waiting=2, max_wait=None)
    came: list[str] = []

    @bulkhead
    async def come(who: str) -> None:
        came.append(who)

    async with bulkhead:
        first, second = asyncio.create_task(come("first")), asyncio.create_task(come("second"))
        await turns()
    first.cancel()  # the place is its own already; it only does not know it yet
    await asyncio.gather(first, second, return_exceptions=True)
    assert came == ["second"]
    assert (bulkhead.in_use, bulkhead.waiting) == (0, 0)


async def test_plain_code_never_waits_in_a_thread_whose_event_loop_runs() -> None:
    bulkhead = Bulkhead("reports", max_concurrent=1, max_waiting=5, max_wait=None)
    async with bulkhead:
        with pytest.raises(BulkheadFullError, match="this thread runs an event loop") as caught, bulkhead:
            pytest.fail("there was no place")
    assert caught.value.remedy is not None
    assert caught.value.remedy.startswith("use async with")


async def test_a_place_is_taken_for_as_long_as_a_generator_is_read() -> None:
    bulkhead = Bulkhead("reports", max_concurrent=2)

    @bulkhead
    def lines() -> Iterator[int]:
        yield from range(3)

    @bulkhead
    async def rows() -> AsyncIterator[int]:
        yield 1
        yield 2

    one, two = lines(), rows()
    assert bulkhead.in_use == 0
    next(one)
    await anext(two)
    assert bulkhead.in_use == 2
    one.close()  # type: ignore[attr-defined]
    await two.aclose()  # type: ignore[attr-defined]
    assert bulkhead.in_use == 0


class Crowd:
    """Counts who is inside."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        self.bulkhead = bulkhead
        self.lock = threading.Lock()
        self.inside = self.most = self.done = 0

    def count(self, by: int) -> None:
        with self.lock:
            self.inside += by
            self.most = max(self.most, self.inside)
            self.done += by > 0

    def visit_in_thread(self, chance: Random) -> None:
        for _ in range(40):
            with suppress(KeyError), self.bulkhead:
                self.count(1)
                try:
                    if chance.random() < 0.2:
                        raise KeyError
                finally:
                    self.count(-1)

    async def visit(self, chance: Random) -> None:
        async with self.bulkhead:
            self.count(1)
            try:
                await turns(chance.randrange(3))
            finally:
                self.count(-1)

    async def visit_on_loop(self, chance: Random) -> None:
        for _ in range(4):
            tasks = [asyncio.create_task(self.visit(chance)) for _ in range(20)]
            await turns(chance.randrange(4))
            for task in tasks:
                if chance.random() < 0.3:
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def come(self, number: int) -> None:
        chance = Random(number)
        asyncio.run(self.visit_on_loop(chance)) if number % 3 == 0 else self.visit_in_thread(chance)


def test_threads_and_tasks_of_two_loops_share_the_places_and_none_is_lost() -> None:
    crowd = Crowd(Bulkhead("shared", max_concurrent=3, max_waiting=1000, max_wait=30))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(crowd.come, range(6)))
    assert crowd.most <= 3
    assert crowd.inside == crowd.bulkhead.in_use == crowd.bulkhead.waiting == 0
    assert crowd.done >= 160
    assert crowd.bulkhead.refused == 0


def test_who_waits_on_a_loop_that_ended_holds_nobody_up() -> None:
    bulkhead = Bulkhead("reports", max_concurrent=1, max_waiting=5, max_wait=None)
    ticket = bulkhead.enter()
    loop = asyncio.new_event_loop()
    task = loop.create_task(bulkhead.enter_soon())
    loop.run_until_complete(turns())
    assert bulkhead.waiting == 1
    loop.close()
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(bulkhead.call(lambda: "served")))
    thread.start()
    while bulkhead.waiting < 2:
        thread.join(0.001)
    bulkhead.leave(ticket, None)
    thread.join(5)
    assert got == ["served"]
    assert bulkhead.in_use == 0
    task._log_destroy_pending = False  # type: ignore[attr-defined]


async def test_its_check_is_degraded_while_it_is_full_and_after_it_refused() -> None:
    bulkhead = Bulkhead("reports", max_concurrent=1, max_waiting=1, max_wait=None)
    seen = await look_once(bulkhead.check)
    assert (seen.status, seen.message) == (Status.HEALTHY, "0 of 1 places are taken")
    async with bulkhead:
        waiting = asyncio.create_task(bulkhead.call(turns))
        await turns()
        with suppress(BulkheadFullError):
            await bulkhead.call(turns)
        seen = await look_once(bulkhead.check)
        assert seen.status is Status.DEGRADED
        assert seen.message == "1 of 1 places are taken, 1 wait, 1 call was refused since the last look"
        assert seen.metrics["in_use_ratio"] == Metric(1.0, "ratio")
        assert seen.metrics["refused_total"] == Metric(1)
    await waiting
    seen = await look_once(bulkhead.check)
    assert seen.status is Status.HEALTHY
    assert seen.metrics["in_use_peak"] == Metric(1)
    assert (await look_once(bulkhead.check)).metrics["in_use_peak"] == Metric(0)


async def test_a_fallback_answers_when_it_is_full() -> None:
    bulkhead = Bulkhead("reports", max_concurrent=1, fallback=lambda: "come back later")
    async with bulkhead:
        assert await bulkhead.call(turns) == "come back later"  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    "limits, message",
    [
        ({"max_concurrent": 0}, "max_concurrent is 0, and must be 1 or more"),
        ({"max_waiting": -1}, "max_waiting is -1, and must be 0 (nobody waits) or more"),
        ({"max_wait": "long"}, "'long' is not a duration"),
    ],
)
def test_limits_that_make_no_sense_are_refused_with_a_reason(limits: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Bulkhead("reports", **limits)

"""Threads are capped and counted, and whoever cannot be helped is told so."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import threading
import weakref
from collections.abc import AsyncIterator

import pytest

from salus import threads as threads_module
from salus.errors import CheckBrokenError
from salus.threads import _MOST_IDLE, Threads, awaited_on


async def until(holds: object) -> None:
    async with asyncio.timeout(30):
        while not holds():  # type: ignore[operator]
            await asyncio.sleep(0.001)


@pytest.fixture
async def gate() -> AsyncIterator[threading.Event]:
    """Hold threads back until it is set; whatever happens, none is left behind."""
    event = threading.Event()
    yield event
    event.set()


async def test_results_and_errors_come_back() -> None:
    threads = Threads(2)
    assert await threads.run(max, 3, 5) == 5
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 1, 0)
    await until(lambda: threads.busy == 0)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), StopIteration(1), asyncio.CancelledError()])
async def test_what_would_end_the_loop_comes_back_as_an_error(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(RuntimeError, match=type(error).__name__):
        await Threads(1).run(fail)


async def test_context_variables_are_those_of_the_caller() -> None:
    variable = contextvars.ContextVar("variable", default="outside")
    variable.set("inside")
    assert await Threads(1).run(variable.get) == "inside"


async def test_more_calls_than_threads_wait_their_turn(gate: threading.Event) -> None:
    threads = Threads(2)
    order: list[int] = []

    def work(number: int) -> None:
        gate.wait(30)
        order.append(number)

    tasks = [asyncio.get_running_loop().create_task(threads.run(work, number)) for number in range(6)]
    await until(lambda: threads.busy == 2)
    assert order == []
    gate.set()
    await asyncio.gather(*tasks)
    assert sorted(order) == list(range(6))
    await until(lambda: threads.busy == 0)


async def test_a_call_that_was_given_up_is_counted_until_it_ends(gate: threading.Event) -> None:
    threads = Threads(2)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await threads.run(gate.wait, 30)
    assert (threads.busy, threads.stuck) == (1, 1)
    assert await threads.run(max, 1, 2) == 2
    gate.set()
    await until(lambda: threads.busy == 0)
    assert threads.stuck == 0


async def test_when_all_threads_are_stuck_callers_are_told_at_once(gate: threading.Event) -> None:
    threads = Threads(2)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await threads.run(gate.wait, 30)
    with pytest.raises(CheckBrokenError, match="2 threads are stuck"):
        await threads.run(max, 1, 2)
    gate.set()
    await until(lambda: threads.busy == 0)
    assert await threads.run(max, 1, 2) == 2


async def test_those_who_wait_already_are_told_too(gate: threading.Event) -> None:
    threads = Threads(1)
    first = asyncio.get_running_loop().create_task(threads.run(gate.wait, 30))
    await until(lambda: threads.busy == 1)
    second = asyncio.get_running_loop().create_task(threads.run(max, 1, 2))
    await until(lambda: len(threads._waiting) == 1)
    first.cancel()
    with pytest.raises(CheckBrokenError, match="1 threads are stuck"):
        await second


async def test_who_gives_up_waiting_leaves_the_line(gate: threading.Event) -> None:
    threads = Threads(1)
    first = asyncio.get_running_loop().create_task(threads.run(gate.wait, 30))
    await until(lambda: threads.busy == 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await threads.run(max, 1, 2)
    gate.set()
    await first
    assert await threads.run(max, 1, 2) == 2
    await until(lambda: threads.busy == 0)


async def test_calls_one_after_another_share_a_thread() -> None:
    threads = Threads(8)
    assert len({await threads.run(threading.current_thread) for _ in range(20)}) == 1


async def test_calls_at_the_same_time_have_a_thread_each() -> None:
    threads, both = Threads(8), threading.Barrier(2, timeout=30)

    def meet() -> threading.Thread:
        both.wait()
        return threading.current_thread()

    for _ in range(5):
        assert len(set(await asyncio.gather(threads.run(meet), threads.run(meet)))) == 2


async def test_what_is_not_needed_any_more_ends() -> None:
    threads, all_there = Threads(8), threading.Barrier(8, timeout=30)

    def meet() -> threading.Thread:
        all_there.wait()
        return threading.current_thread()

    met = set(await asyncio.gather(*(threads.run(meet) for _ in range(8))))
    await until(lambda: sum(thread.is_alive() for thread in met) == _MOST_IDLE)


async def test_a_thread_that_nobody_needed_for_a_while_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salus.threads._IDLE_FOR", 0.01)
    threads = Threads(8)
    thread = await threads.run(threading.current_thread)
    await until(lambda: not thread.is_alive())
    assert await threads.run(threading.current_thread) is not thread


async def test_a_thread_that_is_about_to_end_still_takes_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salus.threads._IDLE_FOR", 0.0)
    threads = Threads(8)
    for number in range(500):
        assert await threads.run(max, number, 0) == number
    await until(lambda: threads.busy == 0)


async def test_an_idle_thread_keeps_nothing_of_its_last_call() -> None:
    class Big:
        pass

    async def call() -> weakref.ref[Big]:
        big = Big()
        await threads.run(lambda: big)
        return weakref.ref(big)

    threads = Threads(1)
    kept = await call()
    await until(lambda: gc.collect() is not None and kept() is None)


async def test_who_has_an_answer_awaits_nothing_however_long_the_thread_takes_to_let_go(
    gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Virtual time would stand still for a thread that nobody awaits, and would not wait for the next one."""
    wake = threads_module._wake

    def wake_and_dawdle(call: threads_module._Call) -> None:
        wake(call)
        gate.wait(30)

    monkeypatch.setattr(threads_module, "_wake", wake_and_dawdle)
    threads = Threads(1)
    assert await threads.run(max, 1, 2) == 2
    assert not awaited_on(asyncio.get_running_loop())


def test_a_thread_outlives_its_loop_without_harm() -> None:
    threads, gate, ended = Threads(1), threading.Event(), threading.Event()

    def work() -> None:
        gate.wait(30)
        ended.set()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await threads.run(work)

    asyncio.run(give_up())
    gate.set()
    assert ended.wait(30)

    async def again() -> int:
        await until(lambda: threads.busy == 0)
        return await threads.run(max, 1, 2)

    assert asyncio.run(again()) == 2


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_made_by_a_fork_counts_no_threads_of_its_parent() -> None:
    threads = Threads(1)
    begun, end = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        end.wait(10)

    async def work() -> None:
        running = asyncio.ensure_future(threads.run(hang))
        await asyncio.to_thread(begun.wait, 10)
        child = os.fork()
        if child == 0:
            os._exit(threads.busy)
        end.set()
        await running
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    asyncio.run(work())


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_made_by_a_fork_does_not_wait_for_an_idle_thread_of_its_parent() -> None:
    threads = Threads(1)
    assert asyncio.run(threads.run(max, 1, 2)) == 2
    child = os.fork()
    if child == 0:
        os._exit(asyncio.run(asyncio.wait_for(threads.run(max, 3, 4), 5)))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4

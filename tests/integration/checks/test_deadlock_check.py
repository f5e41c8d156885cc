"""Threads that wait for each other are found, with the stacks of both; threads that only wait are told from them."""

from __future__ import annotations

import asyncio
import gc
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from weakref import ref

import pytest

from salus.checks._waiting import Standstill
from salus.checks.deadlock import Deadlock
from salus.model import Observation, Status
from salus.ports import Check
from salus.units import Duration
from tests.looks import look_from, site

LONGEST = 20.0


class Account:
    """Money behind a lock, as in every textbook."""

    def __init__(self) -> None:
        self.__lock = threading.Lock()
        self.locks = {"own": self.__lock}

    def free(self) -> None:
        with suppress(RuntimeError):
            self.__lock.release()

    def give(self, other: Account, ready: threading.Barrier) -> None:
        with suppress(RuntimeError), self.__lock:  # the test takes the lock away in the end
            ready.wait()
            with other.__lock:
                pass

    def give_in_one_line(self, other: Account, ready: threading.Barrier) -> None:
        with suppress(RuntimeError), self.locks["own"], Meeting(ready), other.locks["own"]:
            pass

    def give_by_hand(self, other: Account, ready: threading.Barrier) -> None:
        with suppress(RuntimeError):
            self.__lock.acquire()
            try:
                ready.wait()
                other.__lock.acquire()
                other.__lock.release()
            finally:
                self.__lock.release()


class Meeting:
    """Lets nobody through before everybody is there."""

    def __init__(self, ready: threading.Barrier) -> None:
        self._ready = ready

    def __enter__(self) -> None:
        self._ready.wait()

    def __exit__(self, *_: object) -> None:
        pass


@contextmanager
def running(*work: Callable[[], object], free: Callable[[], object]) -> Iterator[list[threading.Thread]]:
    """Run threads until they are freed."""
    threads = [threading.Thread(target=each, name=f"worker-{number}", daemon=True) for number, each in enumerate(work)]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        free()
        for thread in threads:
            thread.join(LONGEST)
        assert not any(thread.is_alive() for thread in threads)


async def looks(check: Check, count: int = 2, *, apart: float = 10.0) -> Observation:
    """Look again and again, as if so many seconds lay between, and not a moment more."""
    first = look_from(site())
    seen = [await check.look(replace(first, started=first.started + number * apart)) for number in range(count)]
    return seen[-1]


async def settled(status: Status, **options: Duration) -> Observation:
    """Look until the threads of a test have got where they wait."""
    try:
        async with asyncio.timeout(LONGEST):
            while (seen := await looks(Deadlock(**options).build(site()))).status is not status:
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"no look was {status}")
    return seen


@pytest.mark.parametrize("way", ["give", "give_in_one_line", "give_by_hand"])
async def test_a_deadlocked_pair_is_proven_and_told_with_both_stacks(way: str) -> None:
    one, two, ready = Account(), Account(), threading.Barrier(2)
    give, back = getattr(one, way), getattr(two, way)
    with running(lambda: give(two, ready), lambda: back(one, ready), free=one.free):
        seen = await settled(Status.UNHEALTHY)
    assert "deadlock" in seen.message
    assert "worker-0" in seen.message
    assert "worker-1" in seen.message
    assert "test_deadlock_check.py" in seen.message
    told = seen.metadata["threads"]
    assert isinstance(told, list)
    by_name = {str(each["name"]): each for each in told if isinstance(each, dict)}
    assert by_name["worker-0"]["held_by"] == "worker-1"
    assert by_name["worker-1"]["held_by"] == "worker-0"
    for each in by_name.values():
        assert f"in Account.{way}" in str(each["stack"])
        assert "lock" in str(each["waits_for"])
    assert seen.metrics["deadlocked"].value == 2


async def test_a_thread_that_waits_for_its_own_lock_is_deadlocked() -> None:
    lock = threading.Lock()

    def twice() -> None:
        with suppress(RuntimeError), lock, lock:
            pass

    with running(twice, free=lock.release):
        seen = await settled(Status.UNHEALTHY)
    assert "worker-0" in seen.message
    assert "holds itself" in seen.message


async def test_reentrant_locks_and_conditions_are_seen_too() -> None:
    lock, condition, ready = threading.Lock(), threading.Condition(), threading.Barrier(2)

    def one() -> None:
        with suppress(RuntimeError), lock:
            ready.wait()
            with condition:
                pass

    def two() -> None:
        with condition:
            ready.wait()
            with lock:
                pass

    with running(one, two, free=lock.release):
        seen = await settled(Status.UNHEALTHY)
    assert "the lock of a condition" in seen.message
    assert seen.metrics["deadlocked"].value == 2


async def test_a_long_wait_is_degraded_with_who_holds_the_lock_and_only_after_its_time() -> None:
    lock, end, held = threading.Lock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            end.wait(LONGEST)

    def wait() -> None:
        held.wait(LONGEST)
        with lock:
            pass

    with running(hold, wait, free=end.set):
        seen = await settled(Status.DEGRADED, longer_than=Duration(5))
        short = await looks(Deadlock(longer_than=Duration(60)).build(site()))
        hard = await settled(Status.UNHEALTHY, longer_than=Duration(5), waiting_below=Duration(8))
    assert "worker-1 has waited 10 s for lock" in seen.message
    assert "held by worker-0" in seen.message
    assert "in test_a_long_wait" in str(seen.metadata["threads"])
    assert short.status is Status.HEALTHY
    assert hard.status is Status.UNHEALTHY


async def test_idle_threads_are_left_alone() -> None:
    jobs: queue.Queue[None] = queue.Queue()
    simple: queue.SimpleQueue[None] = queue.SimpleQueue()
    end, signal = threading.Event(), threading.Lock()
    signal.acquire()

    def free() -> None:
        jobs.put(None)
        simple.put(None)
        signal.release()
        end.set()

    with ThreadPoolExecutor(2) as pool, running(jobs.get, simple.get, end.wait, signal.acquire, free=free):
        pool.submit(int).result()
        seen = await looks(Deadlock(longer_than=Duration(5)).build(site()), 3)
    assert seen.status is Status.HEALTHY


async def test_a_thread_that_moves_is_not_waiting_however_often_it_is_seen_at_a_lock() -> None:
    lock, end = threading.Lock(), threading.Event()

    def busy() -> None:
        while not end.wait(0.002):
            with lock:
                pass

    with running(busy, busy, free=end.set):
        seen = await looks(Deadlock(longer_than=Duration(5)).build(site()), 4)
    assert seen.status is Status.HEALTHY


async def test_the_lock_of_a_log_handler_is_found_in_the_standard_library() -> None:
    locked, end, held = logging.Handler(), threading.Event(), threading.Event()

    def hold() -> None:
        locked.acquire()
        held.set()
        end.wait(LONGEST)
        locked.release()

    def write() -> None:
        held.wait(LONGEST)
        locked.acquire()
        locked.release()

    with running(hold, write, free=end.set):
        seen = await settled(Status.DEGRADED, longer_than=Duration(5))
    assert "held by worker-0" in seen.message


def test_it_must_be_told_before_it_is_bad() -> None:
    assert Deadlock(longer_than=Duration(30), waiting_below=Duration(10)).problems()


class Thing:
    """Something that a thread has in a variable."""


def test_a_look_keeps_nothing_of_a_thread_alive_without_the_garbage_collector(no_garbage_collector: None) -> None:
    lock, there, kept = threading.Lock(), threading.Event(), list[ref[Thing]]()

    def wait() -> None:
        thing = Thing()
        kept.append(ref(thing))
        there.set()
        with lock:
            pass

    def look() -> None:
        standstill = Standstill()
        standstill.suspects(0.0)
        while not (suspects := standstill.suspects(1.0)):
            continue
        standstill.examine(suspects, 1.0)

    with lock:
        waits = threading.Thread(target=wait, daemon=True)
        waits.start()
        there.wait(LONGEST)
        looks = threading.Thread(target=look, daemon=True)
        looks.start()
        looks.join(LONGEST)
        assert not looks.is_alive()
    waits.join(LONGEST)
    assert kept[0]() is None


@pytest.fixture
def no_garbage_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

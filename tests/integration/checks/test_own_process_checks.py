"""What Salus sees of the process that it lives in: threads, tasks, garbage, memory and files, and whether they leak."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from salus.checks._growth import Growth
from salus.checks._host import memory_limit
from salus.checks.file_descriptors import FileDescriptors
from salus.checks.garbage_collector import GarbageCollector
from salus.checks.process_memory import ProcessMemory
from salus.checks.tasks import Tasks
from salus.checks.threads import Threads
from salus.model import Observation, Status
from salus.options import CheckOptions
from salus.ports import Check, Site
from salus.units import Amount, Duration, Share, Size
from tests.applications import Application, application
from tests.looks import look_from, look_once, site

MINUTE = 60.0


@pytest.fixture
def app() -> Iterator[Application]:
    with application() as running:
        yield running


@pytest.fixture
def idle_threads() -> Iterator[None]:
    """Have twenty threads that are called worker-0, worker-1 and so on."""
    end = threading.Event()
    threads = [threading.Thread(target=end.wait, name=f"worker-{number}", daemon=True) for number in range(20)]
    for thread in threads:
        thread.start()
    yield
    end.set()
    for thread in threads:
        thread.join(5)


async def watched(check: Check, place: Site, count: int, between: Callable[[int], object]) -> Observation:
    """Look once a minute, as it were."""
    seen: list[Observation] = []
    for number in range(count):
        seen.append(await check.look(replace(look_from(place), started=number * MINUTE)))
        between(number)
    return seen[-1]


# ── Threads ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_too_many_threads_are_told_with_their_most_frequent_names(idle_threads: None) -> None:
    few = await look_once(Threads(count_below=2000))
    many = await look_once(Threads(count_below=10))
    assert few.status is Status.HEALTHY
    assert not few.metadata
    assert many.status is Status.UNHEALTHY
    assert "expected below 10" in many.message
    names = many.metadata["names"]
    assert isinstance(names, dict)
    assert names["worker"] == 20
    assert many.metrics["count"].value >= many.metrics["python_count"].value >= 20


async def test_a_leak_of_threads_is_told_as_growth_once_the_window_was_seen() -> None:
    end, place = threading.Event(), site()
    check = Threads(growth_below=10.0, growth_window=Duration(40 * MINUTE)).build(place)
    leaked: list[threading.Thread] = []

    def leak(_: int) -> None:
        leaked.append(threading.Thread(target=end.wait, daemon=True))
        leaked[-1].start()

    try:
        early = await watched(check, place, 20, leak)
        assert early.status is Status.HEALTHY
        assert "growth_per_hour" not in early.metrics
        check = Threads(growth_below=10.0, growth_window=Duration(40 * MINUTE)).build(place)
        late = await watched(check, place, 42, leak)
    finally:
        end.set()
        for thread in leaked:
            thread.join(5)
    assert late.status is Status.UNHEALTHY
    assert late.metrics["growth_per_hour"].value == pytest.approx(60)
    assert "+60 threads an hour over 40m, expected below 10" in late.message


# ── Growth ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_noise_is_no_growth_and_a_slow_leak_is() -> None:
    noise, leak = Growth(3600), Growth(3600)
    for number in range(400):
        wobble = (number * 7919) % 101
        noise.add(number * 10.0, 1000.0 + wobble)
        leak.add(number * 10.0, 1000.0 + wobble + number)
    assert noise.per_hour == 0.0
    assert leak.per_hour == pytest.approx(360, rel=0.3)


def test_growth_is_judged_over_the_newest_window_only() -> None:
    growth = Growth(600)
    for number in range(200):
        growth.add(number * 10.0, min(number, 100.0))
    assert growth.per_hour == 0.0


# ── Tasks ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def nap() -> None:
    await asyncio.sleep(60)


async def test_tasks_of_the_application_are_counted_on_its_loop_and_named_by_coroutine(app: Application) -> None:
    for _ in range(10):
        app.start(nap())
    app.call(lambda: None)
    place = app.live_at(site())
    assert (await look_once(Tasks(count_below=100), place)).message == "10 tasks"
    seen = await look_once(Tasks(count_below=5), place)
    assert seen.status is Status.UNHEALTHY
    assert seen.metadata["coroutines"] == {"nap": 10}


async def test_tasks_of_a_blocked_loop_are_unknown(app: Application) -> None:
    app.block()
    seen = await look_once(Tasks(count_below=5), app.live_at(site()), timeout=2.0)
    assert seen.status is Status.UNKNOWN
    assert "does not answer" in seen.message


async def test_without_an_application_the_tasks_of_salus_are_counted() -> None:
    assert (await look_once(Tasks())).status is Status.HEALTHY


# ── Garbage collector ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_pauses_of_the_collector_are_measured_from_the_first_look_on() -> None:
    place = site()
    check = GarbageCollector(pause_below=Duration(1e-9), share_below=Share(1e-9)).build(place)
    before = len(gc.callbacks)
    try:
        first = await check.look(look_from(place))
        assert first.status is Status.HEALTHY
        gc.collect()
        seen = await check.look(look_from(place))
    finally:
        await check.aclose()
    assert len(gc.callbacks) == before
    assert seen.status is Status.UNHEALTHY
    assert "longest pause" in seen.message
    assert seen.metrics["collections_2"].value >= 1
    assert 0 < seen.metrics["pause_seconds"].value <= seen.metrics["paused_seconds"].value
    assert seen.metrics["paused_ratio"].value > 0


async def test_what_cannot_be_collected_is_told() -> None:
    gc.garbage.append(object())
    try:
        seen = await look_once(GarbageCollector())
        hard = await look_once(GarbageCollector(uncollectable_below=1))
    finally:
        gc.garbage.clear()
    assert seen.status is Status.DEGRADED
    assert "cannot be collected" in seen.message
    assert hard.status is Status.UNHEALTHY


# ── Memory ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_memory_is_held_against_sizes_and_against_shares_of_the_limit() -> None:
    seen = await look_once(ProcessMemory(rss_below=Amount.parse("90%")))
    assert seen.status is Status.HEALTHY
    assert seen.metrics["rss_bytes"].value > 10e6
    assert seen.metrics["limit_bytes"].value > seen.metrics["rss_bytes"].value
    assert "uss_bytes" not in seen.metrics
    over = await look_once(ProcessMemory(rss_below=Amount.parse("1MiB")))
    assert over.status is Status.UNHEALTHY
    assert "expected below 1 MiB" in over.message
    own = await look_once(ProcessMemory(uss_below=Amount.parse("1MiB")))
    assert own.status is Status.UNHEALTHY
    assert 0 < own.metrics["uss_bytes"].value <= own.metrics["rss_bytes"].value


async def test_memory_that_grows_is_told_as_growth() -> None:
    place, held = site(), list[bytearray]()
    check = ProcessMemory(growth_below=Size.parse("10MiB"), growth_window=Duration(40 * MINUTE)).build(place)
    seen = await watched(check, place, 42, lambda _: held.append(bytearray(os.urandom(1)) * (1 << 20)))
    assert seen.status is Status.UNHEALTHY
    assert seen.metrics["growth_bytes_per_hour"].value == pytest.approx(60 << 20, rel=0.5)
    assert "an hour over 40m, expected below 10 MiB" in seen.message


def test_the_limit_is_that_of_the_tightest_control_group(tmp_path: Path) -> None:
    for path, text in {
        "proc/meminfo": "MemTotal: 1048576 kB\nMemAvailable: 524288 kB\n",
        "proc/self/cgroup": "0::/shop/web\n",
        "sys/fs/cgroup/cgroup.controllers": "memory\n",
        "sys/fs/cgroup/shop/memory.max": "268435456\n",
        "sys/fs/cgroup/shop/memory.current": "1\n",
        "sys/fs/cgroup/shop/memory.stat": "inactive_file 0\n",
        "sys/fs/cgroup/shop/web/memory.max": "max\n",
        "sys/fs/cgroup/shop/web/memory.current": "1\n",
        "sys/fs/cgroup/shop/web/memory.stat": "inactive_file 0\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert memory_limit(tmp_path) == (268435456, "/shop")


# ── File descriptors ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_open_files_are_counted_and_told_by_kind_when_they_are_too_many(tmp_path: Path) -> None:
    fine = await look_once(FileDescriptors())
    assert fine.status is Status.HEALTHY
    assert fine.metrics["limit"].value == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    with ExitStack() as stack:
        for number in range(20):
            stack.enter_context(socket.socket())
            stack.enter_context((tmp_path / str(number)).open("w"))
        seen = await look_once(FileDescriptors(open_below=20))
    assert seen.status is Status.UNHEALTHY
    kinds = seen.metadata["kinds"]
    assert isinstance(kinds, dict)
    assert isinstance(kinds["sockets"], int)
    assert isinstance(kinds["files"], int)
    assert kinds["sockets"] >= 20
    assert kinds["files"] >= 20


async def test_near_the_soft_limit_it_is_bad_without_any_bound() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = int((await look_once(FileDescriptors())).metrics["open"].value)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(count / 0.85) + 1, hard))
        near = await look_once(FileDescriptors())
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
        full = await look_once(FileDescriptors(), timeout=5)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert near.status is Status.DEGRADED
    assert full.status is Status.UNHEALTHY


async def test_a_leak_of_files_is_told_as_growth() -> None:
    place = site()
    check = FileDescriptors(growth_below=5.0, growth_window=Duration(40 * MINUTE)).build(place)
    with ExitStack() as stack:
        seen = await watched(check, place, 42, lambda _: stack.enter_context(socket.socket()))
    assert seen.status is Status.UNHEALTHY
    assert "open files an hour" in seen.message


@pytest.mark.parametrize("options", [Threads(), GarbageCollector(), ProcessMemory(), FileDescriptors()])
async def test_cheap_checks_are_looked_at_without_a_task(options: CheckOptions) -> None:
    check = options.build(site())
    assert getattr(check, "instant", False)
    with pytest.raises(StopIteration):
        check.look(look_from(site())).send(None)
    await check.aclose()

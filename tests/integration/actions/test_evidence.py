from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from salus.actions.capture_evidence import CaptureEvidence
from salus.errors import ActionError
from salus.evidence import host_snapshot, masked, process_snapshot
from salus.model import Effect
from salus.units import Duration, Size
from tests.unit.actions.scenes import FakeService, make_scene


def stacks_can_be_read() -> bool:
    try:
        return bool(Path("/proc/self/stack").read_text())
    except OSError:
        return False


SLEEPER = """
import threading, sys
for _ in range(3):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.read()
"""

TALKER = """
import faulthandler, signal, sys, threading
faulthandler.register(signal.SIGUSR1)
def stuck_here():
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
    sys.stdin.read()
stuck_here()
"""


@dataclass
class Started:
    """A real process and the file it writes its errors to."""

    pid: int
    errors: Path
    process: asyncio.subprocess.Process


Start = Callable[..., Awaitable[Started]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    started: list[asyncio.subprocess.Process] = []

    async def begin(program: str, *arguments: str) -> Started:
        errors = tmp_path / "errors"
        with errors.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", program, *arguments,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=file,
            )  # fmt: skip
        started.append(process)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        return Started(process.pid, errors, process)

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_process_shows_its_state_memory_files_and_threads(start: Start) -> None:
    child = await start(SLEEPER, "--password=hidden", "--verbose")
    await until(lambda: process_snapshot(child.pid)["state"] == "sleeping")
    found = process_snapshot(child.pid)
    assert found["threads"] == 4
    assert isinstance(found["rss_bytes"], int)
    assert found["rss_bytes"] > 1_000_000
    assert isinstance(found["open_files"], int)
    assert found["open_files"] >= 3
    assert found["parent"] == os.getpid()
    assert isinstance(found["tasks"], list)
    assert len(found["tasks"]) == 4
    assert isinstance(found["command"], list)
    assert found["command"][-2:] == ["--password=***", "--verbose"]


@pytest.mark.skipif(not stacks_can_be_read(), reason="kernel stacks are for root alone, and not in every container")
async def test_kernel_stacks_say_where_each_thread_stands(start: Start) -> None:
    child = await start(SLEEPER)

    def stand() -> bool:  # each for itself: one that sleeps says nothing of the others
        first, *others = (json.dumps(task) for task in process_snapshot(child.pid)["tasks"])  # type: ignore[union-attr]
        assert all("stack" in stack for stack in (first, *others))
        return "read" in first and all("futex" in stack for stack in others)

    await until(stand)


async def test_a_stopped_process_is_stopped_and_a_dead_one_is_a_zombie_and_then_nothing(start: Start) -> None:
    child = await start(SLEEPER)
    os.kill(child.pid, signal.SIGSTOP)
    await until(lambda: process_snapshot(child.pid)["state"] == "stopped")
    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: process_snapshot(child.pid).get("state") in ("zombie", None))
    await child.process.wait()
    assert process_snapshot(child.pid) == {}


@pytest.mark.parametrize("pid", [-1, 0, 2**31, 4_194_304_999])
def test_a_process_that_cannot_be_has_no_evidence(pid: int) -> None:
    assert process_snapshot(pid) == {}


def test_many_threads_do_not_make_it_slow() -> None:
    release = threading.Event()
    threads = [threading.Thread(target=release.wait) for _ in range(100)]
    for thread in threads:
        thread.start()
    try:
        found = process_snapshot(os.getpid())
        loop = asyncio.new_event_loop()
        took = []
        for _ in range(20):
            before = loop.time()
            process_snapshot(os.getpid())
            took.append(loop.time() - before)
        loop.close()
    finally:
        release.set()
        for thread in threads:
            thread.join()
    assert isinstance(found["tasks"], list)
    assert len(found["tasks"]) == 32
    assert min(took) < 0.005


def test_the_host_says_how_it_is() -> None:
    found = host_snapshot()
    assert json.dumps(found)
    assert isinstance(found["memory"], dict)
    assert found["memory"]["total_bytes"]
    assert isinstance(found["load"], list)
    assert len(found["load"]) == 3
    assert isinstance(found["disk"], dict)
    assert found["disk"]["available_bytes"]


def test_what_looks_like_a_secret_is_masked_in_command_lines() -> None:
    line = ["app", "--token", "abc", "--api-key=def", "-v", "DB_PASSWORD=ghi", "postgres://joe:jkl@db/x", "--tokens"]
    assert masked(line) == [
        "app", "--token", "***", "--api-key=***", "-v", "DB_PASSWORD=***", "postgres://joe:***@db/x", "--tokens",
    ]  # fmt: skip
    assert masked(["app", "--token", "--verbose"]) == ["app", "--token", "--verbose"]


# ── The action ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_action_records_host_process_and_last_output(start: Start) -> None:
    child = await start(SLEEPER)
    service = FakeService(pid=child.pid, output=[f"line {number}" for number in range(100)])
    result = await CaptureEvidence(lines=3).run(make_scene(service=service))
    assert result.message == f"recorded the host and the process {child.pid}"
    assert isinstance(result.evidence["process"], dict)
    assert result.evidence["process"]["pid"] == child.pid
    assert result.evidence["output"] == ["line 97", "line 98", "line 99"]
    assert "host" in result.evidence
    assert CaptureEvidence().effect is Effect.RECORDS


async def test_without_a_service_or_a_process_the_host_is_what_there_is() -> None:
    result = await CaptureEvidence().run(make_scene())
    assert result.message == "recorded the host"
    assert list(result.evidence) == ["host"]
    result = await CaptureEvidence().run(make_scene(service=FakeService(pid=None, output=["last words"])))
    assert result.evidence["output"] == ["last words"]
    result = await CaptureEvidence().run(make_scene(service=FakeService(pid=2**30)))
    assert result.evidence["process"] == f"there is no process {2**30} any more"
    with pytest.raises(ActionError, match="no service 'other'"):
        await CaptureEvidence(service="other").run(make_scene())


async def test_everything_together_stays_within_its_limit() -> None:
    service = FakeService(output=["x" * 1000] * 1000)
    result = await CaptureEvidence(limit=Size(2000), lines=1000).run(make_scene(service=service))
    assert len(json.dumps(result.evidence)) <= 2000


async def test_a_witness_is_asked_about_the_process() -> None:
    action = CaptureEvidence(command=("echo", "{pid}", "{service}:{check}"))
    result = await action.run(make_scene(service=FakeService(pid=100)))
    assert isinstance(result.evidence["command"], dict)
    assert result.evidence["command"]["stdout"] == "100 web:web-http\n"
    result = await action.run(make_scene(service=FakeService(pid=None)))
    assert result.evidence["command"] == "not run: there is no process"


async def test_a_witness_that_fails_is_said_and_the_rest_is_kept() -> None:
    result = await CaptureEvidence(command=("no-such-witness",)).run(make_scene())
    assert "failed: there is no program 'no-such-witness'" in str(result.evidence["command"])
    assert "host" in result.evidence
    result = await CaptureEvidence(command=("sh", "-c", "echo half; exit 3")).run(make_scene())
    assert isinstance(result.evidence["command"], dict)
    assert result.evidence["command"]["exit_code"] == 3


async def test_a_witness_that_hangs_is_killed_in_time() -> None:
    action = CaptureEvidence(command=("sleep", "600"), command_timeout=Duration(0.1))
    async with asyncio.timeout(20):
        result = await action.run(make_scene())
    assert result.evidence["command"] == "killed: it took longer than 100 ms"


class Talking(FakeService):
    """Its process writes its stacks when it is asked to."""

    errors: Path

    async def signal(self, number: int) -> None:
        assert self.pid is not None
        os.kill(self.pid, number)
        async with asyncio.timeout(20):
            while "stuck_here" not in self.errors.read_text():
                await asyncio.sleep(0.005)

    def last_output(self, lines: int = 50) -> list[str]:
        return self.errors.read_text().splitlines()[-lines:]


async def test_a_process_that_handles_the_signal_writes_down_its_stacks(start: Start) -> None:
    child = await start(TALKER)
    service = Talking(pid=child.pid)
    service.errors = child.errors
    result = await CaptureEvidence(signal="USR1").run(make_scene(service=service))
    assert result.evidence["signal"] == "sent"
    assert "stuck_here" in str(result.evidence["output"])


async def test_a_process_that_does_not_handle_the_signal_is_not_killed_by_it(start: Start) -> None:
    child = await start(SLEEPER)
    service = FakeService(pid=child.pid)
    result = await CaptureEvidence(signal="USR1").run(make_scene(service=service))
    assert result.evidence["signal"] == "not sent: the process does not handle signal 10"
    assert service.asked == []


@pytest.mark.parametrize(
    "action, field",
    [
        (CaptureEvidence(command=("gdb -p",)), "command"),
        (CaptureEvidence(command=("gdb", "{pdi}")), "command"),
        (CaptureEvidence(signal="USR9"), "signal"),
        (CaptureEvidence(command_timeout=Duration(0)), "command_timeout"),
        (CaptureEvidence(lines=-1), "lines"),
        (CaptureEvidence(limit=Size(10)), "limit"),
    ],
)
def test_options_that_make_no_sense_are_problems(action: CaptureEvidence, field: str) -> None:
    assert [name for name, _ in action.problems()] == [field]

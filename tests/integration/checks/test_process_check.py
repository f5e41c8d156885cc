"""Real processes: running, stopped, dead, many, greedy, and strangers under a known number."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from salus.checks.process import Process
from salus.errors import CheckBrokenError
from salus.model import ServiceState, Status
from salus.units import Duration, Size
from tests.looks import ServiceInView, look_from, look_once, site

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start Python programs that say when they are ready, and end them all."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(code: str, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        program = f"{code}\nprint('ready', flush=True)\nimport time\ntime.sleep(60)"
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", program, *arguments],
            stdout=subprocess.PIPE,
            start_new_session=True,
            **more,
        )
        started.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        return child

    yield begin
    for child in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(30)
        assert child.stdout is not None
        child.stdout.close()


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


async def reaches(pid: int, state: str) -> None:
    async with asyncio.timeout(30):
        while state_of(pid) != state:
            await asyncio.sleep(0.002)


async def test_a_service_that_runs_is_healthy_with_its_numbers(start: Start) -> None:
    child = start("")
    place = site(services={"web": ServiceInView(pid=child.pid)})
    observation = await look_once(Process(service="web"), place)
    assert observation.status is Status.HEALTHY
    assert observation.incarnation == f"copy-{child.pid}"
    assert observation.metrics["count"].value == 1
    assert observation.metrics["rss_bytes"].value > 2**20
    assert observation.metrics["fds"].value >= 3
    assert 0 <= observation.metrics["age_seconds"].value < 30
    assert observation.metadata["pids"] == [child.pid]


@pytest.mark.parametrize(
    "service, status, says",
    [
        (
            ServiceInView(ServiceState.EXITED, message="killed by SIGKILL"),
            Status.UNHEALTHY,
            "exited: killed by SIGKILL",
        ),
        (ServiceInView(ServiceState.STOPPED, wanted=False), Status.UNHEALTHY, "stopped (stopped by a person)"),
        (ServiceInView(ServiceState.STARTING, pid=1), Status.UNKNOWN, "starting"),
        (ServiceInView(ServiceState.UNKNOWN), Status.UNKNOWN, "unknown"),
        (ServiceInView(ServiceState.RUNNING), Status.HEALTHY, "running"),
    ],
)
async def test_a_service_speaks_for_itself(service: ServiceInView, status: Status, says: str) -> None:
    observation = await look_once(Process(service="web"), site(services={"web": service}))
    assert (observation.status, observation.message) == (status, says)


async def test_the_look_at_a_service_never_leaves_the_loop(start: Start) -> None:
    place = site(services={"web": ServiceInView(pid=start("").pid)})
    check = Process(service="web", rss_below=Size(2**40)).build(place)
    looking = check.look(look_from(place))
    with pytest.raises(StopIteration) as answered:  # it never waits for anything
        looking.send(None)
    assert answered.value.value.status is Status.HEALTHY


async def test_a_service_without_a_name_cannot_be_told() -> None:
    with pytest.raises(CheckBrokenError, match="no service 'web'"):
        await look_once(Process(service="web"))


async def test_a_stopped_process_is_unhealthy(start: Start) -> None:
    child = start("")
    place = site(services={"web": ServiceInView(pid=child.pid)})
    os.kill(child.pid, signal.SIGSTOP)
    await reaches(child.pid, "T")
    observation = await look_once(Process(service="web"), place)
    assert observation.status is Status.UNHEALTHY
    assert "is stopped (SIGSTOP)" in observation.message
    assert observation.metadata["state"] == "T"
    os.kill(child.pid, signal.SIGCONT)
    await reaches(child.pid, "S")
    assert (await look_once(Process(service="web"), place)).status is Status.HEALTHY


async def test_a_zombie_does_not_run(start: Start, tmp_path: Path) -> None:
    child = start("")
    pid_file = tmp_path / "pid"
    pid_file.write_text(f"{child.pid}\n", encoding="ascii")
    os.kill(child.pid, signal.SIGKILL)
    await reaches(child.pid, "Z")
    by_service = await look_once(Process(service="web"), site(services={"web": ServiceInView(pid=child.pid)}))
    assert (by_service.status, by_service.message) == (Status.UNHEALTHY, f"process {child.pid} has ended")
    by_file = await look_once(Process(pid_file=pid_file))
    assert by_file.status is Status.UNHEALTHY
    assert "is not running" in by_file.message


async def test_a_pid_file_leads_to_its_process(start: Start, tmp_path: Path) -> None:
    child = start("", "marker-of-mine")
    pid_file = tmp_path / "pid"
    pid_file.write_text(f"{child.pid}\nsome more\n", encoding="ascii")
    first = await look_once(Process(pid_file=pid_file))
    assert first.status is Status.HEALTHY
    assert first.incarnation
    assert (await look_once(Process(pid_file=pid_file))).incarnation == first.incarnation
    known = await look_once(Process(pid_file=pid_file, command_matches="marker-of-mine"))
    assert known.status is Status.HEALTHY
    other = await look_once(Process(pid_file=pid_file, command_matches="postgres"))
    assert other.status is Status.UNHEALTHY
    assert "another program" in other.message


async def test_a_pid_file_older_than_the_process_with_its_number_is_stale(start: Start, tmp_path: Path) -> None:
    child = start("")
    pid_file = tmp_path / "pid"
    pid_file.write_text(f"{child.pid}", encoding="ascii")
    os.utime(pid_file, (1_000_000_000, 1_000_000_000))
    observation = await look_once(Process(pid_file=pid_file))
    assert observation.status is Status.UNHEALTHY
    assert "the file is stale" in observation.message


@pytest.mark.parametrize("text", ["", "soon", "-1", "0", "99999999999"])
async def test_a_pid_file_without_a_number_is_unhealthy(text: str, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(text, encoding="ascii")
    observation = await look_once(Process(pid_file=pid_file))
    assert observation.status is Status.UNHEALTHY
    assert "holds no process number" in observation.message


async def test_a_missing_pid_file_is_unhealthy_and_an_unreadable_one_cannot_tell(tmp_path: Path) -> None:
    observation = await look_once(Process(pid_file=tmp_path / "none"))
    assert (observation.status, observation.message) == (Status.UNHEALTHY, f"no pid file {tmp_path / 'none'}")
    with pytest.raises(CheckBrokenError, match="cannot read the pid file"):
        await look_once(Process(pid_file=tmp_path))


async def test_a_thread_number_is_no_process(start: Start, tmp_path: Path) -> None:
    child = start("import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()")
    tasks = [int(path.name) for path in Path(f"/proc/{child.pid}/task").iterdir()]
    pid_file = tmp_path / "pid"
    pid_file.write_text(str(max(tasks)), encoding="ascii")
    assert max(tasks) != child.pid
    assert (await look_once(Process(pid_file=pid_file))).status is Status.UNHEALTHY


async def test_a_pattern_finds_all_and_counts_them(start: Start) -> None:
    mark = f"salus-test-{os.getpid()}-many"
    for _ in range(3):
        start("", mark)
    observation = await look_once(Process(pattern=mark))
    assert (observation.status, observation.message) == (Status.HEALTHY, "3 processes run")
    assert observation.metrics["youngest_age_seconds"].value <= observation.metrics["age_seconds"].value
    few = await look_once(Process(pattern=mark, count_above=3))
    assert (few.status, few.message) == (Status.UNHEALTHY, "3 processes run, expected above 3")
    many = await look_once(Process(pattern=mark, warn_count_below=3))
    assert many.status is Status.DEGRADED


async def test_nobody_may_run_where_the_count_must_be_below_one(start: Start) -> None:
    mark = f"salus-test-{os.getpid()}-none"
    check = Process(pattern=mark, count_below=1)
    assert (await look_once(check)).status is Status.HEALTHY
    start("", mark)
    assert (await look_once(check)).status is Status.UNHEALTHY


async def test_what_salus_runs_for_checks_is_not_found(start: Start) -> None:
    mark = f"salus-test-{os.getpid()}-errand"
    start("", mark, env={"SALUS_CHILD": "state:check:other"})
    observation = await look_once(Process(pattern=mark))
    assert (observation.status, observation.message) == (Status.UNHEALTHY, f"no process matches {mark!r}")
    start("", mark, env={"SALUS_CHILD": "state:service:web"})
    assert (await look_once(Process(pattern=mark))).status is Status.HEALTHY


async def test_memory_is_added_up_over_the_tree(start: Start) -> None:
    hog = "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-I', '-S', '-c', "
    hog += '"x = bytearray(64 << 20); print(len(x), flush=True); import time; time.sleep(60)"]'
    hog += ", stdout=subprocess.PIPE)\nchild.stdout.readline()"
    parent = start(hog)
    place = site(services={"web": ServiceInView(pid=parent.pid)})
    alone = await look_once(Process(service="web", rss_below=Size(60 * 2**20)), place)
    assert alone.status is Status.HEALTHY
    tree = await look_once(Process(service="web", rss_below=Size(60 * 2**20), tree=True), place)
    assert tree.status is Status.UNHEALTHY
    assert "of memory resident, expected below 60 MiB" in tree.message
    assert tree.metrics["rss_bytes"].value > 64 * 2**20


async def test_processor_time_is_measured_between_looks_and_at_once_the_first_time(start: Start) -> None:
    busy = start(
        "import threading\ndef spin():\n  while True: pass\nthreading.Thread(target=spin, daemon=True).start()"
    )
    place = site(services={"web": ServiceInView(pid=busy.pid)})
    observation = await look_once(Process(service="web", cpu_below=0.05), place)
    assert observation.status is Status.UNHEALTHY
    assert observation.metrics["cpu_ratio"].value > 0.05
    idle = start("")
    place = site(services={"web": ServiceInView(pid=idle.pid)})
    check = Process(service="web", cpu_below=0.5).build(place)
    await check.look(look_from(place))
    observation = await check.look(look_from(place))
    assert observation.status is Status.HEALTHY


async def test_threads_files_and_age_have_bounds(start: Start) -> None:
    code = "import os\nkept = [os.open('/dev/null', os.O_RDONLY) for _ in range(50)]"
    place = site(services={"web": ServiceInView(pid=start(code).pid)})
    files = await look_once(Process(service="web", fds_below=40), place)
    assert files.status is Status.UNHEALTHY
    assert "files open, expected below 40" in files.message
    young = await look_once(Process(service="web", age_above=Duration(3600)), place)
    assert young.status is Status.UNHEALTHY
    assert "only, expected above 1h" in young.message
    assert (await look_once(Process(service="web", threads_below=1), place)).status is Status.UNHEALTHY
    assert (await look_once(Process(service="web", age_below=Duration(3600)), place)).status is Status.HEALTHY


@pytest.mark.parametrize(
    "options, field",
    [
        (Process(), "service"),
        (Process(service="web", pattern="x"), "service"),
        (Process(pattern="("), "pattern"),
        (Process(service="web", count_above=1), "count_above"),
        (Process(service="web", command_matches="x"), "command_matches"),
        (Process(service="web", user="root"), "user"),
    ],
)
def test_options_that_make_no_sense_together_are_told(options: Process, field: str) -> None:
    assert [name for name, _ in options.problems()] == [field]


async def test_only_processes_of_one_user_are_found(start: Start) -> None:
    mark = f"salus-test-{os.getpid()}-user"
    start("", mark)
    assert (await look_once(Process(pattern=mark, user=str(os.getuid())))).status is Status.HEALTHY
    assert (await look_once(Process(pattern=mark, user="54321"))).status is Status.UNHEALTHY
    with pytest.raises(CheckBrokenError, match="no user"):
        await look_once(Process(pattern=mark, user="nobody-of-that-name"))

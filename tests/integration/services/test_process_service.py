from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from salus.errors import ServiceError, StartError
from salus.model import EventKind, ServiceState
from salus.ports import Service
from salus.services._log import LogOptions
from salus.services._ready import ReadyOptions
from salus.services.process import ProcessOptions
from salus.units import Duration, Size
from tests.stage import Stage, alive, descriptors, until, zombies

root_only = pytest.mark.skipif(os.getuid() != 0, reason="not on this platform: only root can become somebody else")
LISTEN = (
    "import socket,time,sys\n"
    "time.sleep(float(sys.argv[2]))\n"
    "s=socket.create_server(('127.0.0.1',int(sys.argv[1])))\n"
    "while True:\n"
    "    c,_=s.accept(); c.recv(1000)\n"
    "    c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok'); c.close()\n"
)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def shell(script: str, **more: Any) -> ProcessOptions:
    return ProcessOptions(command=("sh", "-c", script), **more)


def pid_of(service: Service) -> int:
    assert service.status.pid is not None
    return service.status.pid


async def exited(service: Service) -> None:
    await until(lambda: service.status.state is ServiceState.EXITED)


async def test_a_service_starts_tells_so_and_is_remembered(stage: Stage) -> None:
    async with stage.service(shell("echo hello; exec sleep 600")) as service:
        assert service.status.state is ServiceState.STOPPED
        await service.start()

        status = service.status
        assert (status.state, status.starts, status.wanted) == (ServiceState.RUNNING, 1, True)
        assert status.incarnation
        assert stage.kinds() == [EventKind.SERVICE_STARTED]
        assert stage.records["web"].launch["pid"] == status.pid
        await until(lambda: "hello" in service.last_output())
        assert any(line.startswith(f"--- salus: started pid {status.pid} at") for line in service.last_output())


async def test_starting_what_runs_changes_nothing(stage: Stage) -> None:
    async with stage.service(shell("exec sleep 600")) as service:
        await service.start()
        before = service.status
        await asyncio.gather(service.start(), service.start())

        assert service.status == before


async def test_an_exit_is_seen_at_once_told_and_its_checks_are_nudged(stage: Stage) -> None:
    async with stage.service(shell("sleep 0.1; exit 3")) as service:
        await service.start()
        await exited(service)

        assert re.match(r"exited with 3 after [\d.]+ m?s", service.status.message)
        assert service.status.pid is None
        assert stage.kinds() == [EventKind.SERVICE_STARTED, EventKind.SERVICE_EXITED]
        assert stage.nudged == ["web"]
        assert service.status.wanted
        assert zombies() == []


async def test_a_service_never_restarts_by_itself(stage: Stage) -> None:
    async with stage.service(shell("exec sleep 600")) as service:
        await service.start()
        os.kill(pid_of(service), signal.SIGKILL)
        await exited(service)
        await asyncio.sleep(0.1)

        assert service.status.message.startswith("killed by SIGKILL after")
        assert stage.pids() == []


async def test_a_restart_after_a_kill_takes_no_stop_time_out_and_gives_a_new_incarnation(stage: Stage) -> None:
    async with stage.service(shell("exec sleep 600", stop_timeout=Duration(60))) as service:
        await service.start()
        before = service.status
        os.kill(pid_of(service), signal.SIGKILL)
        async with asyncio.timeout(20):
            await service.restart()

        assert service.status.running
        assert service.status.incarnation != before.incarnation
        assert service.status.starts == 2
        await until(lambda: len(stage.pids()) == 1)


async def test_a_restart_need_not_wait_for_the_loop_to_tell_of_the_exit(stage: Stage) -> None:
    async with stage.service(shell("exec sleep 600")) as service:
        await service.start()
        pid = pid_of(service)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not alive(pid))
        await service.restart()

        assert stage.kinds().count(EventKind.SERVICE_EXITED) == 1
        assert service.status.running


async def test_a_stop_asks_first_and_lets_the_service_finish(stage: Stage, tmp_path: Path) -> None:
    script = f"trap 'echo bye > {tmp_path}/bye; exit 0' TERM; touch {tmp_path}/up; while :; do sleep 0.01; done"
    async with stage.service(shell(script, ready=ReadyOptions(file=tmp_path / "up"))) as service:
        await service.start()
        await service.stop()

        assert (tmp_path / "bye").read_text() == "bye\n"
        assert service.status.state is ServiceState.STOPPED
        assert stage.kinds()[-1] is EventKind.SERVICE_STOPPED
        assert EventKind.SERVICE_EXITED not in stage.kinds()
        assert stage.pids() == []


async def test_a_wrapper_that_dies_of_the_stop_signal_passes_it_to_what_it_wrapped(
    stage: Stage, tmp_path: Path
) -> None:
    inner = f"trap 'echo bye > {tmp_path}/bye; exit 0' TERM; touch {tmp_path}/up; while :; do sleep 0.01; done"
    options = shell(f'sh -c "{inner}"; true', ready=ReadyOptions(file=tmp_path / "up"))
    async with stage.service(options) as service:
        await service.start()
        await service.stop()

        assert (tmp_path / "bye").read_text() == "bye\n"
        assert stage.pids() == []


async def test_a_service_that_ignores_the_stop_signal_is_killed_with_its_whole_tree(
    stage: Stage, tmp_path: Path
) -> None:
    script = (
        "trap '' TERM; sleep 600 & setsid sh -c 'trap \"\" TERM; sleep 600 & sleep 600' & "
        f"(setsid sh -c 'sleep 600 & touch {tmp_path}/up; sleep 600' &); while :; do sleep 1; done"
    )
    options = shell(script, stop_timeout=Duration(0.2), ready=ReadyOptions(file=tmp_path / "up"))
    async with stage.service(options) as service:
        await service.start()
        await until(lambda: len(stage.pids()) >= 6)
        await service.stop()

        assert stage.pids() == []
        assert zombies() == []


async def test_a_stopped_process_is_replaced_without_waiting_for_its_stop_time_out(stage: Stage) -> None:
    async with stage.service(shell("sleep 600; true", stop_timeout=Duration(60))) as service:
        await service.start()
        before = pid_of(service)
        os.kill(before, signal.SIGSTOP)
        await until(lambda: " T " in Path(f"/proc/{before}/stat").read_text())
        async with asyncio.timeout(20):
            await service.restart()

        assert not alive(before)
        await until(lambda: len({os.getsid(pid) for pid in stage.pids()}) == 1)


async def test_what_a_dead_leader_left_in_other_sessions_is_killed_before_a_new_start(
    stage: Stage, tmp_path: Path
) -> None:
    script = f"setsid sleep 600 & sleep 600 & echo $! > {tmp_path}/pid; wait"
    async with stage.service(shell(script, ready=ReadyOptions(file=tmp_path / "pid"))) as service:
        await service.start()
        await until(lambda: len(stage.pids()) == 3)
        await until(lambda: len({os.getsid(pid) for pid in stage.pids()}) == 2)  # one has gone its own way
        before = stage.pids()
        os.kill(pid_of(service), signal.SIGKILL)
        await exited(service)
        await service.restart()

        assert not any(alive(pid) for pid in before)
        assert "killed what the earlier copy left behind" in stage.said(EventKind.SERVICE_STOPPED)


async def test_a_program_that_does_not_exist_is_a_start_error_that_names_it(stage: Stage) -> None:
    async with stage.service(ProcessOptions(command=("no-such-program",))) as service:
        with pytest.raises(StartError, match="web: cannot run no-such-program: No such file or directory") as caught:
            await service.start()

        assert caught.value.remedy
        assert service.status.state is ServiceState.EXITED
        assert stage.kinds() == [EventKind.SERVICE_FAILED]


async def test_a_service_that_ends_before_it_is_ready_fails_with_its_last_words(stage: Stage) -> None:
    options = shell("echo no licence; exit 4", ready=ReadyOptions(tcp=1))
    async with stage.service(options) as service:
        with pytest.raises(StartError, match=r"exited with 4 after .*, before it was ready.*no licence"):
            await service.start()

        assert stage.pids() == []


async def test_a_service_that_is_not_ready_in_time_leaves_nothing_behind(stage: Stage) -> None:
    options = shell("setsid sleep 600 & sleep 600", ready=ReadyOptions(notify=True), start_timeout=Duration(0.2))
    async with stage.service(options) as service:
        with pytest.raises(StartError, match="it was not ready within 200 ms, and was killed"):
            await service.start()

        assert stage.pids() == []
        assert service.status.state is ServiceState.EXITED


async def test_a_start_that_is_cancelled_leaves_nothing_behind(stage: Stage) -> None:
    options = shell("setsid sleep 600 & sleep 600", ready=ReadyOptions(notify=True))
    async with stage.service(options) as service:
        start = asyncio.create_task(service.start())
        await until(lambda: len(stage.pids()) == 3)
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start

        assert stage.pids() == []
        assert service.status.message == "its start was cancelled"
        await service.stop()


async def test_a_stop_that_is_cancelled_leaves_a_service_that_can_be_stopped_again(
    stage: Stage, tmp_path: Path
) -> None:
    script = f"trap '' TERM; touch {tmp_path}/up; while :; do sleep 0.05; done"
    options = shell(script, stop_timeout=Duration(60), ready=ReadyOptions(file=tmp_path / "up"))
    async with stage.service(options) as service:
        await service.start()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await service.stop()

        assert service.status.running
        pid = pid_of(service)
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: " T " in Path(f"/proc/{pid}/stat").read_text())
        await service.stop()
        assert stage.pids() == []


async def test_a_service_that_a_person_stopped_is_remembered_as_unwanted(stage: Stage) -> None:
    async with stage.service(shell("exec sleep 600")) as service:
        await service.start()
        await service.stop(by_person=True)

        assert not stage.records["web"].wanted
        async with stage.service(shell("exec sleep 600")) as again:
            await again.adopt(stage.records["web"], start=True)
            assert not again.status.running
            await again.start()
            assert again.status.wanted
            assert stage.records["web"].wanted


async def test_a_service_without_autostart_waits_to_be_asked(stage: Stage) -> None:
    async with stage.service(shell("exec sleep 600", autostart=False)) as service:
        await service.adopt(None, start=True)

        assert service.status.state is ServiceState.STOPPED
        assert not service.status.wanted


async def test_a_signal_goes_to_the_main_process_only(stage: Stage, tmp_path: Path) -> None:
    script = f"trap 'echo got >> {tmp_path}/got' USR1; touch {tmp_path}/up; while :; do sleep 0.01; done"
    async with stage.service(shell(script, ready=ReadyOptions(file=tmp_path / "up"))) as service:
        await service.start()
        await service.signal(signal.SIGUSR1)
        await until((tmp_path / "got").exists)
        await service.stop()
        with pytest.raises(ServiceError, match="cannot send SIGUSR1, nothing runs"):
            await service.signal(signal.SIGUSR1)


@pytest.mark.parametrize("way", ["tcp", "http", "output", "notify", "after"])
async def test_readiness_is_seen(stage: Stage, way: str, unused_tcp_port: int) -> None:
    listen = (sys.executable, "-c", LISTEN, str(unused_tcp_port), "0.1")
    notify = (
        "import os,socket,time;time.sleep(0.1);s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM);"
        "a=os.environ['NOTIFY_SOCKET'];s.sendto(b'STATUS=up\\nREADY=1',a.replace('@','\\0',1));time.sleep(600)"
    )
    options = {
        "tcp": ProcessOptions(command=listen, ready=ReadyOptions(tcp=unused_tcp_port)),
        "http": ProcessOptions(command=listen, ready=ReadyOptions(http=f"http://127.0.0.1:{unused_tcp_port}/")),
        "output": shell("sleep 0.1; echo server ready now; sleep 600", ready=ReadyOptions(output=r"^server ready")),
        "notify": ProcessOptions(command=(sys.executable, "-c", notify), ready=ReadyOptions(notify=True)),
        "after": shell("sleep 600", ready=ReadyOptions(after=Duration(0.1))),
    }[way]
    began = asyncio.get_running_loop().time()
    async with stage.service(options) as service:
        await service.start()

        assert asyncio.get_running_loop().time() - began >= 0.1
        assert service.status.state is ServiceState.RUNNING


async def test_the_output_of_an_earlier_copy_does_not_count_as_ready(stage: Stage) -> None:
    options = shell("test -e stop && sleep 600; touch stop; echo ready; sleep 600", directory=stage.folder)
    ready = ProcessOptions(
        command=options.command,
        directory=stage.folder,
        ready=ReadyOptions(output="^ready"),
        start_timeout=Duration(3),  # in which the first copy is ready, on the slowest machine
    )
    async with stage.service(ready) as service:
        await service.start()
        with pytest.raises(StartError):
            await service.restart()


async def test_limits_umask_and_directory_reach_the_service(stage: Stage) -> None:
    options = shell(
        "ulimit -n; umask; pwd; exec sleep 600", limits={"nofile": Size(99)}, umask="027", directory=stage.folder
    )
    async with stage.service(options) as service:
        await service.start()
        await until(lambda: len(service.last_output()) == 4)

        assert set(service.last_output()) >= {"99", "0027", str(stage.folder)}


@root_only
async def test_a_service_runs_as_its_user_and_its_tree_can_still_be_killed(stage: Stage) -> None:
    options = shell("id -u; echo $HOME; setsid sleep 600 & exec sleep 600", user="nobody", directory=Path("/"))
    async with stage.service(options) as service:
        await service.start()
        await until(lambda: len(service.last_output()) == 3 and len(stage.pids()) == 2)
        assert "65534" in service.last_output()
        await service.stop()

        assert stage.pids() == []


async def test_an_unknown_user_is_a_start_error(stage: Stage) -> None:
    async with stage.service(shell("true", user="nobody-at-all")) as service:
        with pytest.raises(StartError, match="no user 'nobody-at-all'"):
            await service.start()


async def test_many_restarts_leave_no_descriptor_no_zombie_and_one_copy(stage: Stage) -> None:
    async with stage.service(shell("sleep 600; true")) as service:
        await service.start()
        await service.restart()
        before = descriptors()
        for number in range(20):
            if number % 2:
                os.kill(pid_of(service), signal.SIGKILL)
            await service.restart()

        assert descriptors() == before
        assert zombies() == []
        await until(lambda: len({os.getsid(pid) for pid in stage.pids()}) == 1)


async def test_output_goes_on_after_salus_has_let_go(stage: Stage) -> None:
    async with stage.service(shell("while :; do echo tick; sleep 0.01; done")) as service:
        await service.start()
        pid = pid_of(service)
        await service.aclose()
        size = len(service.last_output(10_000))
        await until(lambda: len(service.last_output(10_000)) > size + 3)

        assert alive(pid)


async def test_a_log_that_grows_too_big_is_rotated_while_the_service_writes(stage: Stage) -> None:
    log = LogOptions(max_size=Size(4096), keep=2)
    script = f"i=0; while :; do i=$((i+1)); echo line $i {'.' * 90}; sleep 0.001; done"
    async with stage.service(shell(script, log=log)) as service:
        await service.start()
        folder = stage.folder / "services" / "web"
        await until((folder / "output.log.2").exists)

        await until(lambda: any(line.startswith("line") for line in service.last_output(1)))
        assert not (folder / "output.log.3").exists()


def test_services_run_on_uvloop_too(stage: Stage) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def work() -> None:
        async with stage.service(shell("setsid sleep 600 & sleep 600")) as service:
            await service.start()
            os.kill(pid_of(service), signal.SIGKILL)
            await exited(service)
            await service.restart()
            await service.stop()
            assert stage.pids() == []

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())
    assert zombies() == []

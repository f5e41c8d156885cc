from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from salus.errors import ServiceError, StartError, StopError
from salus.model import EventKind, ServiceState
from salus.services.command import CommandOptions
from salus.units import Duration
from tests.stage import Stage, alive, until

# A daemon as they are: forks, opens a session, writes its pid file, stops on TERM.
DAEMON = """
import os, sys, signal
path, stubborn = sys.argv[1], len(sys.argv) > 2
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if stubborn else lambda *_: (os.unlink(path), os._exit(0)))
open(path + '.new', 'w').write(str(os.getpid()) + '\\n')
os.rename(path + '.new', path)
while True: signal.pause()
"""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def daemon(stage: Stage, *, stubborn: bool = False, **more: Any) -> CommandOptions:
    file = stage.folder / "daemon.pid"
    return CommandOptions(
        start=(sys.executable, "-c", DAEMON, str(file), *(["stubborn"] if stubborn else [])),
        stop=("sh", "-c", f"kill $(cat {file})"),
        pid_file=file,
        **more,
    )


async def test_a_daemon_is_started_watched_and_stopped(stage: Stage) -> None:
    async with stage.service(daemon(stage)) as service:
        await service.start()
        pid = service.status.pid
        assert pid == int((stage.folder / "daemon.pid").read_text())
        assert service.status.incarnation
        await service.stop()

        assert not alive(pid)
        assert service.status.state is ServiceState.STOPPED
        assert stage.kinds() == [EventKind.SERVICE_STARTED, EventKind.SERVICE_STOPPED]


async def test_the_end_of_a_daemon_is_seen_at_once_and_its_stale_pid_file_does_no_harm(stage: Stage) -> None:
    async with stage.service(daemon(stage)) as service:
        await service.start()
        first = service.status
        os.kill(first.pid or 0, signal.SIGKILL)
        await until(lambda: service.status.state is ServiceState.EXITED)
        assert stage.nudged == ["web"]
        assert (stage.folder / "daemon.pid").exists()
        await service.restart()

        assert service.status.running
        assert service.status.incarnation != first.incarnation
        await until(lambda: len(stage.pids()) == 1)  # and whoever forked it has gone


async def test_a_copy_that_somebody_else_starts_in_its_place_is_taken_over_and_told(stage: Stage) -> None:
    options = daemon(stage)
    async with stage.service(options) as service:
        await service.start()
        first = service.status
        os.kill(first.pid or 0, signal.SIGKILL)
        await until(lambda: service.status.state is ServiceState.EXITED)
        rival = await asyncio.create_subprocess_exec(*options.start)
        await rival.wait()
        await until(lambda: service.status.running)
        second = service.status

        assert second.pid not in (None, first.pid)
        assert second.incarnation != first.incarnation
        assert second.starts == first.starts, "it is not a start of ours"
        assert stage.said(EventKind.SERVICE_ADOPTED) == f"somebody else started it, as process {second.pid}"
        await service.stop()
        assert not alive(second.pid or 0)


async def test_a_daemon_that_does_not_listen_to_its_stop_command_is_killed(stage: Stage) -> None:
    async with stage.service(daemon(stage, stubborn=True, stop_timeout=Duration(0.3))) as service:
        await service.start()
        pid = service.status.pid or 0
        await service.restart()

        assert not alive(pid)
        await until(lambda: len(stage.pids()) == 1)  # and whoever forked it has gone
        await service.stop()
        assert stage.pids() == []


async def test_a_stopped_daemon_is_replaced_without_asking_it(stage: Stage) -> None:
    async with stage.service(daemon(stage, stop_timeout=Duration(60))) as service:
        await service.start()
        pid = service.status.pid or 0
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: " T " in Path(f"/proc/{pid}/stat").read_text())
        async with asyncio.timeout(20):
            await service.restart()

        assert not alive(pid)
        await until(lambda: len(stage.pids()) == 1)  # and whoever forked it has gone


async def test_a_running_daemon_is_taken_over(stage: Stage) -> None:
    async with stage.service(daemon(stage)) as first:
        await first.start()
        await first.aclose()
        async with stage.service(daemon(stage)) as service:
            await service.adopt(stage.records["web"], start=True)

            assert service.status.pid == first.status.pid
            assert service.status.incarnation == first.status.incarnation
            assert stage.kinds()[-1] is EventKind.SERVICE_ADOPTED


async def test_a_pid_file_that_names_another_program_is_stale(stage: Stage) -> None:
    file = stage.folder / "daemon.pid"
    other = await asyncio.create_subprocess_exec("sleep", "600")
    file.write_text(f"{other.pid}\n")
    os.utime(file, (1_000_000_000, 1_000_000_000))  # written long before that program started
    async with stage.service(daemon(stage)) as service:
        await service.adopt(None, start=False)
        assert service.status.state is ServiceState.STOPPED
        await service.start()
        assert service.status.pid != other.pid
        await service.stop()

    assert alive(other.pid)
    other.kill()
    await other.wait()


async def test_a_remembered_number_with_another_start_time_is_stale(stage: Stage) -> None:
    async with stage.service(daemon(stage)) as service:
        await service.start()
        record = stage.records["web"]
        await service.aclose()
        async with stage.service(daemon(stage)) as again:
            launch = {**record.launch, "start_ticks": int(str(record.launch["start_ticks"])) - 1}
            await again.adopt(type(record)(service="web", wanted=False, launch=launch), start=False)

            assert not again.status.running


@pytest.mark.parametrize("content", ["", "abc", "-5", "0", "999999999", "12 34"])
async def test_a_pid_file_with_nonsense_in_it_names_nobody(stage: Stage, content: str) -> None:
    (stage.folder / "daemon.pid").write_text(content)
    async with stage.service(daemon(stage, autostart=False)) as service:
        await service.adopt(None, start=True)

        assert not service.status.running


async def test_a_start_command_that_fails_is_told_with_its_last_words(stage: Stage) -> None:
    options = CommandOptions(start=("sh", "-c", "echo no config; exit 2"), stop=("true",))
    async with stage.service(options) as service:
        with pytest.raises(StartError, match=r"the command sh exited with 2.*no config"):
            await service.start()

        assert stage.kinds() == [EventKind.SERVICE_FAILED]


async def test_a_missing_command_is_a_service_error(stage: Stage) -> None:
    options = CommandOptions(start=("no-such-program",), stop=("nor-this",))
    async with stage.service(options) as service:
        with pytest.raises(StartError, match="cannot run no-such-program"):
            await service.start()
        with pytest.raises(StopError, match="cannot run nor-this"):
            await service.stop()


async def test_a_start_that_never_writes_its_pid_file_fails_and_leaves_nothing(stage: Stage) -> None:
    options = CommandOptions(
        start=("sh", "-c", "setsid sleep 600 & sleep 0.05"),
        stop=("true",),
        pid_file=stage.folder / "never.pid",
        start_timeout=Duration(0.4),
    )
    async with stage.service(options) as service:
        with pytest.raises(StartError, match="did not run within 400 ms"):
            await service.start()

        assert stage.pids() == []


async def test_a_command_that_hangs_is_killed_when_its_time_is_up(stage: Stage) -> None:
    options = CommandOptions(start=("sh", "-c", "sleep 600 & sleep 600"), stop=("true",), start_timeout=Duration(0.2))
    async with stage.service(options) as service:
        with pytest.raises(StartError):
            await service.start()

        assert stage.pids() == []


async def test_a_cancelled_start_leaves_nothing_behind(stage: Stage) -> None:
    options = CommandOptions(start=("sh", "-c", "setsid sleep 600 & sleep 600"), stop=("true",))
    async with stage.service(options) as service:
        start = asyncio.create_task(service.start())
        await until(lambda: len(stage.pids()) == 3)
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start

        assert stage.pids() == []


async def test_a_status_command_says_whether_it_runs(stage: Stage, tmp_path: Path) -> None:
    up = tmp_path / "up"
    options = CommandOptions(
        start=("touch", str(up)), stop=("rm", str(up)), status=("test", "-e", str(up)), restart=("touch", str(up))
    )
    async with stage.service(options) as service:
        up.touch()
        await service.adopt(None, start=True)
        assert (service.status.state, service.status.starts) == (ServiceState.RUNNING, 0)
        await service.restart()
        assert service.status.starts == 1
        await service.stop()
        assert not up.exists()
        await service.start()
        assert up.exists()


async def test_a_stop_command_that_does_not_help_is_a_stop_error(stage: Stage) -> None:
    options = CommandOptions(start=("true",), stop=("true",), status=("true",))
    async with stage.service(options) as service:
        await service.start()
        with pytest.raises(StopError, match="it still runs after the stop command"):
            await service.stop()


async def test_signals_need_a_pid_file(stage: Stage) -> None:
    async with stage.service(CommandOptions(start=("true",), stop=("true",))) as service:
        await service.start()
        with pytest.raises(ServiceError, match="its process is not known"):
            await service.signal(signal.SIGHUP)

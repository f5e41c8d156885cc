from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from salus.errors import SalusError
from salus.processes import Command, Family, environment, find_marked, kill_family, run
from tests.stage import alive, descriptors, until, zombies

root_only = pytest.mark.skipif(os.getuid() != 0, reason="not on this platform: only root can become somebody else")


@pytest.fixture
def state_id() -> Iterator[str]:
    name = uuid.uuid4().hex[:12]
    yield name
    for found in find_marked(name):
        os.kill(found.pid, signal.SIGKILL)


def shell(state_id: str, script: str, kind: str = "action", **more: object) -> Command:
    return Command(("sh", "-c", script), environment(state_id, kind, "tested"), **more)  # type: ignore[arg-type]


async def test_a_command_tells_its_exit_code_and_what_it_wrote(state_id: str) -> None:
    done = await run(shell(state_id, "cat; echo oops >&2; exit 3", stdin=b"hello" * 50_000))

    assert (done.code, done.signal, done.stderr) == (3, None, b"oops\n")
    assert done.truncated
    assert done.stdout.startswith(b"hello")
    assert done.stdout.endswith(b"hello")


async def test_a_command_without_input_reads_an_end_of_file_at_once(state_id: str) -> None:
    done = await run(shell(state_id, "cat; echo end"))

    assert done.stdout == b"end\n"


async def test_a_signal_that_ended_a_command_is_told(state_id: str) -> None:
    done = await run(shell(state_id, "kill -9 $$"))

    assert (done.code, done.signal) == (None, signal.SIGKILL)


async def test_of_long_output_the_beginning_and_the_end_are_kept(state_id: str) -> None:
    done = await run(shell(state_id, "echo first; head -c 3000000 /dev/zero; echo last"), max_output=1000)

    assert done.truncated
    assert done.stdout.startswith(b"first\n")
    assert done.stdout.endswith(b"last\n")
    assert b"bytes left out" in done.stdout
    assert len(done.stdout) < 1100


async def test_output_of_exactly_the_bound_is_whole(state_id: str) -> None:
    done = await run(shell(state_id, "head -c 1001 /dev/zero"), max_output=1001)

    assert not done.truncated
    assert len(done.stdout) == 1001


async def test_a_missing_program_is_named(state_id: str) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        await run(Command(("no-such-program",), environment(state_id, "check", "x")))

    assert caught.value.filename == "no-such-program"


async def test_a_program_that_may_not_be_run_is_named(state_id: str, tmp_path: Path) -> None:
    program = tmp_path / "plain"
    program.write_text("echo no")

    with pytest.raises(PermissionError) as caught:
        await run(Command((str(program),), environment(state_id, "check", "x")))

    assert caught.value.filename == str(program)


async def test_a_missing_directory_is_named(state_id: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        await run(shell(state_id, "pwd", directory=tmp_path / "gone"))

    assert str(caught.value.filename) == str(tmp_path / "gone")


async def test_a_program_is_looked_up_in_the_path_of_its_own_environment(state_id: str, tmp_path: Path) -> None:
    program = tmp_path / "greet"
    program.write_text("#!/bin/sh\necho hi\n")
    program.chmod(0o755)

    done = await run(Command(("greet",), environment(state_id, "check", "x", {"PATH": f"{tmp_path}:/bin:/usr/bin"})))

    assert done.stdout == b"hi\n"


async def test_a_command_gets_a_clean_environment_and_nothing_but_three_descriptors(state_id: str) -> None:
    leak = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(leak, True)
    os.environ["SALUS_TEST_SECRET"] = "hidden"
    try:
        done = await run(shell(state_id, "env; ls /proc/$$/fd | tr '\\n' ' '"))
    finally:
        os.close(leak)
        del os.environ["SALUS_TEST_SECRET"]

    assert b"hidden" not in done.stdout
    assert f"SALUS_CHILD={state_id}:action:tested".encode() in done.stdout
    assert done.stdout.endswith(b"0 1 2 ")


async def test_a_command_runs_in_a_session_of_its_own_with_default_signals(state_id: str) -> None:
    done = await run(shell(state_id, "cat /proc/$$/stat; exec grep -E 'SigIgn|SigBlk' /proc/self/status"))

    first, *rest = done.stdout.decode().splitlines()
    fields = first.split()
    assert fields[0] == fields[4] == fields[5]
    masks = dict(line.split(":\t") for line in rest)
    ignored = int(masks["SigIgn"], 16)
    inherited = re.search(r"SigIgn:\t(\w+)", Path("/proc/self/status").read_text())
    assert inherited is not None
    # What whoever started the tests ignores (nohup, make) is ignored below too; what only Python ignores is not.
    assert ignored & ~int(inherited[1], 16) == 0
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)
    assert int(masks["SigBlk"], 16) == 0


async def test_a_cancelled_command_dies_with_every_descendant_before_the_cancellation_passes(
    state_id: str, tmp_path: Path
) -> None:
    script = (
        "trap '' TERM HUP INT; sleep 600 & setsid sleep 600 & "
        "(setsid sh -c 'trap \"\" TERM; sleep 600 & setsid env -i sleep 600 & sleep 600' &) ; "
        f"sleep 0.1; touch {tmp_path}/ready; sleep 600"
    )
    task = asyncio.create_task(run(shell(state_id, script)))
    await until((tmp_path / "ready").exists)
    await until(lambda: len(find_marked(state_id)) >= 5)
    members = [found.pid for found in find_marked(state_id)]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert find_marked(state_id) == []
    assert not any(alive(pid) for pid in members)
    assert zombies() == []


async def test_a_stopped_command_can_be_cancelled(state_id: str) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await run(shell(state_id, "kill -STOP $$; echo never"))

    assert find_marked(state_id) == []


async def test_a_command_that_is_cancelled_twice_is_still_killed(state_id: str) -> None:
    task = asyncio.create_task(run(shell(state_id, "sleep 600")))
    await until(lambda: find_marked(state_id))
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert find_marked(state_id) == []


async def test_what_a_command_leaves_in_its_group_dies_with_it(state_id: str) -> None:
    done = await run(shell(state_id, "sleep 600 & echo $!"))

    await until(lambda: not alive(int(done.stdout)))


async def test_a_daemon_that_an_action_starts_lives_on(state_id: str, tmp_path: Path) -> None:
    daemon = f"setsid sh -c ': > {tmp_path}/alone; exec sleep 600' >/dev/null 2>&1 &"
    done = await run(shell(state_id, f"{daemon} while ! test -e {tmp_path}/alone; do sleep 0.01; done"))

    assert done.code == 0
    assert [found.leader for found in find_marked(state_id)] == [True]
    await kill_family(Family(f"{state_id}:action:tested"))
    assert find_marked(state_id) == []


async def test_of_a_check_that_leaves_something_holding_its_output_nothing_remains(state_id: str) -> None:
    done = await run(shell(state_id, "setsid sleep 600 & sleep 0.1; echo fine", kind="check"))

    assert done.stdout == b"fine\n"
    assert find_marked(state_id) == []


async def test_a_hundred_commands_leave_no_descriptor_and_no_zombie(state_id: str) -> None:
    await run(shell(state_id, "true"))
    before = descriptors()
    for _ in range(10):
        await asyncio.gather(*(run(shell(state_id, "echo x")) for _ in range(10)))

    assert descriptors() == before
    assert zombies() == []


async def test_limits_and_umask_are_set_before_the_program_starts(state_id: str) -> None:
    done = await run(shell(state_id, "ulimit -n; ulimit -c; umask", limits={"nofile": 77, "core": 0}, umask=0o027))

    assert done.stdout.split() == [b"77", b"0", b"0027"]


async def test_an_unknown_limit_is_an_error_that_names_the_known_ones(state_id: str) -> None:
    with pytest.raises(SalusError, match="there is no limit 'files'") as caught:
        await run(shell(state_id, "true", limits={"files": 3}))

    assert "nofile" in str(caught.value.remedy)


async def test_a_missing_program_behind_the_launcher_is_named_too(state_id: str) -> None:
    command = Command(("no-such-program",), environment(state_id, "check", "x"), limits={"core": 0})
    with pytest.raises(FileNotFoundError) as caught:
        await run(command)

    assert caught.value.filename == "no-such-program"
    assert zombies() == []


@root_only
async def test_root_can_run_a_command_as_somebody_else(state_id: str) -> None:
    done = await run(shell(state_id, "id -u; id -G", user="65534"))

    assert done.stdout.split()[0] == b"65534"
    assert b"0" not in done.stdout.split()[1:]


async def test_an_unknown_user_is_an_error(state_id: str) -> None:
    with pytest.raises(SalusError, match="there is no user 'nobody-at-all'"):
        await run(shell(state_id, "true", user="nobody-at-all"))


def test_commands_run_on_uvloop_too(state_id: str) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def work() -> None:
        assert (await run(shell(state_id, "echo hi; exit 4"))).code == 4
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await run(shell(state_id, "setsid sleep 600 & sleep 600"))
        assert find_marked(state_id) == []

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())
    assert zombies() == []


async def test_a_process_that_drops_its_environment_is_found_by_its_session(state_id: str, tmp_path: Path) -> None:
    command = shell(state_id, f"env -i sleep 600 & echo $! > {tmp_path}/pid; sleep 600")
    task = asyncio.create_task(run(command))
    await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await until(lambda: not alive(int((tmp_path / "pid").read_text())))


def test_an_agent_that_adopts_orphans_reaps_them_and_no_status_of_others(state_id: str) -> None:
    script = f"""
import asyncio, os, subprocess
from salus.processes import Command, OrphanReaper, become_subreaper, environment, run, stat
from salus.processes._proc import children
async def main():
    assert become_subreaper()
    reaper = OrphanReaper(0.05)
    reaper.start()
    other = subprocess.Popen(["true"])
    session = subprocess.Popen(["sh", "-c", "exit 7"], start_new_session=True)
    env = environment({state_id!r}, "action", "x")
    for _ in range(5):
        assert (await run(Command(("sh", "-c", "(setsid sh -c 'sleep 0.05 & exit' &); exit 5"), env))).code == 5
    assert other.wait() == 0
    assert session.wait() == 7
    async with asyncio.timeout(20):
        while any(now and now.session not in (now.pid, os.getsid(0)) for now in map(stat, children())):
            await asyncio.sleep(0.02)
    reaper.stop()
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 0, done.stderr

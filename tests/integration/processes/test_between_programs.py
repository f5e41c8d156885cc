"""Processes that are just becoming a program: for that moment they carry no mark, and must not be overlooked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from salus.processes import Family, _proc, find_marked, kill_family, look_for
from salus.processes._command import MARK
from tests.stage import alive

# A Salus that dies between the fork and the exec of a service: what it forked becomes the service only later.
DIES_WHILE_STARTING = """
import os, sys, time
go, mark = sys.argv[1:]
if os.fork() == 0:
    os.setsid()
    os.close(1)
    while not os.path.exists(go):
        time.sleep(0.005)
    os.execve("/bin/sleep", ["sleep", "600"], {"MARK": mark})
os._exit(0)
""".replace("MARK", MARK)


@pytest.fixture
async def state_id() -> AsyncIterator[str]:
    name = uuid.uuid4().hex[:12]
    yield name
    await kill_family(Family(f"{name}:service:web"))


@pytest.fixture
def restless(tmp_path: Path) -> Path:
    """A program that becomes itself again and again: most of the time it is between two programs."""
    program = tmp_path / "restless"
    program.write_text('#!/bin/sh\nexec "$0"\n')
    program.chmod(0o755)
    return program


async def start(*argv: str | Path, state_id: str) -> asyncio.subprocess.Process:
    environ = {MARK: f"{state_id}:service:web"}
    return await asyncio.create_subprocess_exec(*argv, env=environ, start_new_session=True)


async def test_what_a_dead_salus_was_just_starting_is_found(state_id: str, tmp_path: Path) -> None:
    go = tmp_path / "go"
    dying = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DIES_WHILE_STARTING, str(go), f"{state_id}:service:web", stdout=asyncio.subprocess.PIPE
    )
    await dying.communicate()
    look = asyncio.create_task(look_for(state_id, "service", "web"))
    done, _ = await asyncio.wait({look}, timeout=0.2)
    go.touch()

    assert not done
    assert len(await look) == 1


async def test_a_process_between_two_programs_is_never_overlooked(state_id: str, restless: Path) -> None:
    process = await start(restless, state_id=state_id)
    found = [[each.pid for each in find_marked(state_id)] for _ in range(200)]

    process.kill()
    await process.wait()
    assert found == [[process.pid]] * 200


async def test_a_process_is_not_overlooked_that_is_between_programs_both_times_its_environment_is_read(
    state_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await start("/bin/sleep", "600", state_id=state_id)
    mine, kernel, empty = f"/proc/{process.pid}/environ", _proc.read, 2

    def read(path: str) -> bytes:
        nonlocal empty
        if path == mine and empty:
            empty -= 1
            return b""
        return kernel(path)

    while not kernel(mine).startswith(MARK.encode()):  # it is still this program
        await asyncio.sleep(0.01)
    monkeypatch.setattr(_proc, "read", read)
    found = [each.pid for each in find_marked(state_id)]

    process.kill()
    await process.wait()
    assert (found, empty) == ([process.pid], 0)


async def test_a_process_whose_environment_is_forbidden_is_no_process_between_programs(
    state_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await start("/bin/sleep", "600", state_id=state_id)
    mine, kernel = f"/proc/{process.pid}/environ", os.open
    while not _proc.read(mine).startswith(MARK.encode()):  # it is still this program
        await asyncio.sleep(0.01)

    def forbid(path: str, flags: int) -> int:
        if path == mine:
            raise PermissionError(path)
        return kernel(path, flags)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", forbid)
        found = _proc.glance(process.pid)

    process.kill()
    await process.wait()
    assert found is None


async def test_a_process_between_two_programs_is_killed_with_its_family(state_id: str, restless: Path) -> None:
    for _ in range(20):
        process = await start(restless, state_id=state_id)
        survivors = await kill_family(Family(f"{state_id}:service:web"))
        was_alive = alive(process.pid)

        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        assert (survivors, was_alive) == ([], False)


async def test_a_fork_of_a_living_program_is_not_waited_for(state_id: str) -> None:
    forked = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import os, time; os.fork(); print('up', flush=True); time.sleep(600)",
        stdout=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert forked.stdout is not None
    await forked.stdout.readexactly(6)
    (fork,) = (each.pid for each in map(_proc.stat, _proc.pids()) if each and each.parent == forked.pid)
    # Others on this machine may be newcomers at any moment, so what is asked is whether this one is.
    newcomers = [_proc._newcomer(pid) for pid in (forked.pid, fork)]
    assert newcomers == [None, None]
    assert await look_for(state_id, "service", "web") == []

    os.killpg(forked.pid, signal.SIGKILL)
    await forked.communicate()

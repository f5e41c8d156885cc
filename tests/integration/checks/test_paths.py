"""The helper process that touches paths: it is shared, it can be killed, and what hangs in it hangs alone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from salus.checks import _paths
from salus.checks.directory import Directory
from salus.checks.disk import Disk
from salus.checks.file import File
from salus.checks.filesystem import Filesystem
from salus.errors import CheckBrokenError
from salus.model import Status
from salus.ports import Site
from salus.units import Amount
from tests.looks import look_from, look_once, site


def helper_pid() -> int | None:
    probes = _paths._PROBES.get(asyncio.get_running_loop())
    return probes.helper_pid if probes else None


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> list[int]:
    words = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(word) for word in words if alive(int(word))]


async def a_resting_helper(place: Site, folder: Path) -> int:
    """Start the helper, and wait until the child of its first probe is gone."""
    await Disk(path=folder).look(look_from(place))
    pid = helper_pid()
    assert pid is not None
    await eventually(lambda: not children(pid))
    return pid


def a_pipe(folder: Path) -> Path:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    return pipe


async def test_the_helper_is_shared_by_all_checks_and_ends_with_the_last(tmp_path: Path) -> None:
    place = site()
    check = Disk(path=tmp_path)
    await check.look(look_from(place))
    first = helper_pid()
    await Directory(path=tmp_path).look(look_from(place))
    assert first is not None
    assert helper_pid() == first
    await check.aclose()
    assert helper_pid() is None
    await eventually(lambda: not alive(first))


async def test_an_idle_helper_ends_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_paths, "IDLE_SECONDS", 0.05)
    await Disk(path=tmp_path).look(look_from(site()))
    pid = helper_pid()
    assert pid is not None
    await eventually(lambda: not alive(pid))
    assert (await look_once(Disk(path=tmp_path))).status is Status.HEALTHY


async def test_a_file_that_hangs_costs_its_own_look_only(tmp_path: Path) -> None:
    place = site()
    hanging = File(path=a_pipe(tmp_path), contains="never")
    async with asyncio.timeout(30):
        async with asyncio.TaskGroup() as tasks:

            async def hang() -> None:
                with pytest.raises(TimeoutError):
                    await look_once(hanging, place, timeout=1.0)

            tasks.create_task(hang())
            pid = None
            for _ in range(5):
                assert (await Disk(path=tmp_path).look(look_from(place))).status is Status.HEALTHY
                pid = pid or helper_pid()
                assert helper_pid() == pid
        # The helper outlives the child it had to kill.
        assert pid is not None
        await eventually(lambda: not children(pid))
        assert helper_pid() == pid
    await _paths.release()


async def test_a_look_cut_off_as_its_answer_comes_leaves_nothing_hung(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = site()
    (tmp_path / "there").touch()
    check = File(path=tmp_path / "there")
    await a_resting_helper(place, tmp_path)
    probes = _paths._PROBES[asyncio.get_running_loop()]
    late = asyncio.get_running_loop().create_task(check.look(look_from(place)))
    await asyncio.sleep(0)
    taken = probes.answered

    def answered(line: bytes) -> None:
        late.cancel()  # the deadline, in the very turn of the loop that brings the answer and the end of the child
        taken(line)

    monkeypatch.setattr(probes, "answered", answered)
    subprocess.run(["sleep", "0.5"], check=True)  # Salus itself stands still: both are there when it goes on
    with suppress(asyncio.CancelledError):
        await late
    monkeypatch.undo()
    assert (await look_once(check, place)).status is Status.HEALTHY
    await _paths.release()


async def test_a_killed_helper_is_replaced_and_nobody_notices(tmp_path: Path) -> None:
    place = site()
    await Disk(path=tmp_path).look(look_from(place))
    first = helper_pid()
    assert first is not None
    os.kill(first, signal.SIGKILL)
    # It is dead, and the loop has not heard of it yet.
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    observation = await look_once(Disk(path=tmp_path), place)
    assert observation.status is Status.HEALTHY


async def test_probes_under_way_when_the_helper_is_killed_are_asked_again(tmp_path: Path) -> None:
    place = site()
    pipe = a_pipe(tmp_path)
    first = await a_resting_helper(place, tmp_path)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(File(path=pipe, contains="hello").look(look_from(place)))
        await eventually(lambda: bool(children(first)))
        orphan = children(first)
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: helper_pid() not in (None, first))
        second = helper_pid()
        assert second is not None
        await eventually(lambda: bool(children(second)))
        # Whoever reads gets something now, the orphan of the killed helper included.
        for pid in orphan:
            os.kill(pid, signal.SIGKILL)
        await eventually(lambda: not any(alive(pid) for pid in orphan))
        with pipe.open("w", encoding="ascii") as stream:
            stream.write("hello")
    assert task.result().status is Status.HEALTHY
    await _paths.release()


async def test_a_helper_killed_twice_is_no_verdict_on_the_path(tmp_path: Path) -> None:
    pipe = a_pipe(tmp_path)
    killed: set[int] = set()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:

        async def expect_broken() -> None:
            with pytest.raises(CheckBrokenError, match="killed twice"):
                await File(path=pipe, contains="x").look(look_from(site()))

        tasks.create_task(expect_broken())
        for _ in range(2):
            await eventually(lambda: helper_pid() not in {None, *killed})
            pid = helper_pid()
            assert pid is not None
            await eventually(lambda pid=pid: bool(children(pid)))  # type: ignore[misc]
            orphans = children(pid)
            os.kill(pid, signal.SIGKILL)
            for orphan in orphans:
                os.kill(orphan, signal.SIGKILL)
            killed.add(pid)


async def test_a_killed_probe_is_no_verdict_on_the_path(tmp_path: Path) -> None:
    place = site()
    pid = await a_resting_helper(place, tmp_path)

    async def kill_the_child() -> None:
        await eventually(lambda: bool(children(pid)))
        os.kill(children(pid)[0], signal.SIGKILL)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(kill_the_child())
        with pytest.raises(CheckBrokenError, match="killed by signal 9"):
            await File(path=a_pipe(tmp_path), contains="x").look(look_from(place))
    await _paths.release()


async def test_the_helper_and_its_hanging_children_die_when_salus_does(tmp_path: Path) -> None:
    place = site()
    pipe = a_pipe(tmp_path)
    task = asyncio.get_running_loop().create_task(File(path=pipe, contains="x").look(look_from(place)))
    await eventually(lambda: bool((pid := helper_pid()) and children(pid)))
    pid = helper_pid()
    assert pid is not None
    hanging = children(pid)
    helper = _paths._PROBES[asyncio.get_running_loop()]._helper
    assert helper is not None
    helper.end_input()  # what the kernel does for a Salus that was killed
    await eventually(lambda: not any(alive(each) for each in hanging))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await _paths.release()
    async with asyncio.timeout(20):
        await helper.ended.wait()  # and it is reaped: whoever looks for zombies later finds none


async def test_many_probes_at_once_are_all_answered(tmp_path: Path) -> None:
    place = site()
    async with asyncio.timeout(50):
        seen = await asyncio.gather(*(Disk(path=tmp_path).look(look_from(place)) for _ in range(200)))
    assert {observation.status for observation in seen} == {Status.HEALTHY}
    await _paths.release()


async def test_a_real_write_leaves_nothing_behind_and_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    check = Filesystem(path=tmp_path)
    observation = await look_once(check)
    assert observation.status is Status.HEALTHY
    assert observation.metrics["latency_seconds"].value > 0
    assert list(tmp_path.iterdir()) == []

    leftover = tmp_path / f".salus-probe-{zlib.crc32(b'tests:checked'):08x}"
    leftover.write_bytes(b"half")
    assert (await look_once(check)).status is Status.HEALTHY
    assert not leftover.exists()


async def test_disk_compares_free_room_with_its_bounds(tmp_path: Path) -> None:
    everything = Disk(path=tmp_path, free_above=Amount.parse("100%"))
    observation = await look_once(everything)
    assert observation.status is Status.UNHEALTHY
    assert "expected above 100%" in observation.message
    assert 0 <= observation.metrics["free_ratio"].value <= 1

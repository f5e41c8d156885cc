"""Run one command to its end and keep what it wrote, within bounds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from salus.processes import _proc
from salus.processes._child import Child
from salus.processes._command import MARK, Command, Completed
from salus.processes._finish import to_the_end
from salus.processes._reaper import is_subreaper
from salus.processes._spawn import spawn
from salus.processes._tree import Family, kill_family

_CHUNK = 65536
_DRAIN = 0.25


async def run(command: Command, *, max_output: int = 65536) -> Completed:
    """Run a command in a session of its own, and return when it has ended.

    When it ends, the rest of its process group ends too. What has opened a session of its own lives on, as a daemon
    means to, unless this is a check: nothing of a check may remain.

    Args:
        command: what to run.
        max_output: bytes kept of each of stdout and stderr; of longer output the first and the last part.

    Raises:
        FileNotFoundError: no such program or directory.
        PermissionError: it may not be run.
        OSError: it could not be started for another reason.
        SalusError: the user, the group or a limit does not exist.
        CancelledError: the caller was cancelled; by then the whole tree is dead and reaped.
    """
    stdout, stderr = _Capture(max_output), _Capture(max_output)
    try:
        child = await _started(command, stdout, stderr)
        family = Family(command.environment.get(MARK, ""), launch=child.launch, session=child.pid)
        try:
            end = await child.wait()
            duration = asyncio.get_running_loop().time() - child.began
            await _drained(stdout, stderr)
        except asyncio.CancelledError:
            child.signal_group(signal.SIGKILL)
            await to_the_end("kill a cancelled command", _kill(family, child))
            raise
        finally:
            child.close()
        if _kind(command) == "check" and _may_remain(family, stdout, stderr):
            await to_the_end("kill what a check left behind", _kill(family, None))
    finally:
        stdout.close()
        stderr.close()
    return Completed(
        code=end.code,
        signal=end.signal,
        stdout=stdout.content(),
        stderr=stderr.content(),
        truncated=stdout.truncated or stderr.truncated,
        duration=duration,
    )


async def _started(command: Command, stdout: _Capture, stderr: _Capture) -> Child:
    out, err = stdout.open(), -1
    try:
        err = stderr.open()
        child = await spawn(command, stdout=out, stderr=err)
    finally:
        os.close(out)
        if err >= 0:
            os.close(err)
    child.watch()
    stdout.listen()
    stderr.listen()
    return child


async def _drained(*captures: _Capture) -> None:
    """Wait for the end of the output: at once as a rule, and briefly when somebody else still holds the pipe."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN):
            for capture in captures:
                await capture.ended.wait()


async def _kill(family: Family, leader: Child | None) -> None:
    await kill_family(family, leader)


def _kind(command: Command) -> str:
    return command.environment.get(MARK, "").split(":", 2)[1:2][0] if MARK in command.environment else ""


def _may_remain(family: Family, *captures: _Capture) -> bool:
    if not all(capture.ended.is_set() for capture in captures):
        return True
    if not is_subreaper():
        return False
    found = [_proc.glance(pid) for pid in _proc.children()]
    return any(marks is _proc.BETWEEN or family.has(marks) for marks in found)


class _Capture:
    """One pipe, read as fast as it is filled; keeps the beginning and the end."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0
        self._reader = -1
        self._loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()

    def open(self) -> int:
        """Make the pipe; returns the end to write to, which the caller closes."""
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        return writer

    def listen(self) -> None:
        self._loop.add_reader(self._reader, self._read)

    def close(self) -> None:
        if self._reader >= 0:
            self._loop.remove_reader(self._reader)
            os.close(self._reader)
            self._reader = -1

    @property
    def truncated(self) -> bool:
        return self._left_out > 0

    def content(self) -> bytes:
        if not self._left_out:
            return bytes(self._head + self._tail)
        return bytes(self._head) + f"\n[... {self._left_out} bytes left out ...]\n".encode() + bytes(self._tail)

    def _read(self) -> None:
        try:
            chunk = os.read(self._reader, _CHUNK)
        except BlockingIOError:
            return
        if not chunk:
            self._loop.remove_reader(self._reader)
            self.ended.set()
            return
        room = self._limit // 2 - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        self._tail += chunk
        excess = len(self._tail) - (self._limit - self._limit // 2)
        if excess > 0:
            del self._tail[:excess]
            self._left_out += excess

"""What ``/proc`` says about processes, read directly: psutil costs many times as much, and this is done in a hurry."""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path
from threading import Event
from typing import NamedTuple

from salus.processes._command import LAUNCH, MARK

_MARK = f"{MARK}=".encode()
_LAUNCH = f"{LAUNCH}=".encode()

# Flags of a process, from the kernel's include/linux/sched.h.
_EXITING, _FORKED, _KERNEL = 0x4, 0x40, 0x200000
_TICKS = os.sysconf("SC_CLK_TCK")
_PAUSE = 0.002
_PATIENCE = 0.5  # for a process between two programs: microseconds as a rule, a time slice or two on a busy machine
_YOUNG = 2.0  # what a dead Salus was starting has long started by then
_never_settled: set[tuple[int, int]] = set()


class Stat(NamedTuple):
    """The part of ``/proc/<pid>/stat`` that tells one process from another."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    start_ticks: int
    flags: int = 0


class Marks(NamedTuple):
    """What a child of Salus carries in its environment; ``launch`` is empty when it is missing."""

    mark: str
    launch: str


# What is read from a process between two programs: its marks cannot be told yet.
BETWEEN = Marks("", "")


@cache
def boot_id() -> str:
    """Return the id of this boot of the machine: start times mean nothing across boots."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when there is none (or only its remains)."""
    found = stat(pid)
    return found.start_ticks if found and found.state not in "ZX" else None


def stat(pid: int) -> Stat | None:
    """Read ``/proc/<pid>/stat``; None when there is no such process."""
    raw = read(f"/proc/{pid}/stat")
    if not raw:
        return None
    # The second field is the program's name in brackets and may hold anything, so count from the last bracket.
    fields = raw[raw.rindex(b")") + 2 :].split()
    parent, group, session, start, flags = (int(fields[at]) for at in (1, 2, 3, 19, 6))
    return Stat(pid, fields[0].decode(), parent, group, session, start, flags)


def marks(pid: int) -> Marks | None:
    """Return the marks in a process's environment; None when it has none or it cannot be read (yet)."""
    found = glance(pid)
    return None if found is BETWEEN else found


def glance(pid: int) -> Marks | None:
    """Do what ``marks`` does, but return ``BETWEEN`` for a process that has left one program and not begun the next.

    In the middle of an exec a process has a new memory, and no environment in it: whoever looks at that moment would
    take a marked process for a stranger.
    """
    raw = read(f"/proc/{pid}/environ")
    if not raw and read(f"/proc/{pid}/cmdline"):
        raw = read(f"/proc/{pid}/environ")  # either it has begun meanwhile, or it has none
        if not raw and _has_environment(pid):  # or it was between two programs once more, in that very moment
            return BETWEEN
    elif not raw:
        now = stat(pid)
        if now is not None and now.state not in "ZX" and not now.flags & (_KERNEL | _EXITING):
            return BETWEEN
    raw = b"\0" + raw
    at = raw.find(b"\0" + _MARK)
    if at < 0:
        return None
    return Marks(_value(raw, at + 1 + len(_MARK)), _launch(raw))


def _has_environment(pid: int) -> bool:
    """Tell whether there is one that we may read; False where the kernel does not say."""
    try:
        os.close(os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return False
    raw = read(f"/proc/{pid}/stat")
    begin, end = raw[raw.rindex(b")") + 2 :].split()[47:49] if raw else (b"0", b"0")
    return int(begin) < int(end)


def settled_marks(pid: int) -> Marks | None:
    """Do what ``marks`` does, but wait, if need be, until the process has begun its next program. Not for the loop."""
    for _ in range(int(_PATIENCE / _PAUSE)):
        found = glance(pid)
        if found is not BETWEEN:
            return found
        now = stat(pid)
        if now is None or (pid, now.start_ticks) in _never_settled:
            return None
        Event().wait(_PAUSE)
    if now := stat(pid):  # it hides its environment and its command line: not worth waiting for again
        _never_settled.add((pid, now.start_ticks))
    return None


def await_newcomers() -> None:
    """Wait until what a dead Salus was just starting has begun its program, and so carries its mark. Not for the loop.

    A Salus killed between fork and exec leaves a child that looks like that Salus: it becomes the service only when
    the machine has time for it. What is waited for are young orphans that have never begun a program of their own.
    """
    waiting = [found for pid in pids() if (found := _newcomer(pid))]
    while waiting:
        Event().wait(_PAUSE)
        waiting = [found for old in waiting if (found := _newcomer(old.pid)) and found.start_ticks == old.start_ticks]


def _newcomer(pid: int) -> Stat | None:
    found = stat(pid)
    if found is None or not found.flags & _FORKED or found.flags & (_KERNEL | _EXITING) or found.state in "ZX":
        return None
    if time.clock_gettime(time.CLOCK_BOOTTIME) - found.start_ticks / _TICKS > _YOUNG:
        return None
    return found if _orphan(found) else None


def _orphan(found: Stat) -> bool:
    """Tell whether whoever forked it is gone: it still looks like its forker, and its parent does not."""
    if found.parent <= 1:
        return True
    return read(f"/proc/{found.pid}/cmdline") != read(f"/proc/{found.parent}/cmdline")


def _launch(raw: bytes) -> str:
    at = raw.find(b"\0" + _LAUNCH)
    return "" if at < 0 else _value(raw, at + 1 + len(_LAUNCH))


def _value(raw: bytes, start: int) -> str:
    end = raw.find(b"\0", start)
    return raw[start : end if end >= 0 else len(raw)].decode(errors="surrogateescape")


def pids() -> list[int]:
    """Return every process there is."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - thousands of names


def children() -> list[int]:
    """Return the direct children of this process, living or zombie, of all its threads."""
    found: list[int] = []
    try:
        for thread in os.listdir("/proc/self/task"):  # noqa: PTH208 - on the way of every restart
            found.extend(int(pid) for pid in read(f"/proc/self/task/{thread}/children").split())
        if found or Path("/proc/self/task", str(os.getpid()), "children").exists():
            return found
    except OSError:
        return found
    me = os.getpid()  # a kernel without that file: the slow way
    return [entry.pid for entry in map(stat, pids()) if entry and entry.parent == me]


def orphans() -> list[int]:
    """Return the direct children of the main thread: among them whatever was handed to us as a subreaper.

    The kernel hands orphans to the first living thread of the subreaper, which is its main thread. This is on the way
    of every restart, and three times as fast as ``children``.
    """
    me = os.getpid()
    return [int(pid) for pid in read(f"/proc/{me}/task/{me}/children").split()] or children()


def read(path: str) -> bytes:
    """Return a file of ``/proc``, or nothing when it is gone or not ours to read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        parts = []
        while part := os.read(descriptor, 32768):
            parts.append(part)
        return b"".join(parts)
    except OSError:  # it died while we read
        return b""
    finally:
        os.close(descriptor)

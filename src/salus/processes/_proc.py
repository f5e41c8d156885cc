"""What ``/proc`` says about processes, read directly: psutil costs many times as much, and this is done in a hurry."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

from salus.processes._command import LAUNCH, MARK

_MARK = f"{MARK}=".encode()
_LAUNCH = f"{LAUNCH}=".encode()


class Stat(NamedTuple):
    """The part of ``/proc/<pid>/stat`` that tells one process from another."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    start_ticks: int


class Marks(NamedTuple):
    """What a child of Salus carries in its environment; ``launch`` is empty when it is missing."""

    mark: str
    launch: str


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
    return Stat(pid, fields[0].decode(), int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]))


def marks(pid: int) -> Marks | None:
    """Return the marks in a process's environment; None when it has none or it cannot be read."""
    raw = b"\0" + read(f"/proc/{pid}/environ")
    at = raw.find(b"\0" + _MARK)
    if at < 0:
        return None
    return Marks(_value(raw, at + 1 + len(_MARK)), _launch(raw))


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

"""What ``/proc`` says of processes. ``stat`` never waits; a command line can: it lies in the memory of the process."""

from __future__ import annotations

import errno
import os
import re
import select
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from salus.checks._host import text_of
from salus.model import cause_of

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_OURS = "SALUS_CHILD="


class Stat(NamedTuple):
    """One process at one moment, from one read.

    Attributes:
        pid: its number, which another process may get later.
        name: at most 15 characters.
        state: ``R``, ``S``, ``D``, ``T`` (stopped), ``t`` (held by a debugger), ``Z`` (zombie), ...
        parent: pid of its parent.
        cpu_seconds: processor time used so far, in user and kernel mode.
        threads: how many it has.
        started: seconds from boot to its start, in steps of a hundredth.
        rss_bytes: memory it has resident.
    """

    pid: int
    name: str
    state: str
    parent: int
    cpu_seconds: float
    threads: int
    started: float
    rss_bytes: int

    @property
    def identity(self) -> tuple[int, float]:
        """Return what tells it from a later process with the same pid, unless that came within the same tick."""
        return self.pid, self.started


def stat(pid: int) -> Stat | None:
    """Read ``/proc/<pid>/stat``; None when there is no such process."""
    try:
        text = text_of(f"/proc/{pid}/stat")
    except OSError:
        return None
    # The name may hold blanks and brackets of its own, so the last bracket ends it.
    name, _, rest = text.partition("(")[2].rpartition(") ")
    fields = rest.split()
    return Stat(
        pid=pid,
        name=name,
        state=fields[0],
        parent=int(fields[1]),
        cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
        threads=int(fields[17]),
        started=int(fields[19]) / _TICKS,
        rss_bytes=int(fields[21]) * _PAGE,
    )


def everybody() -> list[Stat]:
    """Read all processes."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 -- hundreds of them
    return [found for pid in pids if (found := stat(pid))]


def with_descendants(roots: Iterable[Stat]) -> list[Stat]:
    """Return the processes and all their descendants that live now, each once."""
    below: dict[int, list[Stat]] = defaultdict(list)
    for process in everybody():
        below[process.parent].append(process)
    found: dict[int, Stat] = {}
    pending = list(roots)
    while pending:
        process = pending.pop()
        if process.pid not in found:
            found[process.pid] = process
            pending += below[process.pid]
    return list(found.values())


def open_files(pid: int) -> int | None:
    """Return how many files a process has open; None when it is gone or not ours to ask."""
    folder = f"/proc/{pid}/fd"
    try:
        # Since Linux 6.2 the size of the folder is the number of open files; before that it is 0.
        return os.stat(folder).st_size or len(os.listdir(folder))  # noqa: PTH116, PTH208 -- on the loop
    except OSError:
        return None


def command_line(pid: int) -> str:
    """Return a command line, joined by blanks; empty for threads of the kernel, zombies and what is gone."""
    with suppress(OSError):
        return text_of(f"/proc/{pid}/cmdline").replace("\0", " ").strip()
    return ""


def is_errand(pid: int) -> bool:
    """Tell whether a process runs on behalf of a check or an action of Salus (any Salus), so it is no service."""
    with suppress(OSError):
        for variable in text_of(f"/proc/{pid}/environ").split("\0"):
            if variable.startswith(_OURS):
                return variable.split(":")[1:2] in (["check"], ["action"])
    return False


def owner(pid: int) -> int | None:
    """Return the number of the user a process runs as; None when it is gone."""
    try:
        return os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116 -- hundreds of them
    except OSError:
        return None


def boot_time() -> float:
    """Return when the machine was booted, by the wall clock as it goes now (seconds since the epoch)."""
    lines = text_of("/proc/stat").splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("btime ")))


class PidFile(NamedTuple):
    """What a pid file led to: a living process, or the reason why there is none."""

    process: Stat | None = None
    reason: str = ""
    unreadable: bool = False
    cause: str = ""
    incarnation: str | None = None


def follow(path: Path, command_matches: str | None = None) -> PidFile:
    """Find the process that a pid file means, and prove that it is that one.

    1. Read the number, then open a pidfd: from here on the number cannot come to mean another process unseen.
    2. It must not have started after the file was written: else the number was given to a stranger since. Where the
       caller knows the command line, that decides instead.
    3. The pidfd must still say "alive", so what was read was read of this very process.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        written = path.stat().st_mtime
    except FileNotFoundError:
        return PidFile(reason=f"no pid file {path}")
    except OSError as error:
        what = f"cannot read the pid file {path}: {error.strerror}"
        return PidFile(reason=what, unreadable=True, cause=cause_of(error.errno))
    word = (text.split() or [""])[0]
    if not word.isdecimal() or not 0 < int(word) < 2**22 + 1:
        return PidFile(reason=f"the pid file {path} holds no process number")
    pid = int(word)
    try:
        descriptor = os.pidfd_open(pid)
    except OSError as error:
        # The last two are said of a thread's number: the process that had it is gone.
        if error.errno in (errno.ESRCH, errno.EINVAL, errno.ENOENT):
            return PidFile(reason=f"process {pid} of {path} is not running")
        what = f"cannot tell about process {pid}: {error.strerror}"
        return PidFile(reason=what, unreadable=True, cause=cause_of(error.errno))
    try:
        return _prove(pid, descriptor, path, written, command_matches)
    finally:
        os.close(descriptor)


# A clock that is set between the boot and the writing of a file moves the two apart.
_SLACK = 60.0


def _prove(pid: int, descriptor: int, path: Path, written: float, command_matches: str | None) -> PidFile:
    process = stat(pid)
    command = command_line(pid) if command_matches else ""
    inode = os.fstat(descriptor).st_ino
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if process is None or poll.poll(0):
        return PidFile(reason=f"process {pid} of {path} is not running")
    if command_matches:
        if not re.search(command_matches, command):
            return PidFile(reason=f"process {pid} of {path} is another program ({process.name}): the file is stale")
    elif boot_time() + process.started > written + _SLACK:
        return PidFile(reason=f"process {pid} ({process.name}) is younger than {path}: the file is stale")
    return PidFile(process=process, incarnation=f"{pid}-{process.started:.2f}-{inode}")

"""The process that a pid file names, if it is the one that wrote it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from salus.model import Json
from salus.processes import Child, adopt, boot_id, marks, stat

_SLACK = 2.0


@dataclass(frozen=True, slots=True)
class Named:
    """What a pid file leads to: a process that is held, or the reason why there is none."""

    child: Child | None
    reason: str = ""


def held(path: Path, mark: str, launch: Mapping[str, Json], program: str) -> Named:
    """Hold the process that a pid file names, and prove that it is not another that was given the same number.

    1. The process is held by a pidfd; everything else is read afterwards, so it is about that very process.
    2. It is ours if it is the one that was remembered (boot, number and start time), or if it carries our mark.
    3. It is not if another start time was remembered for that number.
    4. Otherwise it must have started before the file was written. (The wall clock may have been set meanwhile, so a
       process that runs the program we start is believed all the same.)

    Args:
        path: the pid file.
        mark: the service's mark.
        launch: what was remembered; empty if nothing was.
        program: the program of the start command.
    """
    try:
        pid = int(path.read_text(encoding="ascii", errors="replace")[:32].split()[0])
        written = path.stat().st_mtime
    except FileNotFoundError:
        return Named(None, f"there is no {path}")
    except (OSError, ValueError, IndexError) as error:
        return Named(None, f"{path} holds no process number ({error})")
    now = stat(pid) if pid > 0 else None
    if now is None or now.state in "ZX":
        return Named(None, f"{path} names process {pid}, which does not run")
    child = adopt(pid, now.start_ticks, f"{boot_id()[:8]}-{pid}-{now.start_ticks}")
    if child is None:
        return Named(None, f"{path} names process {pid}, which does not run")
    if _proven(child, mark, launch, program, written):
        child.leftover_signal = None  # a daemon's group is its own business
        return Named(child)
    child.close()
    return Named(None, f"{path} is stale: process {pid} is {_command_line(pid)[0] or 'another program'}")


def _proven(child: Child, mark: str, launch: Mapping[str, Json], program: str, written: float) -> bool:
    if launch.get("boot") == boot_id() and launch.get("pid") == child.pid:
        return launch.get("start_ticks") == child.start_ticks
    carried = marks(child.pid)
    if carried is not None and carried.mark.startswith(f"{mark.split(':', 1)[0]}:"):
        return carried.mark == mark
    if _boot_time() + child.start_ticks / os.sysconf("SC_CLK_TCK") <= written + _SLACK:
        return True
    return any(Path(word).name.rstrip(":") == Path(program).name for word in _command_line(child.pid)[:2])


def _command_line(pid: int) -> list[str]:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return [""]
    return [words[0].split(" ")[0], *words[1:]]


def _boot_time() -> float:
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0

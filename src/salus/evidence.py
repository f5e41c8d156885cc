"""What can be recorded at once about a process and its host, before anything is destroyed.

Everything here reads ``/proc`` directly, takes a few milliseconds at most, and never raises: evidence that cannot be
had is left out. Where there is no ``/proc`` there is little to say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress

from salus.bounds import bounded
from salus.model import Json

__all__ = ["bounded", "host_snapshot", "masked", "process_snapshot"]

_THREADS = 32
_STACK_FRAMES = 24
_READ = 65536
_STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "disk sleep",
    "T": "stopped",
    "t": "traced",
    "Z": "zombie",
    "X": "dead",
    "I": "idle",
}
_STATUS_SIZES = {"VmRSS": "rss_bytes", "VmHWM": "rss_peak_bytes", "VmSwap": "swap_bytes", "VmSize": "virtual_bytes"}
_STATUS_COUNTS = {
    "PPid": "parent",
    "Threads": "threads",
    "voluntary_ctxt_switches": "voluntary_switches",
    "nonvoluntary_ctxt_switches": "involuntary_switches",
}
_MEMORY = {
    "MemTotal": "total_bytes",
    "MemAvailable": "available_bytes",
    "SwapTotal": "swap_total_bytes",
    "SwapFree": "swap_free_bytes",
}
_SECRET_NAME = re.compile(r"(?i)(pass(word|wd|phrase)?|token|secret|api[-_]?key|credentials?)$")
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


# ── A process ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def process_snapshot(pid: int) -> dict[str, Json]:
    """Record what the kernel knows about a process: state, memory, open files, and where each thread stands.

    Args:
        pid: the process.

    Returns:
        An empty dictionary when there is no such process; otherwise at least ``pid``, ``name`` and ``state``.
        Kernel stacks are there only where they may be read (root).
    """
    proc = f"/proc/{pid}"
    stat = _stat(f"{proc}/stat")
    if stat is None:
        return {}
    name, state, fields = stat
    found: dict[str, Json] = {"pid": pid, "name": name, "state": state}
    found |= _status(proc)
    found |= _times(fields)
    if (count := _open_files(proc)) is not None:
        found["open_files"] = count
    if waits_in := _wchan(proc):
        found["waits_in"] = waits_in
    tasks = list(_tasks(proc))
    if len(tasks) > 1 or any("stack" in task for task in tasks):
        found["tasks"] = [*tasks]
    # The kernel reads the command line out of the process's own memory, and waits for a lock that a thread in disk
    # sleep may hold for ever: that is how `ps` comes to hang.
    if all(task["state"] != _STATES["D"] for task in tasks) and (command := _command_line(proc)):
        found["command"] = [*command]
    return found


def _stat(path: str) -> tuple[str, str, list[str]] | None:
    """Return name, state and the fields after them (the first is the parent's pid)."""
    text = _text(path)
    # The name may hold blanks and brackets of its own, so the last bracket ends it.
    _, opened, rest = text.partition("(")
    name, closed, rest = rest.rpartition(")")
    fields = rest.split()
    if not opened or not closed or not fields:
        return None
    return name, _STATES.get(fields[0], fields[0]), fields[1:]


def _status(proc: str) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for line in _text(f"{proc}/status").splitlines():
        key, _, value = line.partition(":")
        if size := _STATUS_SIZES.get(key):
            found[size] = int(value.split()[0]) * 1024
        elif count := _STATUS_COUNTS.get(key):
            found[count] = int(value)
        elif key == "Uid":
            found["user_id"] = int(value.split()[1])
        elif key == "SigCgt":
            found["signals_caught"] = value.strip()
    return found


def _times(fields: list[str]) -> dict[str, Json]:
    """Return processor time used, from the fields of ``stat`` after the state."""
    try:
        ticks = os.sysconf("SC_CLK_TCK")
        return {"user_seconds": int(fields[10]) / ticks, "system_seconds": int(fields[11]) / ticks}
    except (IndexError, ValueError, OSError):
        return {}


def _open_files(proc: str) -> int | None:
    try:
        # Since Linux 6.2 the size of the folder is the number of open files; before that it is 0.
        return os.stat(f"{proc}/fd").st_size or len(os.listdir(f"{proc}/fd"))  # noqa: PTH116, PTH208 -- milliseconds
    except OSError:
        return None


def _wchan(path: str) -> str:
    name = _text(f"{path}/wchan").strip()
    return "" if name == "0" else name


def _tasks(proc: str) -> Iterator[dict[str, Json]]:
    try:
        ids = sorted(os.listdir(f"{proc}/task"), key=int)[:_THREADS]  # noqa: PTH208 -- as above
    except OSError:
        return
    for number in ids:
        task = f"{proc}/task/{number}"
        stat = _stat(f"{task}/stat")
        if stat is None:
            continue
        name, state, _ = stat
        found: dict[str, Json] = {"id": int(number), "name": name, "state": state}
        if waits_in := _wchan(task):
            found["waits_in"] = waits_in
        if stack := [_frame(line) for line in _text(f"{task}/stack").splitlines()[:_STACK_FRAMES]]:
            found["stack"] = [*stack]
        yield found


def _frame(line: str) -> str:
    """Turn ``[<0>] do_poll+0x1f/0x30`` into ``do_poll``."""
    return line.partition("] ")[2].partition("+")[0] or line


def _command_line(proc: str) -> list[str]:
    raw = _text(f"{proc}/cmdline").rstrip("\0")
    return masked(raw.split("\0")) if raw else []


def masked(arguments: list[str]) -> list[str]:
    """Return a command line without what looks like a secret: ``--password=x``, ``--token x``, ``user:x@host``."""
    shown: list[str] = []
    hide = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if hide and not argument.startswith("-"):
            shown.append("***")
        elif equals and _SECRET_NAME.search(name):
            shown.append(f"{name}=***")
        else:
            shown.append(_URL_PASSWORD.sub(r"\1***@", argument))
        hide = argument.startswith("--") and not equals and bool(_SECRET_NAME.search(argument))
    return shown


# ── The host ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def host_snapshot() -> dict[str, Json]:
    """Record how the host is: load, memory, pressure (PSI), room on ``/``, open files, kills by the kernel for memory.

    Returns:
        What could be read; sizes in bytes, pressures as the share of time in which some task stalled (0 to 1).
    """
    found: dict[str, Json] = {"cpus": os.cpu_count() or 1}
    with suppress(OSError):
        found["load"] = [round(value, 2) for value in os.getloadavg()]
    parts = {"memory": _meminfo(), "pressure": _pressure(), "disk": _disk("/"), "kernel": _kernel()}
    return found | {name: part for name, part in parts.items() if part}


def _meminfo() -> dict[str, Json]:
    found: dict[str, Json] = {}
    for line in _text("/proc/meminfo").splitlines():
        key, _, value = line.partition(":")
        if name := _MEMORY.get(key):
            found[name] = int(value.split()[0]) * 1024
    return found


def _pressure() -> dict[str, Json]:
    """Return the ten-second averages of ``some`` and ``full``, such as ``{"memory": {"some": 0.12, "full": 0.1}}``."""
    found: dict[str, Json] = {}
    for resource in ("cpu", "io", "memory"):
        shares: dict[str, Json] = {}
        for line in _text(f"/proc/pressure/{resource}").splitlines():
            kind, _, rest = line.partition(" avg10=")
            if rest:
                shares[kind] = round(float(rest.split()[0]) / 100, 4)
        if shares:
            found[resource] = shares
    return found


def _disk(path: str) -> dict[str, Json]:
    try:
        room = os.statvfs(path)
    except OSError:
        return {}
    return {
        "path": path,
        "total_bytes": room.f_blocks * room.f_frsize,
        "available_bytes": room.f_bavail * room.f_frsize,
        "inodes": room.f_files,
        "inodes_available": room.f_favail,
    }


def _kernel() -> dict[str, Json]:
    found: dict[str, Json] = {}
    if uptime := _text("/proc/uptime").split():
        found["uptime_seconds"] = float(uptime[0])
    if files := _text("/proc/sys/fs/file-nr").split():
        found["open_files"], found["open_files_max"] = int(files[0]), int(files[2])
    for line in _text("/proc/vmstat").splitlines():
        if line.startswith("oom_kill "):
            found["oom_kills"] = int(line.split()[1])
    return found


def _text(path: str) -> str:
    """Return the beginning of a small file as text, or nothing where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        raw = b""
        while len(raw) < _READ and (more := os.read(descriptor, _READ - len(raw))):
            raw += more
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return raw.decode(errors="replace")

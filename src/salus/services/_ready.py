"""How it is seen that a service is ready, after it was started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from salus.httpclient import HttpError, Request, fetch
from salus.options import Options
from salus.processes import Child
from salus.units import Duration

_ATTEMPT = 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05
_CREDENTIALS = struct.Struct("3i")
_CARRY = 4096


class ReadyOptions(Options, frozen=True, kw_only=True):
    """How readiness is seen: exactly one of these.

    Attributes:
        tcp: it accepts connections at this port, or ``host:port``.
        http: it answers this URL with a status below 400.
        output: it has written a line that matches this regular expression.
        file: it has made, or made anew, this file.
        notify: it says so itself, by ``READY=1`` to the socket in ``NOTIFY_SOCKET`` (systemd's protocol).
        after: it still runs after this time.
    """

    tcp: int | str | None = None
    http: str | None = None
    output: str | None = None
    file: Path | None = None
    notify: bool = False
    after: Duration | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Ask for exactly one way, and one that can be understood."""
        chosen = [name for name in self.__struct_fields__ if getattr(self, name) not in (None, False)]
        if len(chosen) != 1:
            what = "say exactly one of tcp, http, output, file, notify and after"
            return [("", f"{what}; here are {', '.join(chosen) or 'none'}")]
        if self.tcp is not None and address(self.tcp) is None:
            return [("tcp", f"{self.tcp!r} is neither a port (1 to 65535) nor host:port")]
        if self.output is not None:
            try:
                re.compile(self.output)
            except re.error as error:
                return [("output", f"not a regular expression: {error}")]
        return []


def address(text: int | str) -> tuple[str, int] | None:
    """Read ``8000``, ``web:8000`` or ``[::1]:8000``; None when it is none of these."""
    host, _, port = str(text).rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        return None
    return (host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port))


class Readiness(Protocol):
    """One way to see it. Entered before the service is started, left when it is ready or dead."""

    environment: Mapping[str, str]

    async def seen(self, child: Child, /) -> bool:
        """Look once."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class EndedError(Exception):
    """The service has ended before it was ready."""


async def wait_ready(readiness: Readiness, child: Child) -> None:
    """Wait until it is seen. The caller sets the deadline.

    Raises:
        EndedError: the child has ended.
    """
    pause = _FIRST_PAUSE
    while True:
        # Looked at before and after: a stranger's listener must not speak for a service that has died.
        if await readiness.seen(child) and child.poll() is None:
            return
        if child.poll() is not None:
            raise EndedError
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await child.wait()
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def readiness_of(options: ReadyOptions, log: Path, name: str) -> Readiness:
    """Return the configured way.

    Args:
        options: which way.
        log: the file that the service writes its output to.
        name: something unique for this service on this machine.
    """
    if options.tcp is not None:
        host, port = address(options.tcp) or ("", 0)
        return _Tcp(host, port)
    if options.http is not None:
        return _Http(options.http)
    if options.output is not None:
        return _Output(options.output, log)
    if options.file is not None:
        return _File(options.file)
    if options.notify:
        return _Notify(name)
    return _After(options.after or 0.0)


class _Way:
    """What most ways share: nothing to prepare, nothing to clean up."""

    environment: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class _Tcp(_Way):
    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    async def seen(self, _child: Child) -> bool:
        try:
            async with asyncio.timeout(_ATTEMPT):
                _, writer = await asyncio.open_connection(self._host, self._port)
        except OSError:  # a time-out is one too
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True


class _Http(_Way):
    def __init__(self, url: str) -> None:
        self._request = Request(url=url, max_body=_CARRY)

    async def seen(self, _child: Child) -> bool:
        try:
            async with asyncio.timeout(_ATTEMPT):
                return (await fetch(self._request)).status < 400
        except (OSError, HttpError):
            return False


class _Output(_Way):
    def __init__(self, pattern: str, log: Path) -> None:
        self._pattern = re.compile(pattern, re.MULTILINE)
        self._log = log
        self._offset = 0
        self._text = ""

    def __enter__(self) -> Self:
        with contextlib.suppress(OSError):
            self._offset = self._log.stat().st_size
        return self

    async def seen(self, _child: Child) -> bool:
        try:
            with self._log.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self._offset:
                    self._offset = 0  # rotated meanwhile
                file.seek(self._offset)
                fresh = file.read(2**20)
        except OSError:
            return False
        self._offset += len(fresh)
        self._text = self._text[-_CARRY:] + fresh.decode(errors="replace")
        return self._pattern.search(self._text) is not None


class _File(_Way):
    def __init__(self, path: Path) -> None:
        self._path = path
        self._before: tuple[int, int, int] | None = None

    def __enter__(self) -> Self:
        self._before = self._signature()  # of an earlier copy, perhaps: that one says nothing about this
        return self

    async def seen(self, _child: Child) -> bool:
        now = self._signature()
        return now is not None and now != self._before

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns


class _After(_Way):
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: float | None = None

    async def seen(self, _child: Child) -> bool:
        now = asyncio.get_running_loop().time()
        if self._until is None:
            self._until = now + self._seconds
        return now >= self._until


class _Notify(_Way):
    """systemd's protocol on a socket of our own.

    The socket is abstract: a path in the state folder may be too long for one, and out of reach for the service's user.
    So the kernel's word on who is speaking is asked for, and strangers are not heard.
    """

    def __init__(self, name: str) -> None:
        self._address = f"salus/{name}/{os.getpid()}/{os.urandom(6).hex()}"
        self.environment = {"NOTIFY_SOCKET": f"@{self._address}"}
        self._socket: socket.socket | None = None
        self._users: set[int] = {0, os.getuid()}

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(f"\0{self._address}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def seen(self, child: Child) -> bool:
        ready = False
        with contextlib.suppress(OSError):
            self._users.add(os.stat(f"/proc/{child.pid}").st_uid)  # noqa: PTH116 - no disk
        while self._socket is not None:
            try:
                message, extra, _, _ = self._socket.recvmsg(_CARRY, socket.CMSG_SPACE(_CREDENTIALS.size))
            except BlockingIOError:
                break
            ready = ready or (b"READY=1" in message.split(b"\n") and self._trusted(extra))
        return ready

    def _trusted(self, extra: list[tuple[int, int, bytes]]) -> bool:
        for level, kind, content in extra:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                _, user, _ = _CREDENTIALS.unpack(content[: _CREDENTIALS.size])
                return user in self._users
        return False

"""Real servers on loopback, most of them ill-mannered."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop

from salus.clock import SystemClock
from tests.certificates import Authority
from tests.looks import Prober
from tests.stage import cut_off

Handler = Callable[[StreamReader, StreamWriter], Awaitable[None]]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run everything on both loops: the agent uses uvloop, a library user may not."""
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


class Servers:
    """Starts servers, counts their connections, and ends them with the test."""

    def __init__(self) -> None:
        self.connections = 0
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[StreamWriter] = []
        self._closed = False

    async def tcp(self, handler: Handler, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> int:
        """Serve on a free port and return it."""
        server = await asyncio.start_server(self._connected(handler), host, 0, ssl=tls)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def unix(self, handler: Handler, path: Path) -> Path:
        """Serve on a unix socket."""
        self._servers.append(await asyncio.start_unix_server(self._connected(handler), str(path)))
        return path

    def _connected(self, handler: Handler) -> Callable[[StreamReader, StreamWriter], None]:
        def connected(reader: StreamReader, writer: StreamWriter) -> None:
            self.connections += 1
            if self._closed:  # Accepted in the same turn of the loop in which the server was closed.
                cut_off(writer.transport)
                return
            self._writers.append(writer)
            task = asyncio.get_running_loop().create_task(self._serve(handler, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return connected

    async def _serve(self, handler: Handler, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        finally:
            writer.close()

    async def close(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)  # What the kernel has accepted reaches its handler first.
        self._closed = True
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # A task that is cancelled before its first step runs no `finally` of its own.
        for writer in self._writers:
            cut_off(writer.transport)
        for _ in range(5):
            await asyncio.sleep(0)  # Closing takes the loop a turn or two.


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    started = Servers()
    yield started
    await started.close()


def answering(*answers: bytes) -> Handler:
    """Answer the requests of one connection with these bytes in turn, then hang up."""

    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        for answer in answers:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()

    return handler


async def read_request(reader: StreamReader) -> bytes:
    """Read one request, with its body where it says how long that is."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.partition(b":")[2]))
    return head


def ok(body: bytes = b"all is well", *headers: str, status: str = "200 OK") -> bytes:
    """Return a well-formed response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.fixture
def look(tmp_path: Path) -> Prober:
    return Prober(tmp_path)


def open_sockets() -> int:
    """Return how many sockets this process holds."""
    count = 0
    for name in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(name.readlink()).startswith("socket:")
    return count


def connected_to(port: int) -> int:
    """Return how many sockets of this process are our end of a connection to that port.

    To be asked while the server still runs: once it hangs up, even a client that forgot its socket lets go of it.
    """
    count = 0
    for name in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if str(name.readlink()).startswith("socket:"):
                with socket.socket(fileno=os.dup(int(name.name))) as copy:
                    peer = copy.getpeername()
                    count += isinstance(peer, tuple) and peer[1] == port
    return count


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, SystemClock().now())

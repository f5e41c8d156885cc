"""Serves the health endpoints over TCP and the control socket beside them, with uvicorn's HTTP protocol.

Of uvicorn only the protocol is used: signals, sockets, logging and the end of it all belong to the agent, and its
ten ticks a second would be idle cost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from salus.surfaces.http import SERVER, App
from salus.surfaces.listeners import BACKLOG, bind_tcp, bind_unix, remove_unix
from salus.surfaces.peer import PEER, peer_of
from salus.surfaces.uvicorns import Config, HttpToolsProtocol, RequestResponseCycle, ServerState

_log = logging.getLogger("salus.server")
_log.setLevel(logging.ERROR)  # what clients do wrong is theirs to know

CONNECTIONS = 128
IDLE = 15.0
_HEAD_SECONDS = 10.0
_HEAD_BYTES = 32768
_GOODBYE = b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\nserver: salus\r\n\r\n"
_TOO_LARGE = _GOODBYE % b"431 Request Header Fields Too Large"
_TOO_SLOW = _GOODBYE % b"408 Request Timeout"
_TOO_MANY = _GOODBYE % b"503 Service Unavailable"
_NOT_AT_ONCE = frozenset(
    {b"authorization", b"cookie", b"content-length", b"expect", b"transfer-encoding", b"upgrade"},
)

# (path and query, Accept) -> a whole answer; what an app offers as ``at_once`` beside its ASGI door.
AtOnce: TypeAlias = Callable[[bytes, bytes], bytes | None]


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol, with bounds on the connections a stranger can hold and on the head of a request.

    Without them a client that sends one byte a minute, or nothing at all, keeps its connection for ever.

    A plain GET for which the app has an answer ready is answered in the middle of reading it: without a task, a cycle
    and headers that are looked at one by one, it costs less than the least ASGI app does.
    """

    at_once: AtOnce | None = None
    _deadline: asyncio.TimerHandle | None = None
    _head = 0
    _requests = 0
    _may_answer = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn declares it
        super().connection_made(transport)
        # Of this connection alone: every protocol has a state of its own, and uvicorn copies it into each scope.
        self.app_state[PEER] = peer_of(transport)
        if len(self.connections) > CONNECTIONS:
            self._end(_TOO_MANY)
        else:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_in()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._requests
        # Of many requests in one packet only the first: the others take turns with everything else in the loop.
        self._may_answer = self.at_once is not None
        super().data_received(data)
        if self._requests == before and self._idle():  # a part of a head, or the rest of a body nobody reads
            self._expect_head()
            self._head += len(data)
            if self._head > _HEAD_BYTES:
                self._end(_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._requests += 1
        self._head_is_in()
        answer = self._answer_at_once() if self._may_answer and self._idle() else None
        self._may_answer = False
        if answer is None:
            super().on_headers_complete()
        else:
            self.transport.write(answer)
            self.on_response_complete()

    def on_message_complete(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None:  # what was answered at once has none
            super().on_message_complete()

    def _idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None until the first request that an app answers
        return cycle is None or cycle.response_complete

    def _answer_at_once(self) -> bytes | None:
        """Return the answer to the request whose head is in, if it is one that can be answered at once."""
        parser, accept = self.parser, b""
        plain = parser.get_method() == b"GET" and parser.get_http_version() == "1.1" and parser.should_keep_alive()
        if not plain or self.at_once is None or self.flow.write_paused or self.transport.is_closing():
            return None
        for name, value in self.headers:
            if name in _NOT_AT_ONCE or (name == b"accept" and accept):
                return None
            if name == b"accept":
                accept = value
        return self.at_once(self.url, accept)

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._head = 0
            self._deadline = self.loop.call_later(_HEAD_SECONDS, self._too_slow)

    def _head_is_in(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        # After an answer there may be no request at all, only the rest of a body nobody reads.
        self._end(b"" if self._requests else _TOO_SLOW)

    def _end(self, goodbye: bytes) -> None:
        self._head_is_in()
        if not self.transport.is_closing():
            self.transport.write(goodbye)
            self.transport.close()


class _Door:
    """One app behind its listeners."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._config = Config(
            app,
            http=_Protocol,
            ws="none",
            loop="none",
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=int(IDLE),
            log_config=None,  # nor a level: uvicorn's loggers belong to the application that it may serve as well
        )
        self._config.load()
        self._state = ServerState()
        self._state.default_headers = [SERVER]
        self.listeners: list[asyncio.Server] = []

    def protocol(self) -> _Protocol:
        protocol = _Protocol(config=self._config, server_state=self._state, app_state={})
        protocol.at_once = getattr(self.app, "at_once", None)
        protocol.logger, protocol.access_log = _log, False
        return protocol

    async def close(self, grace: float) -> None:
        """Accept nobody, let running answers end, cancel what is left."""
        for listener in self.listeners:
            listener.close()
        close = getattr(self.app, "close", None)
        if close:
            close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks), timeout=grace)
        for task in (left := set(self._state.tasks)):
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1.0)
        for connection in list(self._state.connections):
            connection.transport.abort()


class Server:
    """The doors of one agent. ``start`` and ``stop`` are each called once."""

    def __init__(self) -> None:
        """Stand ready; nothing is opened yet."""
        self._doors: list[_Door] = []
        self._socket: tuple[Path, int] | None = None
        self._addresses: list[tuple[str, int]] = []

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Return where the health endpoints really listen (port 0 becomes a free one)."""
        return list(self._addresses)

    def descriptors(self) -> list[int]:
        """Return the file descriptors of everything that listens."""
        sockets = [one for door in self._doors for listener in door.listeners for one in listener.sockets]
        return [one.fileno() for one in sockets]

    async def start(
        self,
        health_app: App | None,
        host: str,
        port: int,
        control_app: App | None = None,
        socket_path: Path | None = None,
    ) -> None:
        """Open the doors; when it returns both answer.

        Raises:
            SalusError: an address cannot be listened on; nothing stays open.
        """
        loop = asyncio.get_running_loop()
        opened = False
        try:
            if health_app is not None:
                door = self._open(health_app)
                for bound in await asyncio.to_thread(bind_tcp, host, port):
                    self._addresses.append(bound.getsockname()[:2])
                    door.listeners.append(await loop.create_server(door.protocol, sock=bound, backlog=BACKLOG))
            if control_app is not None and socket_path is not None:
                door = self._open(control_app)
                bound, inode = await asyncio.to_thread(bind_unix, socket_path)
                self._socket = (socket_path, inode)
                door.listeners.append(await loop.create_unix_server(door.protocol, sock=bound, backlog=BACKLOG))
            opened = True
        finally:
            if not opened:
                await self.stop(0)

    def _open(self, app: App) -> _Door:
        door = _Door(app)
        self._doors.append(door)
        return door

    async def stop(self, grace: float = 5.0) -> None:
        """Close the doors: new requests are refused, running ones get ``grace`` seconds, then they are cancelled."""
        doors, self._doors = self._doors, []
        if self._socket:
            remove_unix(*self._socket)
            self._socket = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace + 2):
                await asyncio.gather(*(door.close(grace) for door in doors))

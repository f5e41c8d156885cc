"""Serves the health endpoints over TCP and the control socket beside them, with uvicorn's HTTP protocol.

Of uvicorn only the protocol is used: signals, sockets, logging and the end of it all belong to the agent, and its
ten ticks a second would be idle cost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from salus.surfaces.http import App
from salus.surfaces.listeners import BACKLOG, bind_tcp, bind_unix, remove_unix
from salus.surfaces.peer import PEER, peer_of

CONNECTIONS = 128
IDLE = 15.0
_HEAD_SECONDS = 10.0
_HEAD_BYTES = 32768
_GOODBYE = b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\nserver: salus\r\n\r\n"
_TOO_LARGE = _GOODBYE % b"431 Request Header Fields Too Large"
_TOO_SLOW = _GOODBYE % b"408 Request Timeout"
_TOO_MANY = _GOODBYE % b"503 Service Unavailable"


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol, with bounds on the connections a stranger can hold and on the head of a request.

    Without them a client that sends one byte a minute, or nothing at all, keeps its connection for ever.
    """

    _deadline: asyncio.TimerHandle | None = None
    _head = 0
    _requests = 0

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
        if not self._requests or self.cycle.response_complete:
            self._expect_head()
        self._head += len(data)
        super().data_received(data)
        if self._deadline and self._head > _HEAD_BYTES:
            self._end(_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._requests += 1
        self._head_is_in()
        super().on_headers_complete()

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
        settings: dict[str, Any] = {"log_config": None, "log_level": "error", "access_log": False}
        self.app = app
        self._config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            loop="none",
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=int(IDLE),
            **settings,
        )
        self._config.load()
        self._state = ServerState()
        self._state.default_headers = [(b"server", b"salus")]
        self.listeners: list[asyncio.Server] = []

    def protocol(self) -> _Protocol:
        return _Protocol(config=self._config, server_state=self._state, app_state={})

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
        logging.getLogger("uvicorn.access").disabled = True
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

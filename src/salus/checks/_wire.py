"""A connection that a check keeps between its looks: it hears at any time, and knows at once when it has died.

What a protocol is made of is parsed as it comes, also between looks, so that a server's own questions (is anybody
there?) are answered without a task or a timer of ours. Nothing here ever reconnects: that is done by a look, or not.
"""

from __future__ import annotations

import asyncio
import socket
from abc import abstractmethod
from asyncio import BaseTransport, Future
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from salus.checks._dialled import dialled
from salus.checks._refusals import hung_up
from salus.httpclient import AnswerError, HttpError, TlsOptions, explain
from salus.httpclient.dial import Endpoint, Peer, start_tls
from salus.httpclient.tls import context
from salus.ports import Look

# A host that vanished sends no last word. The kernel asks after half a minute of silence, and gives up a minute later.
_KEEPALIVE: Mapping[str, int] = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}


class Wire(Peer):
    """Parses what comes and wakes whoever waits for it; a subclass knows the protocol."""

    __slots__ = ("_changed", "error", "heard", "limit", "place")

    def __init__(self, place: str, limit: int = 4 << 20) -> None:
        """Name the other side in errors; no single message may be longer than ``limit`` bytes."""
        super().__init__()
        self.place = place
        self.limit = limit
        self.heard = bytearray()
        self.error: HttpError | None = None
        self._changed: Future[None] | None = None

    @abstractmethod
    def take(self) -> bool:
        """Take one message off the front of ``heard``; false where it is not there as a whole.

        Raises:
            HttpError: it is not what the protocol allows, or the server ends the connection with it.
        """

    def connection_made(self, transport: BaseTransport) -> None:
        """Have the kernel find out when the other host is gone."""
        super().connection_made(transport)
        raw = transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            with suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                for name, value in _KEEPALIVE.items():
                    raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def data_received(self, data: bytes) -> None:
        """Parse."""
        if self.error is not None:
            return
        self.heard += data
        try:
            while self.heard and self.take():
                pass
            if len(self.heard) > self.limit:
                raise AnswerError(f"{self.place} sends more than it should in one message")
        except HttpError as error:
            self.fail(error)
        except (ValueError, LookupError, TypeError) as error:
            self.fail(AnswerError(f"{self.place} answers what the protocol does not allow ({type(error).__name__})"))
        self.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember why."""
        if self.error is None:
            self.error = explain(exc, self.place) if isinstance(exc, OSError) else self.hung_up()
        self.wake()

    def hung_up(self) -> HttpError:
        """Say what it means that the other side closed the connection just now."""
        return hung_up(self.place)

    def fail(self, error: HttpError) -> None:
        """End this connection for that reason."""
        if self.error is None:
            self.error = error
        self.abort()
        self.wake()

    def say(self, data: bytes) -> None:
        """Send."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def wake(self) -> None:
        """Let whoever waits look again."""
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait until that is so.

        Raises:
            HttpError: the connection ended first.
        """
        while not ready():
            if self.error is not None:
                raise self.error
            self._changed = asyncio.get_running_loop().create_future()
            try:
                await self._changed
            finally:
                self._changed = None

    def farewell(self) -> bytes:
        """Return what a well-mannered client says before it hangs up."""
        return b""

    @abstractmethod
    async def ping(self) -> None:
        """Have the other side answer.

        Raises:
            HttpError: it does not.
        """

    async def alive(self, look: Look) -> None:
        """Ask for a sign of life."""
        await self.ping()

    async def secure(self, tls: TlsOptions, host: str) -> None:
        """Speak TLS from now on.

        Raises:
            HttpError: it failed.
        """
        await start_tls(self, await asyncio.to_thread(context, tls), tls.server_name or host, self.place)

    def drop(self) -> None:
        """Hang up at once, where that is not under way."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()

    async def close(self) -> None:
        """Say farewell and hang up, without waiting."""
        if self.transport is None or self.transport.is_closing():
            return
        if self.error is None and (last := self.farewell()) and self.transport.get_write_buffer_size() == 0:
            self.transport.write(last)
        # What the kernel did not take at once is not waited for: a server that hangs must not keep the descriptor.
        if self.transport.get_write_buffer_size() or self.transport.get_extra_info("ssl_object"):
            self.transport.abort()
        else:
            self.transport.close()


W = TypeVar("W", bound=Wire)


async def greeted(look: Look, endpoint: Endpoint, factory: Callable[[], W], greet: Callable[[W], Awaitable[None]]) -> W:
    """Connect and let the protocol say its first words; leaves nothing open when they fail.

    Raises:
        HttpError: it failed.
    """
    peer = await dialled(endpoint, look)
    wire: W | None = None
    ready = False
    try:
        wire = (await asyncio.get_running_loop().create_connection(factory, sock=peer))[1]
        await greet(wire)
        ready = True
        return wire
    finally:
        if wire is None:
            peer.close()
        elif not ready:
            wire.abort()

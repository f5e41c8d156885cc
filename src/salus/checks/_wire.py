"""A connection that a check keeps between its looks: it hears at any time, and knows at once when it has died.

What a protocol is made of is parsed as it comes, also between looks, so that a server's own questions (is anybody
there?) are answered without a task or a timer of ours. Nothing here ever reconnects: that is done by a look, or not.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from abc import abstractmethod
from asyncio import BaseTransport, Future
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Generic, TypeVar

from salus.checks._net import resolve_within
from salus.httpclient import AnswerError, ConnectError, HttpError, explain
from salus.httpclient.dial import Endpoint, Peer, connect
from salus.model import Cause
from salus.ports import Look

# A host that vanished sends no last word. The kernel asks after half a minute of silence, and gives up a minute later.
_KEEPALIVE: Mapping[str, int] = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
# A kept connection on which no answer comes gets this share of the look; the rest is for a new one.
_SHARE = 0.4
# What is left of the look when the server has had its time: enough to say so, before the deadline says less.
_LAST_WORD = 0.9

LOGIN_REFUSED = "login_refused"
"""What a look says in one word when a server does not take our password."""


class RefusedError(HttpError):
    """The server answered that it will not: a wrong password, no such queue."""

    def __init__(self, message: str, *, remedy: str | None = None, cause: str = LOGIN_REFUSED) -> None:
        """Name the cause in one word."""
        super().__init__(message, remedy=remedy)
        self.cause = cause


class NotAllowedError(RefusedError):
    """The server lets us in and not look: no restart of it ever mended a permission."""

    ours = True

    def __init__(self, message: str, *, remedy: str) -> None:
        """Say what has to be allowed."""
        super().__init__(message, remedy=remedy, cause=Cause.PERMISSION)


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
        return ConnectError(f"{self.place} closed the connection", remedy="its own log says why it hung up")

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

    def close(self) -> None:
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
Result = TypeVar("Result")


class Kept(Generic[W]):
    """Keeps one connection between looks, and replaces it within the look that finds it dead.

    1. No connection, or one that is known to have ended: open one and talk on it.
    2. A kept one: talk on it. If it dies under the talk, or is silent for too long, that is no verdict yet: it may have
       been idle for too long, or the server was restarted. Open a new one, once, and talk again.
    3. Only a connection over which a talk came to its end is kept. Whatever else happens, above all the deadline of the
       look, drops it: nobody knows what its next answer would belong to.
    """

    __slots__ = ("_closed", "_place", "_wire")

    def __init__(self, place: str) -> None:
        """Begin without a connection to that place."""
        self._place = place
        self._wire: W | None = None
        self._closed = False

    async def talk(
        self, look: Look, opened: Callable[[Look], Awaitable[W]], talk: Callable[[W], Awaitable[Result]]
    ) -> Result:
        """Talk on the kept connection, or on a new one.

        Args:
            look: the look it happens in.
            opened: opens a connection; leaves nothing open when it fails.
            talk: asks and returns the answer. It may be called twice.

        Raises:
            HttpError: a new connection failed, too.
        """
        wire, self._wire = self._wire, None
        if wire is not None and wire.error is None:
            patience = asyncio.timeout(look.remaining * _SHARE)
            try:
                async with patience:
                    return await self._on(wire, talk)
            except TimeoutError:
                if not patience.expired():
                    raise
            except (ConnectError, AnswerError):
                pass
        deadline = asyncio.timeout(look.remaining * _LAST_WORD)
        try:
            async with deadline:
                return await self._on(await opened(look), talk)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            lesson = "is it hung, or overloaded?"
            raise ConnectError(f"{self._place} did not answer in time", remedy=lesson).because(
                errno.ETIMEDOUT
            ) from error

    def close(self) -> None:
        """Let go of it, for good."""
        self._closed = True
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    async def _on(self, wire: W, talk: Callable[[W], Awaitable[Result]]) -> Result:
        whole = False
        try:
            result = await talk(wire)
            whole = True
            return result
        finally:
            if whole and wire.error is None and not self._closed:
                self._wire = wire
            else:
                wire.close() if whole else wire.abort()


async def greeted(look: Look, endpoint: Endpoint, factory: Callable[[], W], greet: Callable[[W], Awaitable[None]]) -> W:
    """Connect and let the protocol say its first words; leaves nothing open when they fail.

    Raises:
        HttpError: it failed.
    """
    wire = await connect(endpoint, factory, resolve_within=None if endpoint.literal else resolve_within(look))
    ready = False
    try:
        await greet(wire)
        ready = True
        return wire
    finally:
        if not ready:
            wire.abort()

"""A connection on which a check says something and waits for an answer."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable

from salus.httpclient import AnswerError, HttpError, explain
from salus.httpclient.dial import Peer


class Conversation(Peer):
    """Collects what the other side says, up to a limit, and wakes whoever waits for it."""

    __slots__ = ("_error", "_limit", "_place", "_waiter", "_wanted", "closed", "heard")

    def __init__(self, place: str, limit: int = 64 * 1024) -> None:
        """Name the other side in errors; hear at most ``limit`` bytes."""
        super().__init__()
        self.heard = bytearray()
        self.closed = False
        self._place = place
        self._limit = limit
        self._error: HttpError | None = None
        self._wanted: Callable[[bytearray], bool] | None = None
        self._waiter: Future[bool] | None = None

    def data_received(self, data: bytes) -> None:
        """Collect."""
        self.heard += data[: max(0, self._limit - len(self.heard))]
        if self._wanted is not None and self._wanted(self.heard):
            self._wake(True)
        elif len(self.heard) >= self._limit:
            self._wake(False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember why, for whoever waits."""
        self.closed = True
        if isinstance(exc, OSError):
            self._error = explain(exc, self._place)
        self._wake(False)

    def say(self, data: bytes) -> None:
        """Send."""
        if self.transport is not None:
            self.transport.write(data)

    async def hear(self, wanted: Callable[[bytearray], bool]) -> bool:
        """Wait until what was heard is what is wanted; false where the other side hung up or went on for too long.

        Raises:
            HttpError: the connection broke.
        """
        if wanted(self.heard):
            return True
        if not self.closed and len(self.heard) < self._limit:
            self._wanted = wanted
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                if await self._waiter:
                    return True
            finally:
                self._wanted = self._waiter = None
        if self._error is not None:
            raise self._error
        return False

    async def line(self) -> bytes:
        """Take the next line, without its end.

        Raises:
            HttpError: there is none.
        """
        if not await self.hear(lambda heard: b"\n" in heard):
            raise AnswerError(f"{self._place} hung up, or sends no lines")
        line, _, rest = bytes(self.heard).partition(b"\n")
        self.heard[:] = rest
        return line.rstrip(b"\r")

    async def take(self, count: int) -> bytes:
        """Take so many bytes.

        Raises:
            HttpError: there are not as many.
        """
        if not await self.hear(lambda heard: len(heard) >= count):
            raise AnswerError(f"{self._place} hung up")
        taken = bytes(self.heard[:count])
        del self.heard[:count]
        return taken

    def _wake(self, fulfilled: bool) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(fulfilled)

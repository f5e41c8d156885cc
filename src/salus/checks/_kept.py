"""One connection, kept from look to look.

1. A kept connection first shows that it lives (a ping), within half of what is left of the look.
2. Where it does not, it is dropped and replaced, once, and the look goes on: a server that was restarted, or a firewall
   that forgot an idle connection, is no failure. The answer says that it was replaced, and why.
3. A new connection that fails is the verdict.
4. A look that fails half-way or is cancelled takes its connection along: an answer that comes late must not be taken
   for that to the next question.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Generic, Protocol, TypeVar

from salus.checks._dialled import LAST_WORD
from salus.checks._refusals import silent
from salus.clock import SystemClock
from salus.httpclient import HttpError
from salus.model import Metric
from salus.ports import Look

_monotonic = SystemClock().monotonic
_PATIENCE = 0.5
_GOODBYE = 1.0


class Line(Protocol):
    """A connection that can be kept."""

    async def alive(self, look: Look) -> None:
        """Ask for a sign of life.

        Raises:
            HttpError: there is none: the connection is lost.
        """
        ...

    def drop(self) -> None:
        """Let go of it at once."""
        ...

    async def close(self) -> None:
        """Say goodbye and let go of it."""
        ...


L = TypeVar("L", bound=Line)


class Kept(Generic[L]):
    """Opens a connection when there is none, and keeps it.

    Attributes:
        replaced: why this look had to replace the kept connection, or an empty string.
        connect_seconds: how long opening one took in this look; None where it was kept.
        alive_seconds: how long the sign of life took.
    """

    def __init__(self, place: str, opened: Callable[[Look], Awaitable[L]]) -> None:
        """Open nothing yet.

        Args:
            place: where it leads, for messages.
            opened: opens a connection; leaves nothing behind where it fails or is cancelled.
        """
        self._place = place
        self._opened = opened
        self._line: L | None = None
        self._closed = False
        self.replaced = ""
        self.connect_seconds: float | None = None
        self.alive_seconds = 0.0

    @asynccontextmanager
    async def line(self, look: Look) -> AsyncIterator[L]:
        """Lend the connection to one look, alive.

        Raises:
            HttpError: there is none to be had, or what was done with it ran out of time.
        """
        self.replaced, self.connect_seconds = "", None
        line = self._line
        if line is not None:
            try:
                await self._checked(line, look, look.remaining * _PATIENCE)
            except HttpError as error:
                self.replaced, self._line = str(error), None
        line = self._line or await self._new(look)
        deadline = asyncio.timeout(look.remaining * LAST_WORD)
        try:
            async with deadline:
                yield line
            if self._closed:
                self._let_go(line)
        except BaseException as error:
            self._let_go(line)
            if isinstance(error, TimeoutError) and deadline.expired():
                raise silent(self._place) from error
            raise

    def metrics(self) -> dict[str, Metric]:
        """Return what keeping the connection has measured in this look."""
        found = {"latency_seconds": Metric(self.alive_seconds, "seconds")}
        if self.connect_seconds is not None:
            found["connect_seconds"] = Metric(self.connect_seconds, "seconds")
        return found

    def remark(self, said: str) -> str:
        """Add to an answer that the connection had to be replaced."""
        return f"{said}; the kept connection was lost ({self.replaced}) and replaced" if self.replaced else said

    async def aclose(self) -> None:
        """Let go of the connection for good, politely where the other side is; a look that still runs keeps none."""
        self._closed = True
        line, self._line = self._line, None
        if line is None:
            return
        try:
            with suppress(HttpError, OSError):
                async with asyncio.timeout(_GOODBYE):
                    await line.close()
        finally:
            line.drop()

    async def _new(self, look: Look) -> L:
        started = _monotonic()
        try:
            async with asyncio.timeout(look.remaining * LAST_WORD):
                line = await self._opened(look)
        except TimeoutError as error:
            raise silent(self._place) from error
        self.connect_seconds = _monotonic() - started
        await self._checked(line, look, look.remaining * LAST_WORD)
        if not self._closed:
            self._line = line
        return line

    async def _checked(self, line: L, look: Look, within: float) -> None:
        started = _monotonic()
        try:
            async with asyncio.timeout(within):
                await line.alive(look)
        except BaseException as error:
            self._let_go(line)
            if isinstance(error, TimeoutError):
                raise silent(self._place) from error
            raise
        self.alive_seconds = _monotonic() - started

    def _let_go(self, line: L) -> None:
        if self._line is line:
            self._line = None
        line.drop()

"""Events as they happen, one JSON object a line, to any number of readers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from salus.model import Event
from salus.ports import Subscriber
from salus.surfaces import wire
from salus.surfaces.http import LINES, Receive, Send, basic_headers

Subscribe: TypeAlias = Callable[[Subscriber], Callable[[], None]]

_KEPT_EVENTS = 1024


class EventStreams:
    """Everybody who listens right now.

    A reader that does not keep up loses the oldest events, and is told how many: it can slow down nobody else.
    """

    def __init__(self, subscribe: Subscribe, *, keep: int = _KEPT_EVENTS) -> None:
        """Listen through ``subscribe``; hold at most ``keep`` events for each reader."""
        self._subscribe = subscribe
        self._keep = keep
        self._readers: set[_Reader] = set()
        self._closed = False

    async def serve(self, receive: Receive, send: Send, now: datetime) -> None:
        """Send events until the reader goes away or ``close`` is called."""
        reader = _Reader(self._keep)
        if self._closed:
            reader.end()
        self._readers.add(reader)
        unsubscribe = self._subscribe(reader.take)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": basic_headers(LINES, now)})
            # An empty line at once: the reader knows that nothing from here on will be missed.
            await send({"type": "http.response.body", "body": b"\n", "more_body": True})
            async with asyncio.TaskGroup() as tasks:
                watcher = tasks.create_task(_until_gone(receive, reader))
                await reader.pump(send)
                watcher.cancel()
            await send({"type": "http.response.body", "body": b""})
        finally:
            unsubscribe()
            self._readers.discard(reader)

    def close(self) -> None:
        """Let every reader have what is waiting for it, then end."""
        self._closed = True
        for reader in self._readers:
            reader.end()


class _Reader:
    """One reader: its queue, and what it missed."""

    def __init__(self, keep: int) -> None:
        self._waiting: deque[Event] = deque(maxlen=keep)
        self._missed = 0
        self._ended = False
        self._something = asyncio.Event()

    def take(self, event: Event) -> None:
        if len(self._waiting) == self._waiting.maxlen:
            self._missed += 1
        self._waiting.append(event)
        self._something.set()

    def end(self) -> None:
        self._ended = True
        self._something.set()

    async def pump(self, send: Send) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            if lines := self._lines():
                await send({"type": "http.response.body", "body": lines, "more_body": True})
            if self._ended:
                return

    def _lines(self) -> bytes:
        lines = [wire.encode({"missed": self._missed})] if self._missed else []
        lines += [wire.encode(wire.event(event)) for event in self._waiting]
        self._missed = 0
        self._waiting.clear()
        return b"".join(line + b"\n" for line in lines)


async def _until_gone(receive: Receive, reader: _Reader) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    reader.end()

"""Tells browsers what happens, while it happens (server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping

QUIET = 15.0
_MOST_BEHIND = 100


class Hub:
    """Hands every message to every browser. Any thread may speak; only the loop of the server touches the queues."""

    def __init__(self) -> None:
        """Nobody listens yet."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queues: set[asyncio.Queue[str | None]] = set()

    def open(self) -> None:
        """Live on the loop that runs here."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Let every listener go, from any thread."""
        self._soon(None)

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._queues)

    def tell(self, event: str, data: Mapping[str, object]) -> None:
        """Tell everybody, from any thread."""
        self._soon(f"event: {event}\ndata: {json.dumps(data)}\n\n")

    def _soon(self, message: str | None) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._spread, message)

    def _spread(self, message: str | None) -> None:
        for queue in self._queues:
            if queue.full():  # a browser that sleeps will reload when it wakes
                queue.get_nowait()
            queue.put_nowait(message)

    async def listen(self) -> AsyncIterator[str]:
        """Yield messages, and a comment where there is none for a while, so that who has left is noticed."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(_MOST_BEHIND)
        self._queues.add(queue)
        try:
            yield "retry: 500\n\n"
            while True:
                try:
                    message = await asyncio.wait_for(queue.get(), QUIET)
                except TimeoutError:
                    message = ": still here\n\n"
                if message is None:
                    return
                yield message
        finally:
            self._queues.discard(queue)

"""A thread with an event loop of its own: there Salus lives, whatever the application's loop does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Host:
    """One thread, one loop. ``start`` and ``stop`` are each called once, from any other thread."""

    def __init__(self, name: str) -> None:
        """Start nothing yet; ``name`` is for those who read a dump of stacks."""
        # Not whatever policy the application has set: what Salus measures must not depend on that.
        self.loop: asyncio.AbstractEventLoop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        """Tell whether the thread runs; after a fork it does not, in the child."""
        return self._thread.is_alive()

    @property
    def here(self) -> bool:
        """Tell whether the caller runs on this very thread."""
        return threading.get_ident() == self._thread.ident

    def start(self) -> None:
        """Start the thread; what is handed over from now on is carried out."""
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, Result], timeout: float | None = None) -> Result:
        """Carry something out there, and wait for it.

        Raises:
            TimeoutError: it took longer than ``timeout`` seconds; it was cancelled.
            Exception: whatever it raises.
        """
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise

    async def ask(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Carry something out there, and await it on the caller's loop."""
        if asyncio.get_running_loop() is self.loop:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    def stop(self) -> None:
        """End the loop and its thread; everything on it has ended by now."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self.loop.close()

"""An application for Salus to live in: an event loop on a thread of its own, which a test can block and free again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from salus.ports import Site

Result = TypeVar("Result")
LONGEST = 30.0


class Application:
    """A program with an event loop that waits for work."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.thread = threading.Thread(target=self._run, name="application", daemon=True)
        self.free = threading.Event()
        self._begun: list[Future[Any]] = []

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def live_at(self, site: Site) -> Site:
        """Be the application that Salus lives in at a site."""
        site.home.loop, site.home.thread = self.loop, self.thread.ident
        return site

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Begin a task and do not wait for it."""
        self._begun.append(asyncio.run_coroutine_threadsafe(work, self.loop))

    def call(self, function: Callable[[], Result]) -> Result:
        """Call a function on the loop, and wait for what it returns."""

        async def there() -> Result:
            return function()

        return asyncio.run_coroutine_threadsafe(there(), self.loop).result(LONGEST)

    def block(self) -> None:
        """Block the loop until it is freed; returns when it is blocked."""
        begun = threading.Event()
        self.loop.call_soon_threadsafe(crunch, self.free, begun)
        begun.wait(LONGEST)


def crunch(free: threading.Event, begun: threading.Event) -> None:
    """Do not come back: this is the line that blocks."""
    begun.set()
    free.wait(LONGEST)


@contextmanager
def application(loop: asyncio.AbstractEventLoop | None = None) -> Iterator[Application]:
    """Run an application; its loop is freed and closed at the end."""
    running = Application(loop or asyncio.new_event_loop())
    running.thread.start()
    try:
        yield running
    finally:
        running.free.set()
        running.loop.call_soon_threadsafe(running.loop.stop)
        running.thread.join(LONGEST)

"""A thread with an event loop of its own: there Salus lives, whatever the application's loop does."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from salus.errors import ConflictError

_log = logging.getLogger("salus.library")

Result = TypeVar("Result")

_JOINING = 5.0
_CLEANING = 5.0


class Host:
    """One thread, one loop. ``start`` and ``stop`` are each called once, from any other thread."""

    def __init__(self, name: str) -> None:
        """Start nothing yet; ``name`` is for those who read a dump of stacks."""
        # Not whatever policy the application has set: what Salus measures must not depend on that.
        self.loop: asyncio.AbstractEventLoop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._ending = False

    @property
    def alive(self) -> bool:
        """Tell whether the thread runs; after a fork it does not, in the child."""
        return self._thread.is_alive()

    @property
    def here(self) -> bool:
        """Tell whether the caller runs on this very thread."""
        return threading.get_ident() == self._thread.ident

    def start(self) -> None:
        """Start the thread; what is handed over from now on is carried out.

        Raises:
            RuntimeError: the system has no thread left.
        """
        try:
            self._thread.start()
        except BaseException:
            self.loop.close()
            raise

    def call(self, work: Coroutine[Any, Any, Result], timeout: float | None = None) -> Result:
        """Carry something out there, and wait for it.

        Raises:
            TimeoutError: it took longer than ``timeout`` seconds; it was cancelled, and had a moment to clean up.
            ConflictError: the caller is that thread: it would wait for itself.
            Exception: whatever it raises.
        """
        try:
            self.refuse_itself()
        except ConflictError:
            work.close()
            raise
        future = self._hand_over(work)
        try:
            return future.result(timeout)
        except BaseException:  # a time-out, or Ctrl-C
            if not future.done():
                self._cancel(future)
            raise

    def refuse_itself(self) -> None:
        """Refuse whoever would wait here for what is to be done here.

        Raises:
            ConflictError: the caller runs on this thread.
        """
        if self.here:
            message = "this would wait for itself: it was called on the thread that Salus itself runs on"
            raise ConflictError(message, remedy="call it from a plain function: that has a thread of its own")

    async def ask(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Carry something out there, and await it on the caller's loop."""
        if asyncio.get_running_loop() is self.loop:
            return await work
        return await asyncio.wrap_future(self._hand_over(work))

    def stop(self) -> None:
        """End the loop and its thread; everything on it has ended by now."""
        self._ending = True
        with suppress(RuntimeError):  # it has ended already
            self.loop.call_soon_threadsafe(self.loop.stop)
        if not self.here:
            self._thread.join(_JOINING)

    def _hand_over(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        try:
            return asyncio.run_coroutine_threadsafe(work, self.loop)
        except RuntimeError as error:
            work.close()
            raise ConflictError("Salus has just been stopped") from error

    def _cancel(self, future: Future[Any]) -> None:
        """Cancel what runs there, and give it a moment to clean up: what it holds is not to be left behind."""
        future.cancel()
        cleaned = threading.Event()

        async def others() -> None:
            task = asyncio.current_task()
            if waiting := [one for one in asyncio.all_tasks() if one is not task and one.cancelling()]:
                await asyncio.wait(waiting, timeout=_CLEANING)
            cleaned.set()

        with suppress(ConflictError):
            self._hand_over(others())
            cleaned.wait(_CLEANING + 1.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self._run_forever()
            _end_tasks(self.loop)
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self.loop.close()

    def _run_forever(self) -> None:
        while True:
            try:
                self.loop.run_forever()
            except BaseException:  # noqa: BLE001 - SystemExit of a stranger's check would end a loop, and all of Salus
                _log.exception("something on the thread of Salus tried to end it; it goes on")
            if self._ending:
                return


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """End what was left behind by parts that would not stop."""
    if left := asyncio.all_tasks(loop):
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.wait(left, timeout=1.0))

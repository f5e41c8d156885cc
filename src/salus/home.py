"""The application that Salus lives in, when it is used as a library: its event loop, and how work gets there.

Salus runs on a loop and a thread of its own, so that a blocked application cannot blind it, and its own work never
waits in front of a request. What belongs to the application, such as a connection pool, belongs to the application's
loop, though: coroutine functions of the application run there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from salus.errors import CheckBrokenError
from salus.model import Cause

Result = TypeVar("Result")


class Home:
    """Where coroutine functions of the application run.

    Attributes:
        loop: the application's event loop; None where it has none, or where Salus runs on it (an agent).
        thread: the identifier of the thread that the loop runs on (``threading.get_ident()``); None as above.
        beat: seconds; what has time is done at its multiples, all at once, so that Salus wakes seldom: it shares the
            application's interpreter, and whoever runs makes the other wait. 0: nothing is put together.
    """

    def __init__(self, beat: float = 0.0) -> None:
        """Begin without an application."""
        self.beat = beat
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread: int | None = None

    async def run(self, function: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Call a coroutine function on the application's loop, or right here where there is none.

        Cancelling this cancels it there, and does not wait for its end: that loop may be blocked.

        Raises:
            CheckBrokenError: the application's loop has ended, or cancelled it.
            Exception: whatever the function raises; ``SystemExit`` comes as a ``RuntimeError``.
        """
        loop = self.loop
        if loop is None or loop is asyncio.get_running_loop():
            return await _contained(function, (SystemExit, KeyboardInterrupt))  # no signal ends up on Salus' thread
        # Ctrl-C may well end up in the application's loop, wherever that is just then: it is passed on.
        work = _contained(function, (SystemExit,))
        try:
            future = asyncio.run_coroutine_threadsafe(work, loop)
        except RuntimeError as error:  # it has been closed
            work.close()
            raise _ended("the application's event loop has ended") from error
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            raise _ended("it was cancelled on the application's event loop") from error


async def _contained(
    function: Callable[[], Coroutine[Any, Any, Result]], fatal: tuple[type[BaseException], ...]
) -> Result:
    """Keep what a function raises from ending the loop that it runs on."""
    try:
        return await function()
    except fatal as error:
        message = f"{type(error).__name__}: {error}"
        raise RuntimeError(message) from error


def _ended(said: str) -> CheckBrokenError:
    return CheckBrokenError(said, cause=Cause.CRASHED)

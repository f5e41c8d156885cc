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
    """

    def __init__(self) -> None:
        """Begin without an application."""
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread: int | None = None

    async def run(self, function: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Call a coroutine function on the application's loop, or right here where there is none.

        Cancelling this cancels it there, and does not wait for its end: that loop may be blocked.

        Raises:
            CheckBrokenError: the application's loop has ended.
            Exception: whatever the function raises.
        """
        loop = self.loop
        if loop is None or loop is asyncio.get_running_loop():
            return await function()
        if loop.is_closed():
            raise CheckBrokenError("the application's event loop has ended", cause=Cause.CRASHED)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(function(), loop))

"""Run blocking work beside the loop: it can be told to stop, and a call that never returns hurts nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from salus.errors import ActionError, CheckBrokenError
from salus.threads import Threads

Result = TypeVar("Result")

_pool = Threads(16, "salus-action")


async def in_thread(work: Callable[[threading.Event], Result], *, grace: float = 1.0) -> Result:
    """Run ``work`` in a thread and return what it returns.

    Args:
        work: is given an event that is set when it should stop early.
        grace: seconds in which cancelled work may still end by itself; then it is left behind, and counted.

    Raises:
        ActionError: too many earlier calls still hang.
    """
    loop = asyncio.get_running_loop()
    stop, ended, begun = threading.Event(), loop.create_future(), False

    def carry() -> Result:
        nonlocal begun
        begun = True
        try:
            return work(stop)
        finally:
            with suppress(RuntimeError):  # the loop has closed: nobody waits any more
                loop.call_soon_threadsafe(ended.set_result, None)

    try:
        return await _pool.run(carry)
    except asyncio.CancelledError:
        stop.set()
        if begun:
            await asyncio.wait({ended}, timeout=grace)
        raise
    except CheckBrokenError as error:
        if begun:
            raise
        raise ActionError(f"no thread for it: {error}", remedy=error.remedy) from error

"""Finish what must be finished, however often the caller is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from salus.tasks import Nursery


async def to_the_end(name: str, work: Coroutine[object, object, None]) -> None:
    """Run ``work`` to its end; only then let a cancellation pass. ``work`` must be bounded by itself.

    Raises:
        CancelledError: the caller was cancelled meanwhile.
        Exception: whatever ``work`` raises.
    """
    nursery = Nursery(lambda _name, _error: None)  # the error is raised below
    task = nursery.start(name, work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError

"""Run what may block (a terminal, a file on a dead mount) beside the loop: a channel that hangs hurts no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from salus.errors import CheckBrokenError, DeliveryError
from salus.threads import Threads

Result = TypeVar("Result")

_pool = Threads(16, "salus-channel")


async def in_thread(work: Callable[[], Result]) -> Result:
    """Run ``work`` in a thread and return what it returns.

    Raises:
        DeliveryError: too many earlier calls still hang.
    """
    try:
        return await _pool.run(work)
    except CheckBrokenError as error:
        raise DeliveryError(f"no thread for it: {error}", remedy=error.remedy) from error

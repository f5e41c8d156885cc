"""What is to be ended when an agent stops: the last that began first, each within its time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TypeAlias

_log = logging.getLogger("salus.agent")

End: TypeAlias = Callable[[], Coroutine[object, object, object]]


class Endings:
    """A stack of ends, each by the name of what it ends."""

    def __init__(self) -> None:
        """Have nothing to end."""
        self._ends: list[tuple[str, End]] = []

    def add(self, name: str, end: End) -> None:
        """End this too, before all that was added earlier."""
        self._ends.append((name, end))

    async def run(self, within: float) -> None:
        """End everything, once; one part that will not end does not keep the others up.

        Args:
            within: seconds for each of them.
        """
        while self._ends:
            name, end = self._ends.pop()
            try:
                async with asyncio.timeout(within):
                    await end()
            except TimeoutError:
                _log.error("stopping the %s took too long and was left", name)
            except Exception:  # noqa: BLE001 - one part that will not stop must not keep the others up
                _log.exception("stopping the %s failed", name)

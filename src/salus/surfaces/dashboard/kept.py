"""What is dear to find out, kept for a moment: fifty people who look at a page cost the ledger one reading."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from salus.ports import Clock

_Found = TypeVar("_Found")


class Kept(Generic[_Found]):
    """Keeps answers for a while, the last few of them."""

    def __init__(self, clock: Clock, seconds: float, *, most: int = 16) -> None:
        """Keep each for ``seconds``, and at most so many."""
        self._clock = clock
        self._seconds = seconds
        self._most = most
        self._found: dict[Hashable, tuple[float, _Found]] = {}

    async def get(self, key: Hashable, find: Callable[[], Awaitable[_Found]]) -> _Found:
        """Return what was found a moment ago, or find it; what ``find`` raises is not kept."""
        now = self._clock.monotonic()
        known = self._found.pop(key, None)
        if known is None or now - known[0] >= self._seconds:
            known = (now, await find())
        self._found[key] = known  # the last one is the one used last
        while len(self._found) > self._most:
            del self._found[next(iter(self._found))]
        return known[1]

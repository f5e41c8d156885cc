"""What is dear to find out, kept for a moment: fifty people who look at a page cost the ledger one reading."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from salus.errors import StoreError
from salus.ports import Clock

_Found = TypeVar("_Found")

MOST = 128


class Kept(Generic[_Found]):
    """Keeps answers for a while, those used last."""

    def __init__(self, clock: Clock, seconds: float, *, most: int = 16) -> None:
        """Keep each for ``seconds``, and at most so many."""
        self._clock = clock
        self._seconds = seconds
        self._most = most
        self._found: dict[Hashable, tuple[float, Hashable, _Found]] = {}

    async def get(self, key: Hashable, find: Callable[[], Awaitable[_Found]], stamp: Hashable = None) -> _Found:
        """Return what was found a moment ago, or find it; what ``find`` raises is not kept.

        Args:
            key: what is asked for.
            find: finds it.
            stamp: it is found anew when this has changed.
        """
        now = self._clock.monotonic()
        known = self._found.pop(key, None)
        if known is None or known[1] != stamp or now - known[0] >= self._seconds:
            found = await find()
            # Where it is as before, the same object: comparing it costs nothing from now on.
            known = (now, stamp, known[2] if known and known[2] == found else found)
        self._found[key] = known  # the last one is the one used last
        while len(self._found) > self._most:
            del self._found[next(iter(self._found))]
        return known[2]


@dataclass(frozen=True, slots=True)
class Found(Generic[_Found]):
    """What was read from the ledger, and why it could not be."""

    value: _Found
    trouble: str = ""


class Reads(Generic[_Found]):
    """Keeps what was read from the ledger, also that it could not be: a page says so where it would have stood."""

    def __init__(self, clock: Clock, seconds: float, nothing: _Found) -> None:
        """Keep each for ``seconds``; ``nothing`` stands where the ledger cannot be read."""
        self._kept: Kept[Found[_Found]] = Kept(clock, seconds, most=MOST)
        self._nothing = nothing

    async def get(self, key: Hashable, stamp: Hashable, read: Callable[[], Awaitable[_Found]]) -> Found[_Found]:
        """Return what ``read`` returns, or what it returned a moment ago.

        Args:
            key: of what it is a read.
            stamp: it is read anew when this has changed.
            read: reads it.
        """

        async def find() -> Found[_Found]:
            try:
                return Found(await read())
            except StoreError as error:
                return Found(self._nothing, str(error))

        return await self._kept.get(key, find, stamp)

"""What was read from the ledger, told again while nothing has happened: an open page must not read it each second."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from salus.errors import StoreError
from salus.ports import Clock

_Read = TypeVar("_Read")

MOST = 128


@dataclass(frozen=True, slots=True)
class Found(Generic[_Read]):
    """What was read, and why it could not be."""

    value: _Read
    trouble: str = ""


class Kept(Generic[_Read]):
    """Reads of one kind, the newest ``MOST`` of them."""

    def __init__(self, clock: Clock, seconds: float, nothing: _Read) -> None:
        """Tell a read again for so many seconds; ``nothing`` is told where the ledger cannot be read."""
        self._clock = clock
        self._seconds = seconds
        self._nothing = nothing
        self._found: OrderedDict[Hashable, tuple[float, Hashable, Found[_Read]]] = OrderedDict()

    async def get(self, key: Hashable, stamp: Hashable, read: Callable[[], Awaitable[_Read]]) -> Found[_Read]:
        """Return what ``read`` returns, or what it returned a moment ago.

        Args:
            key: of what it is a read.
            stamp: it is read anew when this has changed.
            read: reads it.
        """
        now = self._clock.monotonic()
        if (known := self._found.get(key)) and known[1] == stamp and now - known[0] < self._seconds:
            return known[2]
        try:
            found = Found(await read())
        except StoreError as error:
            found = Found(self._nothing, str(error))
        if known and known[2] == found:
            found = known[2]  # the same object: comparing it costs nothing from now on
        self._found[key] = (now, stamp, found)
        self._found.move_to_end(key)
        if len(self._found) > MOST:
            self._found.popitem(last=False)
        return found

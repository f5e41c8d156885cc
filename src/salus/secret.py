"""A value that must appear in no log, metric label, API answer or error."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from itertools import count
from typing import ClassVar
from weakref import WeakValueDictionary


class Secret:
    """Text that prints as ``***``; only ``reveal()`` gives it away, so every use can be found by name."""

    __slots__ = ("__weakref__", "_text")

    made: ClassVar[int] = 0
    """How many were ever made: whoever keeps what follows from all of them sees by it that there are others now."""

    def __init__(self, text: str) -> None:
        """Keep the text."""
        self._text = text
        _alive[next(_numbers)] = self
        Secret.made += 1  # after it can be found: whoever sees the new number finds all that it counts

    def reveal(self) -> str:
        """Return the text itself. Hand it to the one call that needs it and keep no copy."""
        return self._text

    def __repr__(self) -> str:
        """Hide the text."""
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        """Hash by the text."""
        return hash(self._text)

    def __bool__(self) -> bool:
        """Tell whether there is any text."""
        return bool(self._text)


_numbers = count()
_alive: WeakValueDictionary[int, Secret] = WeakValueDictionary()


def in_use() -> Iterator[str]:
    """Yield the text of every secret that is in use, for those who take secrets out of what is written."""
    for reference in _alive.valuerefs():
        if (secret := reference()) is not None:
            yield secret.reveal()

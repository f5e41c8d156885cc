"""When something happened last, by key: as much of it as still matters."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

_MOST = 20_000


class Lately(Generic[Key]):
    """The last instant of each key. What is older than ``keep`` goes when there is much; that is seldom looked for."""

    def __init__(self, keep: timedelta = timedelta(), most: int = _MOST) -> None:
        """Begin with nothing; look for what is too old from ``most`` keys on."""
        self.keep = keep
        self._most = self._full = most
        self._at: dict[Key, datetime] = {}

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._at)

    def note(self, key: Key, at: datetime) -> None:
        """Take an instant."""
        self._at[key] = at
        if len(self._at) > self._full:
            since = at - self.keep
            self._at = {known: seen for known, seen in self._at.items() if seen >= since}
            self._full = max(self._most, 2 * len(self._at))

    def get(self, key: Key) -> datetime | None:
        """Return the last instant of a key, or None."""
        return self._at.get(key)

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        self._at = {key: at + by for key, at in self._at.items()}

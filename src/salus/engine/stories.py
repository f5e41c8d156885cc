"""What was done about checks of late, or why it was not: what an alert that begins only now has to tell too."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime

from salus.model import Deed, Event

_MOST_CHECKS = 1_000
_MOST_DEEDS = 20


class Stories:
    """The newest deeds by check; bounded."""

    def __init__(self) -> None:
        """Begin with none."""
        self._found: dict[str, deque[Deed]] = {}

    def add(self, check: str, deeds: Iterable[Deed]) -> None:
        """Remember what was done about a check."""
        found = self._found.pop(check, None) or deque(maxlen=_MOST_DEEDS)
        found.extend(deeds)
        self._found[check] = found
        if len(self._found) > _MOST_CHECKS:
            del self._found[next(iter(self._found))]

    def since(self, check: str, begin: datetime | None) -> list[Deed]:
        """Return what was done about a check since it began to fail; nothing where it does not."""
        if begin is None:
            return []
        return [deed for deed in self._found.get(check, ()) if deed.at >= begin]


def held_back(event: Event) -> Deed:
    """Return why a rule did not act, as it stands in a story."""
    reason = (event.reason or "").replace("_", " ")
    said = f"{reason}: {event.message}" if event.message else reason
    return Deed(at=event.at, recovery="", result=event.reason or "", message=said)

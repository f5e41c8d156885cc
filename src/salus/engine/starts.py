"""When the recoveries of the last hour began: what the budget of all rules together is counted from."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from salus.engine.holds import Keep
from salus.engine.memos import memo, recall
from salus.model import Json

HOUR = timedelta(hours=1)
_MOST = 4096


class Starts:
    """The starts of an hour. They follow the wall clock when it is set; the rows of the ledger do not.

    So each is kept with the instant in its row, and what they have become is remembered: else a clock that is set an
    hour forward, and a restart of Salus, would give the whole budget back.
    """

    def __init__(self, keep: Keep) -> None:
        """Begin with nothing spent; remember what has moved through ``keep``."""
        self._keep = keep
        self._starts: deque[tuple[datetime, datetime]] = deque(maxlen=_MOST)  # in its row; by the clock of today
        self._moved: dict[datetime, datetime] = {}

    def load(self, memos: Mapping[str, Mapping[str, Json]]) -> None:
        """Take up what became of the rows of an earlier Salus; call ``remember`` next.

        Raises:
            StoreUnreadableError: it cannot be understood.
        """
        self._moved = dict(found.pairs) if (found := recall(memos, "starts", _Moved).get("hour")) else {}

    def remember(self, rows: Iterable[datetime]) -> None:
        """Take the recoveries of the last hour from the ledger."""
        moved, self._moved = self._moved, {}
        found = [(row, moved.pop(row, row)) for row in rows]
        self._starts.extend(sorted([*found, *moved.items()], key=lambda pair: pair[1]))

    def add(self, at: datetime) -> None:
        """Spend one."""
        self._starts.append((at, at))

    def give_back(self, row: datetime) -> None:
        """Give one back: nothing was done."""
        if found := next((pair for pair in self._starts if pair[0] == row), None):
            self._starts.remove(found)

    def within(self, now: datetime) -> tuple[datetime, ...]:
        """Return the starts of the last hour, oldest first."""
        while self._starts and self._starts[0][1] <= now - HOUR:
            self._starts.popleft()
        return tuple(at for _, at in self._starts)

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        self._starts = deque(((row, at + by) for row, at in self._starts), maxlen=_MOST)
        pairs = [(row, at) for row, at in self._starts]
        self._keep(memo("starts:hour", _Moved(pairs=pairs) if pairs else None))


class _Moved(msgspec.Struct):
    """Instants in rows, and what became of them when the wall clock was set."""

    pairs: list[tuple[datetime, datetime]]

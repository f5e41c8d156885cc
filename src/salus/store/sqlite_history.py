"""The long past of a ledger in a file: the store's own methods for it."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from salus.ports.store import Spent
from salus.store import history_rows
from salus.store.work import PUT_MEMO
from salus.store.writer import Writer

if TYPE_CHECKING:  # an agent that nobody asks reads no past
    from salus.model.history import Point

T = TypeVar("T")


class SqliteHistory(ABC):
    """``salus.ports.history.HistoryStore`` in one file."""

    _path: Path
    _writer: Writer

    @abstractmethod
    async def _read(self, query: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        """Run a query on the reading thread; ``nothing`` where there is no ledger."""

    @abstractmethod
    def _must_be_open(self) -> None:
        """Raise where nothing may be written."""

    async def days(self, checks: Collection[str] | None, *, since: int) -> Sequence[Spent]:
        """Return the rows of checks from a day on, by check, the oldest first."""
        from salus.store import history

        return await self._read(lambda db: history.days(self._path, db, checks, since), [])

    async def whole_days(self, *, since: int) -> Sequence[Spent]:
        """Return what all checks spent together, by day."""
        from salus.store import history

        return await self._read(lambda db: history.whole_days(self._path, db, since), [])

    async def last_days(self) -> Sequence[Spent]:
        """Return the newest row of each check."""
        return await self._read(lambda db: history_rows.last_days(self._path, db), [])

    async def changes(
        self, *, after: int, checks: Collection[str] | None = None, limit: int = 500
    ) -> Sequence[tuple[int, int, str | None, str, str]]:
        """Return changes of status and starts of Salus after an event, the oldest first."""
        return await self._read(lambda db: history_rows.changes(self._path, db, after, checks, limit), [])

    async def last_sign(self, before: int) -> int | None:
        """Return the instant of the last event or look before an instant."""
        return await self._read(lambda db: history_rows.last_sign(self._path, db, before), None)

    async def points(
        self, check: str, metric: str, *, since: datetime, until: datetime, points: int, hours: bool
    ) -> tuple[str, Sequence[Point]]:
        """Return the unit and the points of a number, from the looks or from the hours."""
        from salus.store.history import Wanted, numbers

        wanted = Wanted(check, metric, since, until, points, hours)
        nothing: tuple[str, list[Point]] = "", []
        return await self._read(lambda db: numbers(self._path, db, wanted), nothing)

    async def metrics(self, check: str, *, since: datetime) -> Sequence[str]:
        """Return the names of the numbers that looks at a check saw, in order."""
        from salus.store import history

        return await self._read(lambda db: history.metrics(self._path, db, check, since), [])

    async def roll_up(self) -> bool:
        """Put the next looks into their hours; true when more wait.

        Raises:
            StoreUnwritableError: nothing was written; the same looks come next.
        """
        self._must_be_open()
        nothing = 0, 0, False
        after, upto, more = await self._read(lambda db: history_rows.next_looks(self._path, db), nothing)
        if upto > after:
            await self._writer.write(lambda: history_rows.roll_up(after, upto, PUT_MEMO))
        return more

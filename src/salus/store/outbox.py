"""The outbox in an SQLite file: each change is one statement, so that of any number of callers one succeeds.

What makes a claim safe:

1. It compares and sets: the row must wait, and must not have been tried more often than the caller knows. Whoever
   looked at it before somebody else tried is told no, and looks again. Whoever knows of more tries made them himself
   while the ledger could not be written; now they are counted.
2. A claim belongs to whoever took it, until it is released or stale. Its holder may take it again: it could not write
   how its try ended, or was cut off before it heard that the claim was its own.
3. A claim that lies further ahead than a claim lasts was taken before the clock was put back. It is stale too: else
   what a dead Salus held would wait for hours.
4. The try is counted as it begins, in the same statement: a Salus that dies of it has tried.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from salus.model import Delivery, DeliveryState
from salus.store import queries
from salus.store.codec import text, to_micros, to_micros_or_none

T = TypeVar("T")
Change: TypeAlias = tuple[str, Mapping[str, Any]]

_CLAIM = """UPDATE deliveries SET claimed_by = :by, claimed_at = :now, attempts = :attempts + 1
    WHERE id = :id AND state = 'waiting' AND attempts <= :attempts
    AND (claimed_by IN ('', :by) OR claimed_at IS NULL OR claimed_at <= :stale OR claimed_at > :ahead)"""
_RELEASE = """UPDATE deliveries SET state = :state, due_at = :due, error = :error, ended_at = :ended,
    claimed_by = '', claimed_at = NULL
    WHERE id = :id AND state = 'waiting' AND claimed_by = :by AND claimed_at IS NOT NULL"""
_REVIVE = """UPDATE deliveries SET state = 'waiting', due_at = :now, ended_at = NULL, claimed_by = '', claimed_at = NULL
    WHERE id = :id AND state = 'dead'"""


def claiming(delivery: Delivery, by: str, now: datetime, stale_before: datetime) -> Change:
    """Return the statement that claims a delivery."""
    at, stale = to_micros(now), to_micros(stale_before)
    known = {"id": delivery.id, "attempts": delivery.attempts}
    return _CLAIM, {**known, "by": by, "now": at, "stale": stale, "ahead": at + (at - stale)}


def releasing(delivery: Delivery, by: str) -> Change:
    """Return the statement that writes how a try ended."""
    return _RELEASE, {
        "id": delivery.id,
        "by": by,
        "state": delivery.state.value,
        "due": to_micros(delivery.due_at),
        "error": text(delivery.error),
        "ended": to_micros_or_none(delivery.ended_at),
    }


def reviving(delivery: str, now: datetime) -> Change:
    """Return the statement that puts a dead letter back."""
    return _REVIVE, {"id": delivery, "now": to_micros(now)}


class SqliteOutbox(ABC):
    """``salus.ports.Outbox`` in one file."""

    _path: Path

    @abstractmethod
    async def _read(self, query: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        """Run a query on the reading thread; ``nothing`` where there is no ledger."""

    @abstractmethod
    async def _change(self, change: Change) -> bool:
        """Carry out a statement on the writing thread, and tell whether it changed a row; on return that is durable."""

    async def waiting(self, channel: str, *, limit: int = 200) -> Sequence[Delivery]:
        """Return the deliveries of a channel that are not done, the oldest first."""
        return await self._read(lambda db: queries.waiting(self._path, db, channel, limit), [])

    async def claim(self, delivery: Delivery, by: str, now: datetime, *, stale_before: datetime) -> bool:
        """Compare and set: take a waiting delivery, unless another took it after ``stale_before``.

        Raises:
            StoreUnwritableError: nothing was written.
        """
        return await self._change(claiming(delivery, by, now, stale_before))

    async def release(self, delivery: Delivery, by: str) -> bool:
        """Write how a try of a claimed delivery ended, and let go; false when ``by`` no longer holds the claim.

        Raises:
            StoreUnwritableError: nothing was written.
        """
        return await self._change(releasing(delivery, by))

    async def revive(self, delivery: str, now: datetime) -> bool:
        """Put a dead letter back among the waiting, due now; false when there is no such dead letter.

        Raises:
            StoreUnwritableError: nothing was written.
        """
        return await self._change(reviving(delivery, now))

    async def deliveries(
        self, *, channel: str | None = None, state: DeliveryState | None = None, limit: int = 100
    ) -> Sequence[Delivery]:
        """Return deliveries, newest first."""
        return await self._read(lambda db: queries.deliveries(self._path, db, channel, state, limit), [])

    async def depth(self) -> Mapping[str, int]:
        """Return how many deliveries wait, by channel."""
        return await self._read(lambda db: queries.depth(self._path, db), {})

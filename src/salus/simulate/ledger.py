"""A ledger file written in the loop's own turn, so that the same seed gives the same file.

The agent's store writes on a thread of its own. In time that jumps, how long that thread takes would decide what
happens next; here a row is on its way the moment it is handed over. Nobody needs it after a loss of power.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path

from salus.errors import StoreUnwritableError
from salus.model import Delivery
from salus.ports import Batch
from salus.store.ledger import connect_writer, create
from salus.store.memory import MemoryStore
from salus.store.outbox import Change, claiming, releasing, reviving
from salus.store.schema import SCHEMA
from salus.store.work import work


class SimulatedLedger(MemoryStore):
    """Writes every row to a new file, in the schema of a real ledger; reads come from memory."""

    def __init__(self, path: Path) -> None:
        """Make the file when it is opened."""
        super().__init__(events=100, observations=1, recoveries=100, alerts=100, deliveries=100)
        self._path = path
        self._db: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Make the file.

        Raises:
            StoreUnwritableError: it is there already, or cannot be made.
        """
        if self._path.exists():
            remedy = "name a new file, or remove that one"
            raise StoreUnwritableError(f"{self._path} is there already", remedy=remedy)
        create(self._path, SCHEMA)
        self._db = connect_writer(self._path)
        self._db.execute("PRAGMA synchronous = OFF")
        await super().open()

    async def write(self, batch: Batch) -> None:
        """Write all rows in one transaction."""
        await super().write(batch)
        db = self._file()
        db.execute("BEGIN")
        for sql, rows in work(batch):
            db.executemany(sql, rows)
        db.execute("COMMIT")

    async def claim(self, delivery: Delivery, by: str, now: datetime, *, stale_before: datetime) -> bool:
        """Take a waiting delivery."""
        taken = await super().claim(delivery, by, now, stale_before=stale_before)
        return taken and self._change(claiming(delivery, by, now, stale_before))

    async def release(self, delivery: Delivery, by: str) -> bool:
        """Write how a try ended."""
        return await super().release(delivery, by) and self._change(releasing(delivery, by))

    async def revive(self, delivery: str, now: datetime) -> bool:
        """Put a dead letter back."""
        return await super().revive(delivery, now) and self._change(reviving(delivery, now))

    def _change(self, change: Change) -> bool:
        return self._file().execute(*change).rowcount > 0

    def _file(self) -> sqlite3.Connection:
        assert self._db is not None  # noqa: S101 - super() has refused where it is not open
        return self._db

    async def close(self) -> None:
        """Leave one whole file behind."""
        await super().close()
        if self._db is not None:
            self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.close()
            self._db = None

"""A ledger file written in the loop's own turn, so that the same seed gives the same file.

The agent's store writes on a thread of its own. In time that jumps, how long that thread takes would decide what
happens next; here a row is on its way the moment it is handed over. Nobody needs it after a loss of power.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from salus.errors import StoreUnwritableError
from salus.ports import Batch
from salus.store.ledger import connect_writer, create
from salus.store.memory import MemoryStore
from salus.store.rows import work
from salus.store.schema import SCHEMA


class SimulatedLedger(MemoryStore):
    """Writes every row to a new file, in the schema of a real ledger; reads come from memory."""

    def __init__(self, path: Path) -> None:
        """Make the file when it is opened."""
        super().__init__(events=100, observations=1, recoveries=100)
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
        db = self._db
        assert db is not None  # noqa: S101 - super() has refused where it is not open
        db.execute("BEGIN")
        for sql, rows in work(batch):
            db.executemany(sql, rows)
        db.execute("COMMIT")

    async def close(self) -> None:
        """Leave one whole file behind."""
        await super().close()
        if self._db is not None:
            self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.close()
            self._db = None

"""The ledger in an SQLite file: one thread writes, another reads, the event loop only hands over and takes back."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from salus.errors import StoreUnreadableError
from salus.model import Alert, Delivery, DeliveryState, Event, Observation, RecoveryRecord
from salus.ports import AlertQuery, Batch, EventQuery, RecoveryQuery, Snapshot
from salus.store import history_rows, queries
from salus.store.codec import to_micros
from salus.store.faults import reading, refused, unreadable, unwritable
from salus.store.ledger import CHECK_SECONDS, connect_reader, create, inspect, set_aside
from salus.store.outbox import Change, SqliteOutbox
from salus.store.reader import Reader
from salus.store.schema import SCHEMA, Schema
from salus.store.sqlite_history import SqliteHistory
from salus.store.work import Work, work
from salus.store.writer import Writer

__all__ = [
    "SqliteStore",
    "read_alerts",
    "read_bounds",
    "read_deliveries",
    "read_events",
    "read_observations",
    "read_past",
    "read_recoveries",
    "read_snapshot",
    "scan_events",
    "scan_recoveries",
    "set_aside",
]

if TYPE_CHECKING:  # a running agent reads no past: what can is not loaded there
    from salus.store.past import Past, PastQuery

T = TypeVar("T")

_CHECKPOINT_COMMITS = 400  # transactions between checkpoints: 5 to 10 MB of -wal file
_CHECKPOINT_ROWS = 2000
_MANY = 50
_PRUNE_ROWS = 200  # rows that go in one transaction: a writer waits a few milliseconds for it at most
_UPGRADE_SECONDS = 600.0

_PRUNE = (
    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < :before ORDER BY at LIMIT :rows)",
    """DELETE FROM recoveries WHERE id IN (
        SELECT id FROM recoveries WHERE started_at < :before AND outcome IS NOT NULL
        ORDER BY started_at LIMIT :rows)""",
    """DELETE FROM alerts WHERE id IN (
        SELECT id FROM alerts WHERE resolved_at < :before AND unheard = 0 ORDER BY resolved_at LIMIT :rows)""",
    """DELETE FROM deliveries WHERE id IN (
        SELECT id FROM deliveries WHERE ended_at < :before AND state <> 'waiting' ORDER BY ended_at LIMIT :rows)""",
    "DELETE FROM observations WHERE id IN (SELECT id FROM observations WHERE at < :before ORDER BY at LIMIT :rows)",
)


class SqliteStore(SqliteOutbox, SqliteHistory):
    """``salus.ports.Store`` in one file.

    A committed row survives ``kill -9`` at any instant. When the file cannot be written (full disk, read-only folder)
    each write says so, ``load`` and the queries go on, and the first write that is possible again succeeds. When it
    cannot be trusted nothing is ever written to it.
    """

    def __init__(self, path: Path, *, schema: Schema = SCHEMA, check_seconds: float = CHECK_SECONDS) -> None:
        """Stand before the file; nothing is touched yet.

        Args:
            path: the ledger. The caller holds the folder (``salus.store.lock.Lock``).
            schema: what this Salus reads and writes.
            check_seconds: how long ``open`` may spend on proving the file sound.
        """
        self._path = path
        self._schema = schema
        self._check_seconds = check_seconds
        self._commits = 0
        self._rows = 0
        self._shut: str = "is not open"
        self._reader = Reader(path)
        self._writer = Writer(path, prepare=self._prepare, committed=self._on_commit, closing=self._reader.release)

    # ── life ──

    async def open(self) -> None:
        """Make the ledger, upgrade it or prove it sound; then open it.

        Raises:
            StoreUnreadableError: it is there and cannot be trusted. It is left untouched, and every write is refused
                until ``open`` succeeds.
            StoreUnwritableError: it cannot be created or written now. Writes will try again.
        """
        self._shut = ""
        try:
            await self._writer.open()
        except StoreUnreadableError as error:
            self._shut = f"is not trusted ({error})"
            raise

    async def close(self) -> None:
        """Write what has queued up and let go of the file."""
        self._shut = "is not open"
        await self._writer.close()
        await self._reader.close()

    def _prepare(self) -> None:
        """Make sure that there is a sound ledger of our revision; on the writing thread."""
        found = inspect(self._path, self._schema, self._check_seconds)
        if found is None:
            create(self._path, self._schema)
        elif found != self._schema.head:
            _upgrade(self._path, self._schema)

    def _on_commit(self, count: int) -> None:
        self._commits += 1
        self._rows += count
        if self._commits >= _CHECKPOINT_COMMITS or self._rows >= _CHECKPOINT_ROWS:
            self._commits = self._rows = 0
            self._reader.checkpoint_soon()

    # ── writing ──

    async def write(self, batch: Batch) -> None:
        """Write all rows in one transaction; on return they survive a kill of this process.

        Raises:
            StoreUnwritableError: nothing was written; ``permanent`` when it never will be.
        """
        self._must_be_open()
        if len(batch) > _MANY:  # what takes long to put into rows must not hold up the loop
            await self._writer.write(lambda: self._work(batch))
        elif statements := self._work(batch):
            await self._writer.write(lambda: statements)

    def _work(self, batch: Batch) -> Work:
        try:
            return work(batch)
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise refused(self._path, f"cannot take the rows ({error})") from error

    async def prune(
        self,
        now: datetime,
        *,
        events_before: datetime,
        observations_before: datetime,
        days_before: datetime | None = None,
    ) -> int:
        """Forget old rows, a few per transaction, others' writes in between.

        Unfinished recoveries stay, and so do those of the last day, whose starts the budgets are counted from. So it is
        with alerts that have not ended and deliveries that wait, and with those that ended within the last day.

        Raises:
            StoreUnwritableError: it cannot be written now. What went so far is gone.
        """
        self._must_be_open()
        gone, kept = 0, min(events_before, now - queries.KEEP_STARTS)
        steps = [
            (sql, {"before": to_micros(before), "rows": _PRUNE_ROWS})
            for sql, before in zip(_PRUNE, (events_before, kept, kept, kept, observations_before), strict=True)
        ]
        for sql, values in [*steps, *history_rows.pruning(now, days_before, _PRUNE_ROWS)]:
            while count := await self._writer.change(sql, values):
                gone += count
        if gone:
            self._reader.checkpoint_soon()
        return gone

    async def _change(self, change: Change) -> bool:
        self._must_be_open()
        return await self._writer.change(*change) > 0

    def _must_be_open(self) -> None:
        if self._shut:
            raise unwritable(self._path, self._shut, "See the first complaint about it")

    # ── reading ──

    async def load(self, now: datetime) -> Snapshot:
        """Read what a starting Salus needs; nothing from a ledger that could not be made.

        Raises:
            StoreUnreadableError: rows cannot be read or understood.
        """
        return await self._read(lambda db: queries.load(self._path, db, now), Snapshot())

    async def events(self, query: EventQuery) -> Sequence[Event]:
        """Return events, newest first."""
        return await self._read(lambda db: queries.events(self._path, db, query), [])

    async def recoveries(self, query: RecoveryQuery) -> Sequence[RecoveryRecord]:
        """Return recoveries, newest first."""
        return await self._read(lambda db: queries.recoveries(self._path, db, query), [])

    async def alerts(self, query: AlertQuery) -> Sequence[Alert]:
        """Return alerts, newest first."""
        return await self._read(lambda db: queries.alerts(self._path, db, query), [])

    async def observations(self, check: str, *, since: datetime, limit: int = 1000) -> Sequence[Observation]:
        """Return recorded looks at one check, newest first."""
        return await self._read(lambda db: queries.observations(self._path, db, check, since, limit), [])

    async def _read(self, query: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        if self._missing():
            return nothing
        return await self._reader.call(query)

    def _missing(self) -> bool:
        return not os.path.lexists(self._path)


# ── For the command line: no loop, no thread, with or without a running agent ─────────────────────────────────────────


def read_events(path: Path, query: EventQuery) -> list[Event]:
    """Return events from a ledger, newest first.

    Raises:
        StoreUnreadableError: it is not there or cannot be read.
    """
    return _read_now(path, lambda db: queries.events(path, db, query))


def read_recoveries(path: Path, query: RecoveryQuery) -> list[RecoveryRecord]:
    """Return recoveries from a ledger, newest first.

    Raises:
        StoreUnreadableError: it is not there or cannot be read.
    """
    return _read_now(path, lambda db: queries.recoveries(path, db, query))


def read_alerts(path: Path, query: AlertQuery) -> list[Alert]:
    """Return alerts from a ledger, newest first.

    Raises:
        StoreUnreadableError: it is not there or cannot be read.
    """
    return _read_now(path, lambda db: queries.alerts(path, db, query))


def read_deliveries(
    path: Path, *, channel: str | None = None, state: DeliveryState | None = None, limit: int = 100
) -> list[Delivery]:
    """Return deliveries from a ledger, newest first.

    Raises:
        StoreUnreadableError: it is not there or cannot be read.
    """
    return _read_now(path, lambda db: queries.deliveries(path, db, channel, state, limit))


def read_observations(path: Path, check: str, *, since: datetime, limit: int = 1000) -> list[Observation]:
    """Return recorded looks at one check from a ledger, newest first.

    Raises:
        StoreUnreadableError: it is not there or cannot be read.
    """
    return _read_now(path, lambda db: queries.observations(path, db, check, since, limit))


def scan_events(path: Path, query: EventQuery) -> Iterator[Event]:
    """Go through all events that a query means, whatever its limit, oldest first; a page is in memory at a time.

    Raises:
        StoreUnreadableError: it is not there or cannot be read.
    """
    return _scan_now(path, lambda db: queries.scan_events(path, db, query))


def scan_recoveries(path: Path, query: RecoveryQuery) -> Iterator[RecoveryRecord]:
    """Go through recoveries likewise. What was captured before they acted, the bulk of a row, is left out.

    Raises:
        StoreUnreadableError: it is not there or cannot be read.
    """
    return _scan_now(path, lambda db: queries.scan_recoveries(path, db, query))


def read_past(path: Path, query: PastQuery) -> Past | None:
    """Return a stretch of the past from a ledger, as of one moment; None when there is nothing in that time.

    Raises:
        StoreUnreadableError: it is not there or cannot be read.
    """
    from salus.store import past

    return _read_now(path, lambda db: past.read(path, db, query))


def read_bounds(path: Path) -> tuple[datetime, datetime] | None:
    """Return the instants of the first and the last row of a ledger; None when it has none.

    Raises:
        StoreUnreadableError: it is not there or cannot be read.
    """
    from salus.store import past

    return _read_now(path, lambda db: past.bounds(path, db))


def read_snapshot(path: Path, now: datetime) -> Snapshot:
    """Return states, unfinished recoveries, budgets and alerts from a ledger.

    Raises:
        StoreUnreadableError: it is not there or cannot be read.
    """
    return _read_now(path, lambda db: queries.load(path, db, now))


def _read_now(path: Path, query: Callable[[sqlite3.Connection], T]) -> T:
    db = _open_now(path)
    try:
        return query(db)
    except sqlite3.Error as error:
        raise reading(path, error) from error
    finally:
        db.close()


def _scan_now(path: Path, query: Callable[[sqlite3.Connection], Iterator[T]]) -> Iterator[T]:
    db = _open_now(path)
    try:
        yield from query(db)
    finally:
        db.close()


def _open_now(path: Path) -> sqlite3.Connection:
    found = inspect(path, SCHEMA, check_seconds=0)
    if found is None:
        remedy = "Has Salus run with this state folder? Start it with 'salus run', or say which folder it uses"
        raise unreadable(path, "does not exist", remedy)
    if found != SCHEMA.head:
        raise unreadable(path, "was written by an older Salus", "The next 'salus run' upgrades it")
    return connect_reader(path)


# ── Upgrades ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _upgrade(path: Path, schema: Schema) -> None:
    """Bring an older ledger to our revision in a child process; on the writing thread, before anything else runs.

    Raises:
        StoreUnreadableError: it could not be upgraded; it is as it was.
    """
    import subprocess

    command = [sys.executable, "-m", "salus.store.migrate", str(path), "--migrations", str(schema.migrations)]
    paths = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": paths}
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            timeout=_UPGRADE_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1].removeprefix(f"{path}: ") if done.returncode and said else f"exit code {done.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    if inspect(path, schema, check_seconds=0) != schema.head:
        remedy = f"Run '{sys.executable} -m salus.store.migrate {path}' and see; the ledger is as it was"
        raise unreadable(path, f"could not be upgraded ({why})", remedy)

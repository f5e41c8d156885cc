"""SQLite, by the standard library."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from salus.checks._bounds import bounded_line
from salus.checks._refusals import hung_up
from salus.checks._sql_backend import Backend, QueryError, not_allowed, not_known, out_of_time, writes
from salus.clock import SystemClock
from salus.httpclient import ConnectError, HttpError, LocalError
from salus.model import Cause

_monotonic = SystemClock().monotonic
_STEPS = 10_000  # of SQLite's machine between two looks at the clock: some milliseconds


class Sqlite(Backend):
    """Opens a file that is there and never makes one; keeps to it until another file stands in its place."""

    def __init__(self, target: Any) -> None:
        """Open nothing yet."""
        super().__init__(target)
        self._identity: tuple[int, int] | None = None
        self._deadline = 0.0

    def connect(self, addresses: Sequence[str], peer: socket.socket | None, within: float) -> Any:
        """Open the file."""
        name = self.target.url.database or ":memory:"
        if name == ":memory:" or name.startswith("file:"):
            connection = sqlite3.connect(name, uri=True, isolation_level=None, check_same_thread=False, timeout=within)
        else:
            path = Path(name).absolute()
            self._identity = self._found(path)
            address = f"file:{quote(str(path))}?mode=rw"  # a file that is read-only is still opened, for reading
            connection = sqlite3.connect(
                address, uri=True, isolation_level=None, check_same_thread=False, timeout=within
            )
        connection.set_progress_handler(lambda: _monotonic() > self._deadline, _STEPS)
        return connection

    def begin(self, connection: Any, within: float) -> None:
        """Begin; the file must still be the one that was opened."""
        if self._identity is not None and self._found(Path(str(self.target.url.database))) != self._identity:
            raise ConnectError(f"{self.place} is another file now")
        self._deadline = _monotonic() + within
        connection.execute(f"PRAGMA busy_timeout = {max(1, int(within * 1000))}")
        connection.execute(f"PRAGMA query_only = {'ON' if self.target.read_only else 'OFF'}")
        connection.execute("BEGIN")

    def rollback(self, connection: Any) -> None:
        """End the transaction, where there still is one."""
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    def cancel(self, connection: Any) -> None:
        """Interrupt the statement."""
        self._deadline = 0.0
        connection.interrupt()

    def explain(self, error: Exception, connection: Any) -> HttpError:
        """Read the primary error code."""
        if not isinstance(error, sqlite3.Error):
            return super().explain(error, connection)
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        said = bounded_line(str(error), 300)
        if made := _MEANINGS.get(code):
            return made(self.place, said)
        if code == sqlite3.SQLITE_CANTOPEN:
            lesson = "let the user that Salus runs as read it, and its folder"
            return LocalError(f"{self.place} cannot be opened: {said}", remedy=lesson)
        if code == sqlite3.SQLITE_IOERR:
            return hung_up(self.place, said)
        return QueryError(f"{self.place}: {said}", cause=f"sqlite_{code}")

    def _found(self, path: Path) -> tuple[int, int]:
        """Return what tells the file from another of its name."""
        try:
            status = os.stat(path)  # noqa: PTH116 - as cheap as it gets, for every look
        except FileNotFoundError:
            missing = LocalError(f"{self.place} is not there", remedy="correct the path, or create the database")
            missing.cause = Cause.MISSING_FILE
            raise missing from None
        except OSError as error:
            failure = LocalError(f"{self.place} cannot be read: {error.strerror}")
            raise failure.because(error.errno or 0) from error
        return (status.st_dev, status.st_ino)


def _locked(place: str, said: str) -> QueryError:
    return QueryError(f"{place} is locked: {said}", cause="locked", remedy="find who holds it")


_MEANINGS = {
    sqlite3.SQLITE_INTERRUPT: out_of_time,
    sqlite3.SQLITE_BUSY: _locked,
    sqlite3.SQLITE_LOCKED: _locked,
    sqlite3.SQLITE_READONLY: writes,
    sqlite3.SQLITE_PERM: not_allowed,
    sqlite3.SQLITE_AUTH: not_allowed,
    sqlite3.SQLITE_ERROR: not_known,
}

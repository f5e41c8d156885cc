"""PostgreSQL, by psycopg."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from salus.checks._bounds import bounded_line
from salus.checks._refusals import NotKnownError, hung_up, no_login, silent
from salus.checks._sql_backend import (
    MOST_ROWS,
    Backend,
    QueryError,
    Table,
    not_allowed,
    not_known,
    out_of_time,
    shut,
    table,
    writes,
)
from salus.httpclient import AnswerError, HttpError, explain

_CANCELLING = 0.8
_LEAST_TIMEOUT = 2  # seconds: libpq takes no less for connecting
# What the operating system told libpq, which passes only its words on.
_NUMBERS = (
    errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOENT,
    errno.EACCES, errno.EMFILE, errno.EADDRNOTAVAIL,
)  # fmt: skip
_LOGIN_WORDS = ("authentication failed", "no password supplied", "pg_hba.conf", "role ")


class Postgresql(Backend):
    """Reads row by row, in a read-only transaction with a statement time-out of its own, in one round trip to begin."""

    def connect(self, addresses: Sequence[str], peer: socket.socket | None, within: float) -> Any:
        """Connect; the name was resolved before, so that a resolver that is down is told from a server that is."""
        _, named = self.target.arguments()
        if addresses:
            named["host"] = ",".join([str(named["host"])] * len(addresses))
            named["hostaddr"] = ",".join(addresses)
        named.setdefault("application_name", "salus")
        named["connect_timeout"] = max(_LEAST_TIMEOUT, int(within / max(1, len(addresses))))
        return psycopg.connect(autocommit=True, prepare_threshold=None, **named)

    def begin(self, connection: Any, within: float) -> None:
        """Begin, with bounds that end with the transaction: so they hold behind a pooler, too."""
        mode = "READ ONLY" if self.target.read_only else "READ WRITE"
        connection.execute(f"BEGIN {mode}; SET LOCAL statement_timeout = {max(1, int(within * 1000))}")

    def fetch(self, connection: Any, query: str) -> Table:
        """Run the query and stop after the most rows there may be."""
        rows: list[Sequence[Any]] = []
        with connection.cursor() as cursor:
            stream = cursor.stream(query)
            try:
                for row in stream:
                    rows.append(row if not rows else ())  # only the first is looked at
                    if len(rows) > MOST_ROWS:
                        break
            except psycopg.ProgrammingError as error:
                if error.sqlstate or connection.info.transaction_status is not TransactionStatus.INTRANS:
                    raise  # else it was done, and is a statement that gives no rows
            finally:
                stream.close()
            return table(cursor.description, rows)

    def cancel(self, connection: Any) -> None:
        """Ask the server to cancel."""
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=_CANCELLING)

    def cut(self, connection: Any) -> None:
        """Shut its socket down."""
        with suppress(psycopg.Error):
            shut(connection.pgconn.socket)

    def explain(self, error: Exception, connection: Any) -> HttpError:
        """Read the SQLSTATE; while connecting libpq has only words."""
        if not isinstance(error, psycopg.Error):
            return super().explain(error, connection)
        said = _words(error)
        state = error.sqlstate or ""
        if state.startswith("28"):
            return no_login(self.place, said)
        if connection is None:
            return self._unconnected(error, said)
        if connection.closed or connection.broken or state[:2] == "08" or state in ("57P01", "57P02", "57P03"):
            return hung_up(self.place, said)
        return self._refused(state, said)

    def _refused(self, state: str, said: str) -> QueryError:
        if state == "57014":
            return out_of_time(self.place, said)
        if state == "25006":
            return writes(self.place, said)
        if state == "42501":
            return not_allowed(self.place, said)
        if state[:2] in ("42", "3D", "3F", "0A") or not state:
            return not_known(self.place, said)
        return QueryError(f"{self.place} answered: {said}", cause=f"sqlstate_{state}")

    def _unconnected(self, error: psycopg.Error, said: str) -> HttpError:
        if isinstance(error, psycopg.errors.ConnectionTimeout):
            return silent(self.place)
        for number in _NUMBERS:
            if os.strerror(number) in str(error):
                return explain(OSError(number, os.strerror(number)), self.place)
        if 'database "' in said and "does not exist" in said:
            return NotKnownError(f"{self.place}: {said}", remedy="correct the name of the database")
        if any(word in said for word in _LOGIN_WORDS):
            return no_login(self.place, said)
        return AnswerError(f"{self.place} cannot be connected to: {said}")


def _words(error: psycopg.Error) -> str:
    """Return what the server said, without the driver's story of where that was."""
    text = error.diag.message_primary or str(error)
    return bounded_line(text.rpartition(" failed: ")[2] if text.startswith("connection ") else text, 300)

"""What databases do not have in common: how a statement is bounded, cancelled, kept from writing, and what errors mean.

SQLAlchemy reads the URL and chooses the driver; the connection is the driver's own. Drivers are synchronous, for not
every database has another, so all of this runs in threads (``_sql_session``).
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import URL, Dialect

from salus.checks._bounds import bounded_line
from salus.checks._refusals import RefusedError, hung_up
from salus.httpclient import AnswerError, HttpError
from salus.httpclient.dial import Endpoint
from salus.model import Cause

MOST_ROWS = 10_000
"""No more rows than these are fetched and counted: a query of a huge table must not fill our memory."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a database is.

    Attributes:
        url: with the password.
        dialect: SQLAlchemy's, its driver loaded.
        endpoint: host and port, or a unix socket; None where it is a file, or somewhere that only the driver knows.
        place: for messages.
        read_only: keep statements from writing.
    """

    url: URL
    dialect: Dialect
    endpoint: Endpoint | None
    place: str
    read_only: bool

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """Return what the driver's ``connect`` takes."""
        positional, named = self.dialect.create_connect_args(self.url)
        return list(positional), dict(named)


@dataclass(frozen=True, slots=True)
class Table:
    """What a query gave: the names of its columns, its first row, and how many rows there are (``more``: at least)."""

    columns: tuple[str, ...]
    first: tuple[Any, ...] | None
    rows: int
    more: bool = False


class QueryError(RefusedError):
    """The server answered a statement with an error; the connection still stands."""

    def __init__(self, message: str, *, ours: bool = False, cause: str = "", remedy: str | None = None) -> None:
        """Say whether that is for the config to mend (``ours``), and name the cause."""
        super().__init__(message, remedy=remedy, cause=cause)
        self.ours = ours


class Backend:
    """Any database that SQLAlchemy has a synchronous driver for, without what only some can do."""

    dials = False
    """Whether ``connect`` takes a socket that is connected already."""

    def __init__(self, target: Target) -> None:
        """Connect to nothing yet."""
        self.target = target
        self.place = target.place

    def connect(self, addresses: Sequence[str], peer: socket.socket | None, within: float) -> Any:
        """Return a connection of the driver.

        Args:
            addresses: of the host; none where there is nothing to resolve.
            peer: a socket that is connected, where ``dials`` says that it takes one.
            within: seconds that this, and later each statement, may take.
        """
        positional, named = self.target.arguments()
        return self.target.dialect.connect(*positional, **named)

    def begin(self, connection: Any, within: float) -> None:
        """Begin a transaction, whose statement may take so many seconds. Fails where the connection is lost."""

    def fetch(self, connection: Any, query: str) -> Table:
        """Run a query."""
        cursor = connection.cursor()
        try:
            cursor.execute(query)
            return table(cursor.description, cursor.fetchmany(MOST_ROWS + 1) if cursor.description else [])
        finally:
            cursor.close()

    def rollback(self, connection: Any) -> None:
        """End the transaction and undo it."""
        connection.rollback()

    def cancel(self, connection: Any) -> None:
        """Stop, from another thread and within a second, what the server does for us."""

    def cut(self, connection: Any) -> None:
        """Make, from another thread, whoever waits for that connection wait no more."""

    def close(self, connection: Any) -> None:
        """Close it."""
        connection.close()

    def explain(self, error: Exception, connection: Any) -> HttpError:
        """Turn an error of the driver into one that teaches; ``QueryError`` where the connection still stands."""
        if isinstance(error, HttpError):
            return error
        said = bounded_line(str(error), 300)
        lost: bool = connection is not None and self.target.dialect.is_disconnect(error, connection, None)  # type: ignore[arg-type]
        if lost or isinstance(error, ConnectionError):
            return hung_up(self.place, said)
        if connection is None:
            return AnswerError(f"{self.place} cannot be connected to: {said}")
        return QueryError(f"{self.place} answered: {said}", cause="query_failed")


def table(description: Sequence[Sequence[Any]] | None, rows: Sequence[Sequence[Any]]) -> Table:
    """Read what a cursor gave."""
    columns = tuple(str(column[0]) for column in description or ())
    first = tuple(rows[0]) if rows else None
    return Table(columns, first, min(len(rows), MOST_ROWS), more=len(rows) > MOST_ROWS)


def out_of_time(place: str, said: str) -> QueryError:
    """Say that a statement was stopped because it took too long."""
    lesson = "give the check a longer timeout, or the query an index"
    return QueryError(f"{place} did not finish the query in time: {said}", cause=Cause.TIMEOUT, remedy=lesson)


def not_known(place: str, said: str) -> QueryError:
    """Say that the query asks for what is not there."""
    return QueryError(f"{place} cannot run the query: {said}", ours=True, cause=Cause.NOT_KNOWN, remedy="correct it")


def not_allowed(place: str, said: str) -> QueryError:
    """Say that our user may not do what the query does."""
    lesson = "grant it to that user"
    return QueryError(f"{place} forbids the query: {said}", ours=True, cause=Cause.PERMISSION, remedy=lesson)


def writes(place: str, said: str) -> QueryError:
    """Say that the query wants to write."""
    lesson = "a check should only read; if it must write, say read_only: false (it is rolled back all the same)"
    return QueryError(f"{place} runs no query that writes: {said}", ours=True, cause=Cause.PERMISSION, remedy=lesson)


def shut(descriptor: int) -> None:
    """Shut a socket down that a driver holds, so that a thread that reads it wakes up."""
    with suppress(OSError):
        copy = socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM)
        try:
            copy.shutdown(socket.SHUT_RDWR)
        finally:
            copy.close()

"""MariaDB and MySQL, by PyMySQL."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pymysql

from salus.checks._bounds import bounded_line
from salus.checks._refusals import NotKnownError, hung_up, no_login, silent
from salus.checks._sql_backend import (
    MOST_ROWS,
    Backend,
    QueryError,
    not_allowed,
    not_known,
    out_of_time,
    shut,
    writes,
)
from salus.httpclient import AnswerError, HttpError, explain

_CANCELLING = 0.8
_LOST = frozenset({0, 1053, 1077, 1079, 1080, 1927, 2006, 2013, 2014, 2055, 4031})
_LOGIN = frozenset({1045, 1698, 3118, 4151})
_STOPPED = frozenset({1317, 1969, 3024})
_FORBIDDEN = frozenset({1044, 1142, 1143, 1227, 1370})
_NOT_THERE = frozenset({1046, 1049, 1054, 1064, 1109, 1146, 1305})
_READ_ONLY = frozenset({1290, 1792, 1836})


class Mariadb(Backend):
    """Bounds statements and rows by variables of its session."""

    dials = True

    def connect(self, addresses: Sequence[str], peer: socket.socket | None, within: float) -> Any:
        """Log in over the socket that was connected, and set the session up."""
        named = self._arguments()
        connection = pymysql.connect(
            **{**named, "defer_connect": True, "read_timeout": within, "write_timeout": within, "autocommit": True}
        )
        connection.connect(peer)
        try:
            mode = "READ ONLY" if self.target.read_only else "READ WRITE"
            with connection.cursor() as cursor:
                cursor.execute(f"SET SESSION sql_select_limit = {MOST_ROWS + 1}")
                cursor.execute(f"SET SESSION TRANSACTION {mode}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _arguments(self) -> dict[str, Any]:
        _, named = self.target.arguments()
        if isinstance(password := named.get("password"), str):
            named["password"] = password.encode()  # the driver itself knows no letters beyond Latin 1
        return named

    def begin(self, connection: Any, within: float) -> None:
        """Bound the statement; a transaction is needed only where there may be something to roll back."""
        maria = "mariadb" in str(connection.get_server_info()).lower()
        bound = f"max_statement_time = {within:.3f}" if maria else f"max_execution_time = {within * 1000:.0f}"
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION {bound}")
            if not self.target.read_only:
                cursor.execute("START TRANSACTION")

    def cancel(self, connection: Any) -> None:
        """Kill the statement over a second connection."""
        named = self._arguments()
        bounds = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), _CANCELLING)
        with suppress(pymysql.Error, OSError):
            other = pymysql.connect(**{**named, **bounds, "autocommit": True})
            try:
                with other.cursor() as cursor:
                    cursor.execute(f"KILL QUERY {int(connection.thread_id())}")
            finally:
                other.close()

    def cut(self, connection: Any) -> None:
        """Shut its socket down."""
        peer = connection._sock  # noqa: SLF001 - the driver has no other way to end a wait
        if peer is not None:
            with suppress(OSError):
                shut(peer.fileno())

    def close(self, connection: Any) -> None:
        """Close it; the driver minds when it is closed already."""
        if connection.open:
            connection.close()

    def explain(self, error: Exception, connection: Any) -> HttpError:
        """Read the error's number."""
        if not isinstance(error, pymysql.Error):
            return super().explain(error, connection)
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        said = bounded_line(str(error.args[-1] if error.args else error), 300)
        if number in _LOGIN:
            return no_login(self.place, said)
        if connection is None:
            return self._unconnected(error, number, said)
        if number in _LOST or not connection.open:
            return hung_up(self.place, said)
        if number in _STOPPED:
            return out_of_time(self.place, said)
        return self._refused(number, said)

    def _refused(self, number: int, said: str) -> QueryError:
        for numbers, made in ((_FORBIDDEN, not_allowed), (_NOT_THERE, not_known), (_READ_ONLY, writes)):
            if number in numbers:
                return made(self.place, said)
        return QueryError(f"{self.place} answered: {said} ({number})", cause=f"error_{number}")

    def _unconnected(self, error: pymysql.Error, number: int, said: str) -> HttpError:
        reason = getattr(error, "original_exception", None)
        if isinstance(reason, TimeoutError) or "timed out" in said:
            return silent(self.place)
        if isinstance(reason, OSError):
            return explain(reason, self.place)
        if number in (1044, 1049):
            return NotKnownError(f"{self.place}: {said}", remedy="correct the name of the database, or grant it")
        if number in _LOST:
            return hung_up(self.place, said)
        return AnswerError(f"{self.place} cannot be connected to: {said}")

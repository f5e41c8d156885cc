"""One connection to a database, worked with in threads.

A thread cannot be cancelled, but what it waits for can end: a look that is cancelled has its statement cancelled at the
server, then the socket shut down under the driver, so that the thread comes back at once. The connection is closed by
whoever held it last, never under a thread that still uses it. (A driver that is just connecting is waited for by
nobody: it ends by its own time-out, and what it brings back is closed.)
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from salus.checks._dialled import LAST_WORD, addresses, dialled
from salus.checks._sql_backend import Backend, QueryError, Table
from salus.errors import CheckBrokenError
from salus.httpclient import HttpError
from salus.ports import Look
from salus.threads import Threads

# Shared by all sql checks.
THREADS = Threads(16, "salus-sql-check")
_STATEMENT = 0.75  # of what is left of the look: the server's word comes before ours
_T = TypeVar("_T")


class SqlSession:
    """A connection: open, begin, query, let go."""

    def __init__(self, backend: Backend) -> None:
        """Open nothing yet."""
        self._backend = backend
        self._connection: Any = None
        self._lock = threading.Lock()
        self._busy = False
        self._dropped = False

    @classmethod
    async def opened(cls, backend: Backend, look: Look) -> SqlSession:
        """Connect.

        Raises:
            HttpError: it failed; nothing is left open.
        """
        session = cls(backend)
        target, peer = backend.target, None
        found: tuple[str, ...] = ()
        if backend.dials and target.endpoint is not None:
            peer = await dialled(target.endpoint, look)
            peer.setblocking(True)
        elif target.endpoint is not None and target.endpoint.unix_socket is None:
            found = tuple(await addresses(target.endpoint, look))
        try:
            await THREADS.run(session._connect, found, peer, look.remaining * LAST_WORD)
        except BaseException:
            session.drop()
            if peer is not None:
                with suppress(OSError):
                    peer.shutdown(socket.SHUT_RDWR)
                if not session._busy:
                    peer.close()
            raise
        return session

    async def alive(self, look: Look) -> None:
        """Begin the transaction of this look."""
        await THREADS.run(self._work, self._begin, look.remaining * _STATEMENT)

    async def query(self, query: str) -> Table | QueryError:
        """Run the query and end the transaction; an error that leaves the connection alone is an answer, too.

        Raises:
            HttpError: the connection is lost.
        """
        return await THREADS.run(self._work, self._query, query)

    def drop(self) -> None:
        """Let go of it at once, from the loop: whatever takes time is done in a thread."""
        with self._lock:
            if self._dropped:
                return
            self._dropped = True
            if self._connection is None:
                return
        thread = threading.Thread(target=self._end, name="salus-sql-end", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left
            self._backend.cut(self._connection)

    async def close(self) -> None:
        """Close it."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await THREADS.run(self._closed, connection)
        except CheckBrokenError:  # no thread is left for that
            self._backend.cut(connection)

    # ── In a thread ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _connect(self, found: tuple[str, ...], peer: socket.socket | None, within: float) -> None:
        self._busy = True
        try:
            connection = self._backend.connect(found, peer, within)
        except Exception as error:  # noqa: BLE001 - a driver raises what it likes; and it may quote the URL
            raise self._backend.explain(error, None) from None
        finally:
            self._busy = False
        with self._lock:
            if not self._dropped:
                self._connection = connection
                return
        self._closed(connection)

    def _work(self, call: Callable[[Any, Any], _T], argument: Any) -> _T:
        """Do something with the connection; close it afterwards where it was dropped meanwhile."""
        with self._lock:
            connection = self._connection
            self._busy = connection is not None and not self._dropped
        if not self._busy:
            raise HttpError("the connection was let go of")
        try:
            return call(connection, argument)
        except Exception as error:  # noqa: BLE001 - as above
            raise self._backend.explain(error, connection) from None
        finally:
            with self._lock:
                self._busy = False
                mine = self._dropped and self._connection is not None
                if mine:
                    self._connection = None
            if mine:
                self._closed(connection)

    def _begin(self, connection: Any, within: float) -> None:
        self._backend.begin(connection, within)

    def _query(self, connection: Any, query: str) -> Table | QueryError:
        try:
            answer: Table | QueryError = self._backend.fetch(connection, query)
        except Exception as error:  # noqa: BLE001 - as above
            failure = self._backend.explain(error, connection)
            if not isinstance(failure, QueryError):
                raise failure from None
            answer = failure
        self._backend.rollback(connection)
        return answer

    def _end(self) -> None:
        """Cancel and cut what a thread still waits for; where none does, close."""
        with self._lock:
            busy, connection = self._busy, self._connection
            if not busy:
                self._connection = None
        if connection is None:
            return
        if busy:
            self._backend.cancel(connection)
            with self._lock:
                if not self._busy or self._connection is None:
                    return
                self._backend.cut(connection)
            return
        self._closed(connection)

    def _closed(self, connection: Any) -> None:
        with suppress(Exception):
            self._backend.close(connection)

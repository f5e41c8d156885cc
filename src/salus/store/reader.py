"""The thread that reads, started when first asked: a long history never holds up a write. It makes checkpoints too."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, TypeVar

from salus.errors import StoreUnreadableError
from salus.store.ledger import checkpoint, connect_reader
from salus.store.writer import Job

T = TypeVar("T")

_PATIENCE = 5.0


class Reader:
    """Owns a read-only connection, and opens a writing one for the moment of a checkpoint."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet."""
        self._path = path
        self._queue: SimpleQueue[Job[Any] | Callable[[], object] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._starting = Lock()
        self._db: sqlite3.Connection | None = None

    async def call(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function with the connection, on the reading thread.

        Raises:
            StoreUnreadableError: the file cannot be opened.
        """
        job = Job(lambda: self._with_connection(function))
        self._put(job)
        return await job.future

    def checkpoint_soon(self) -> None:
        """Ask for a checkpoint when nobody waits for rows; from any thread."""
        self._put(lambda: checkpoint(self._path))

    def release(self) -> None:
        """Let go of the file, and return when that is done (or after a while); from any other thread."""
        if self._thread is None:
            return
        done = Event()

        def let_go() -> None:
            self._disconnect()
            done.set()

        self._put(let_go)
        done.wait(_PATIENCE)

    async def close(self) -> None:
        """Finish what has queued up, close the file and end the thread."""
        if self._thread is None:
            return
        job = Job(self._disconnect)
        self._put(job)
        await job.future
        self._queue.put(None)
        self._thread.join()
        self._thread = None

    def _put(self, job: Job[Any] | Callable[[], object]) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="salus-store-reader", daemon=True)
                self._thread.start()
        self._queue.put(job)

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            if isinstance(job, Job):
                job.run()
            else:
                job()

    def _with_connection(self, function: Callable[[sqlite3.Connection], T]) -> T:
        if self._db is None:
            self._db = connect_reader(self._path)
        try:
            return function(self._db)
        except StoreUnreadableError:
            self._disconnect()  # the next one opens the file afresh: it may have been mended or replaced
            raise

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
